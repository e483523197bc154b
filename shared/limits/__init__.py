"""Bounds on what a client may send, and on how often it may be refused."""
