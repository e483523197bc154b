"""Recognition: what runs by itself."""
