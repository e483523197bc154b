"""A running service: its settings, its resources in order, its command line."""
