"""Distinguishes a whole still image from junk, a truncated file or a bomb, whatever its declared type."""

from services.ingest.domain.images.frame import Frame, unsupported_kind
from services.ingest.domain.images.jpeg import inspect_jpeg
from services.ingest.domain.images.png import SIGNATURE, inspect_png
from services.ingest.domain.images.webp import inspect_webp
from services.ingest.domain.problem_codes import ImageKind

_NAMED = {
    b"GIF8": ImageKind.GIF,
    b"BM": ImageKind.BMP,
    b"II*\x00": ImageKind.TIFF,
    b"MM\x00*": ImageKind.TIFF,
    b"%PDF": ImageKind.PDF,
    b"<": ImageKind.MARKUP,
    b"{": ImageKind.JSON,
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
    raise unsupported_kind(_kind(data))


def _kind(data: bytes) -> ImageKind:
    if not data:
        return ImageKind.EMPTY
    if data[4:8] == b"ftyp":
        return ImageKind.ISO_MEDIA
    return next(
        (kind for start, kind in _NAMED.items() if data.startswith(start)), ImageKind.UNKNOWN
    )
