"""Recognition: its worker processes."""
