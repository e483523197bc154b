"""Audit: the rules."""
