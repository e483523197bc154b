"""Retention: what runs by itself."""
