"""Audit: the rules of the log, without queries and input or output."""
