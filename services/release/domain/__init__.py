"""Release: the rules."""
