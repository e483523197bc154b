"""Inspects a WebP (RFC 9649) by its RIFF chunks: sizes from the container and from the picture must agree.

WebP has neither an end marker nor checksums, so a hole filled up to the declared length is not detected. Bytes after
the RIFF chunk: zeros, as a block device leaves them, are accepted; anything else is refused.
"""

import itertools

from services.ingest.domain.images.frame import (
    Frame,
    broken,
    check_pieces,
    check_sides,
    unsupported_kind,
)
from services.ingest.domain.problem_codes import ImageDefect, ImageKind

_ANIMATION = 0x02
_PICTURES = frozenset({b"VP8 ", b"VP8L"})


def inspect_webp(data: bytes) -> Frame:
    """Return the sides. Raises: Malformed, TooLarge, UnsupportedMedia."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise broken(ImageDefect.TRUNCATED, len(data))
    if end < 20 or data[end:].strip(b"\x00"):
        raise broken(ImageDefect.LENGTH_DIFFERS, min(end, len(data)))
    canvas: tuple[int, int] | None = None
    picture: tuple[int, int] | None = None
    pictured_at = at = 12
    for count in itertools.count():
        if at >= end:
            break
        check_pieces(count)
        start = at
        kind, body, at = _chunk(data, at, end)
        if kind in (b"ANIM", b"ANMF"):
            raise unsupported_kind(ImageKind.ANIMATED_WEBP)
        if kind == b"VP8X":
            if canvas or picture:
                raise broken(ImageDefect.HEADER_LATE, start)
            canvas = _extended(body, start)
        elif kind in _PICTURES:
            if picture:
                raise broken(ImageDefect.SECOND_PICTURE, start)
            pictured_at = start
            picture = _lossy(body, start) if kind == b"VP8 " else _lossless(body, start)
    if picture is None:
        raise broken(ImageDefect.NO_PICTURE, end)
    check_sides(*picture, pictured_at)
    if canvas not in (None, picture):
        raise broken(ImageDefect.SIZES_DIFFER, pictured_at)
    return Frame("image/webp", *picture)


def _chunk(data: bytes, at: int, end: int) -> tuple[bytes, bytes, int]:
    """Return type and body of the chunk at `at`, and the position of the next; chunks have even lengths."""
    length = int.from_bytes(data[at + 4 : at + 8], "little")
    body_end = at + 8 + length
    following = body_end + (length & 1)
    if at + 8 > end or body_end > end:
        raise broken(ImageDefect.CHUNK_LENGTH, at)
    return data[at : at + 4], data[at + 8 : body_end], min(following, end)


def _extended(body: bytes, start: int) -> tuple[int, int]:
    if len(body) < 10:
        raise broken(ImageDefect.HEADER_LENGTH, start)
    if body[0] & _ANIMATION:
        raise unsupported_kind(ImageKind.ANIMATED_WEBP)
    width_px = 1 + int.from_bytes(body[4:7], "little")
    height_px = 1 + int.from_bytes(body[7:10], "little")
    check_sides(width_px, height_px, start)
    return width_px, height_px


def _lossy(body: bytes, start: int) -> tuple[int, int]:
    """Return the sides in a VP8 key frame header (RFC 6386 section 9.1). Raises: Malformed."""
    if len(body) < 10 or body[3:6] != b"\x9d\x01\x2a":
        raise broken(ImageDefect.HEADER_LENGTH, start)
    tag = int.from_bytes(body[:3], "little")
    if tag & 1:
        raise broken(ImageDefect.NOT_KEY_FRAME, start)
    if 10 + (tag >> 5) > len(body):
        raise broken(ImageDefect.TRUNCATED, start)
    width_px = int.from_bytes(body[6:8], "little") & 0x3FFF
    return width_px, int.from_bytes(body[8:10], "little") & 0x3FFF


def _lossless(body: bytes, start: int) -> tuple[int, int]:
    """Return the sides in a VP8L header: signature, 14 bits for each side less one, one for alpha, three of version.

    Raises: Malformed.
    """
    if len(body) < 5 or body[0] != 0x2F:
        raise broken(ImageDefect.HEADER_LENGTH, start)
    bits = int.from_bytes(body[1:5], "little")
    if bits >> 29:
        raise broken(ImageDefect.VERSION_UNKNOWN, start)
    return 1 + (bits & 0x3FFF), 1 + ((bits >> 14) & 0x3FFF)
