"""Ingest: what runs by itself."""
