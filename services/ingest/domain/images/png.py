"""Inspects a PNG (third edition) by its chunks: lengths, order and CRCs from signature to IEND.

Bytes after IEND: zeros, as a block device leaves them, are accepted; anything else is refused.
"""

import itertools
import re
import zlib

from services.ingest.domain.images.frame import (
    Frame,
    broken,
    check_pieces,
    check_sides,
    unsupported_kind,
)
from services.ingest.domain.problem_codes import ImageDefect, ImageKind

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
"""Bit depths by colour type, table 12 of the standard."""

_CHUNK_TYPE = re.compile(rb"[A-Za-z]{4}")
_KNOWN_CRITICAL = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})


def inspect_png(data: bytes) -> Frame:
    """Return the sides. Raises: Malformed, TooLarge, UnsupportedMedia."""
    kind, header, at = _chunk(data, len(SIGNATURE))
    if kind != b"IHDR":
        raise broken(ImageDefect.HEADER_LATE, len(SIGNATURE))
    frame, indexed = _header(bytes(header))
    palette = pixels = pixels_over = False
    for count in itertools.count():
        check_pieces(count)
        start = at
        kind, body, at = _chunk(data, at)
        if kind == b"IEND":
            break
        if kind == b"IDAT":
            if pixels_over:
                raise broken(ImageDefect.CHUNKS_APART, start)
            pixels = pixels or bool(body)
            continue
        pixels_over = pixels
        palette = palette or kind == b"PLTE"
        _inspect(kind, start)
    if not pixels:
        raise broken(ImageDefect.NO_PICTURE, start)
    if indexed and not palette:
        raise broken(ImageDefect.PALETTE_MISSING, start)
    if data[at:].strip(b"\x00"):
        raise broken(ImageDefect.TRAILING_BYTES, at)
    return frame


def _header(body: bytes) -> tuple[Frame, bool]:
    if len(body) != 13:
        raise broken(ImageDefect.HEADER_LENGTH, len(SIGNATURE))
    width_px, height_px = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
    check_sides(width_px, height_px, len(SIGNATURE))
    depth, colour, compression, filtering, interlace = body[8:]
    if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        raise broken(ImageDefect.HEADER_CONTRADICTION, len(SIGNATURE))
    return Frame("image/png", width_px, height_px), colour == 3


def _chunk(data: bytes, at: int) -> tuple[bytes, memoryview, int]:
    """Check the CRC of the chunk at `at`; returns its type and body, and the position of the next."""
    length = int.from_bytes(data[at : at + 4], "big")
    end = at + 12 + length
    if at + 12 > len(data) or end > len(data):
        raise broken(ImageDefect.TRUNCATED, len(data))
    kind = data[at + 4 : at + 8]
    if not _CHUNK_TYPE.fullmatch(kind):
        raise broken(ImageDefect.CHUNK_NAME, at)
    whole = memoryview(data)[at + 4 : end - 4]
    if zlib.crc32(whole) != int.from_bytes(data[end - 4 : end], "big"):
        raise broken(ImageDefect.CHUNK_CHECKSUM, at)
    return kind, whole[4:], end


def _inspect(kind: bytes, start: int) -> None:
    if kind == b"acTL":
        raise unsupported_kind(ImageKind.ANIMATED_PNG)
    if kind == b"IHDR":
        raise broken(ImageDefect.SECOND_HEADER, start)
    if not kind[0] & 0x20 and kind not in _KNOWN_CRITICAL:
        raise broken(ImageDefect.CHUNK_UNKNOWN, start)
