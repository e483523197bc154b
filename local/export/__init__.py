"""Exports of everything that a department has in open formats, and their import elsewhere (ADR-0082)."""
