"""The only code that touches retention's tables."""
