"""Inspects an image by its bytes, without decoding its pixels."""

from services.ingest.domain.images.frame import Frame
from services.ingest.domain.images.inspect import inspect

__all__ = ["Frame", "inspect"]
