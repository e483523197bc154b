"""What identity does, each in one transaction with the events that tell of it."""
