"""A frame as a camera sends it."""

from tests.unit.ingest import pictures as p

FRAME = p.jpeg()
