"""Hotlist: the rules."""
