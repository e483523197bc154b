"""Hotlist's actions: what a caller can do with lists, versions, entries and hits; and what a purge does to hits."""
