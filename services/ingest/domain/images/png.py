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

SIGNATURE = b"\x89PNG\r\n\x1a\n"

_DEPTHS = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
"""Bit depths by colour type, table 12 of the standard."""

_CHUNK_TYPE = re.compile(rb"[A-Za-z]{4}")
_KNOWN_CRITICAL = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})


def inspect_png(data: bytes) -> Frame:
    """Return the sides. Raises: Malformed, TooLarge, UnsupportedMedia."""
    kind, header, at = _chunk(data, len(SIGNATURE))
    if kind != b"IHDR":
        raise broken("its first chunk is not IHDR")
    frame, indexed = _header(bytes(header))
    palette = pixels = pixels_over = False
    for count in itertools.count():
        check_pieces(count)
        kind, body, at = _chunk(data, at)
        if kind == b"IEND":
            break
        if kind == b"IDAT":
            if pixels_over:
                raise broken("its IDAT chunks are not together")
            pixels = pixels or bool(body)
            continue
        pixels_over = pixels
        palette = palette or kind == b"PLTE"
        _inspect(kind)
    if not pixels or (indexed and not palette):
        raise broken("it ends without its picture data or its palette")
    if data[at:].strip(b"\x00"):
        raise broken(f"{len(data) - at} bytes follow its end")
    return frame


def _header(body: bytes) -> tuple[Frame, bool]:
    if len(body) != 13:
        raise broken("its IHDR chunk has the wrong length")
    width_px, height_px = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
    check_sides(width_px, height_px)
    depth, colour, compression, filtering, interlace = body[8:]
    if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        raise broken("its IHDR chunk contradicts itself")
    return Frame("image/png", width_px, height_px), colour == 3


def _chunk(data: bytes, at: int) -> tuple[bytes, memoryview, int]:
    """Check the CRC of the chunk at `at`; returns its type and body, and the position of the next."""
    length = int.from_bytes(data[at : at + 4], "big")
    end = at + 12 + length
    if at + 12 > len(data) or end > len(data):
        raise broken("it is truncated")
    kind = data[at + 4 : at + 8]
    if not _CHUNK_TYPE.fullmatch(kind):
        raise broken(f"the chunk at byte {at} has no name")
    whole = memoryview(data)[at + 4 : end - 4]
    if zlib.crc32(whole) != int.from_bytes(data[end - 4 : end], "big"):
        raise broken(f"the chunk at byte {at} was changed: its CRC is wrong")
    return kind, whole[4:], end


def _inspect(kind: bytes) -> None:
    if kind == b"acTL":
        raise unsupported_kind("this PNG is animated")
    if kind == b"IHDR":
        raise broken("it has two IHDR chunks")
    if not kind[0] & 0x20 and kind not in _KNOWN_CRITICAL:
        raise broken(f"it needs an unknown chunk, {kind.decode()}")
