"""A running service: its settings, the start and stop of its resources, its command line."""
