"""Ingest: the only queries."""
