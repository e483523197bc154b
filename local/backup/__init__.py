"""Backup and restore of an installation: database, objects and sealed keys, as of one moment (ADR-0072)."""
