"""The rules for keeping, finding and destroying records; no input or output."""
