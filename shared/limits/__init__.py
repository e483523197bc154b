"""Bounds on the requests of a client, and on the number of its refusals."""
