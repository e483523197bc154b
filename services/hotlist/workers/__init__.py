"""Hotlist: background tasks."""
