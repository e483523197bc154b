"""Hotlist: what runs by itself."""
