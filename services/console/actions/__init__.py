"""Console: what a caller can have done, one module for each."""
