"""Ingest: the rules."""
