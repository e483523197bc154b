"""Ingest: its use cases: captures, edge reads, and the device registry."""
