"""Ingest: its background tasks."""
