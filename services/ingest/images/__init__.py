"""What an image is, from its bytes alone and without decoding a pixel."""

from services.ingest.images.frame import Frame
from services.ingest.images.inspect import inspect

__all__ = ["Frame", "inspect"]
