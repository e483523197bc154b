"""Audit: the use cases, one module for each."""
