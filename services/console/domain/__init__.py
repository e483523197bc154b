"""Console: the rules."""
