"""Retention's actions: what a caller can do, one module each."""
