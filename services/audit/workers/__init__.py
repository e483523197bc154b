"""Audit: background tasks."""
