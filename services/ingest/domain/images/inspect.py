"""Distinguishes a whole still image from junk, a truncated file or a bomb, whatever its declared type."""

from services.ingest.domain.images.frame import Frame, unsupported_kind
from services.ingest.domain.images.jpeg import inspect_jpeg
from services.ingest.domain.images.png import SIGNATURE, inspect_png
from services.ingest.domain.images.webp import inspect_webp

_NAMED = {
    b"GIF8": "a GIF",
    b"BM": "a BMP",
    b"II*\x00": "a TIFF",
    b"MM\x00*": "a TIFF",
    b"%PDF": "a PDF",
    b"<": "markup",
    b"{": "JSON",
}


def inspect(data: bytes) -> Frame:
    """Identify `data` as an image.

    Raises: UnsupportedMedia unless it is a still JPEG, PNG or WebP; Malformed for a truncated or contradictory
    file; TooLarge for more than 50 megapixels.
    """
    if data.startswith(b"\xff\xd8\xff"):
        return inspect_jpeg(data)
    if data.startswith(SIGNATURE):
        return inspect_png(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return inspect_webp(data)
    raise unsupported_kind(_what(data))


def _what(data: bytes) -> str:
    if not data:
        return "the body is empty"
    if data[4:8] == b"ftyp":
        return "this is an ISO media file (HEIF, AVIF or MP4)"
    for start, name in _NAMED.items():
        if data.startswith(start):
            return f"this is {name}"
    return "this is not an image of a known format"
