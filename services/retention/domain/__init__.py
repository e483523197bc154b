"""The rules of keeping, finding and destroying records; no machinery."""
