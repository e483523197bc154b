"""Trains the plate detector and the plate reader that recognition runs; no service imports it."""
