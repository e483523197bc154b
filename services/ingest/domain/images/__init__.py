"""What an image is, from its bytes alone and without decoding a pixel."""

from services.ingest.domain.images.frame import Frame
from services.ingest.domain.images.inspect import inspect

__all__ = ["Frame", "inspect"]
