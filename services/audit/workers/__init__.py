"""Audit: what runs by itself."""
