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

_ANIMATION = 0x02
_PICTURES = frozenset({b"VP8 ", b"VP8L"})


def inspect_webp(data: bytes) -> Frame:
    """Return the sides. Raises: Malformed, TooLarge, UnsupportedMedia."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise broken("it is truncated")
    if end < 20 or data[end:].strip(b"\x00"):
        raise broken("its length differs from its header's")
    canvas: tuple[int, int] | None = None
    picture: tuple[int, int] | None = None
    at = 12
    for count in itertools.count():
        if at >= end:
            break
        check_pieces(count)
        kind, body, at = _chunk(data, at, end)
        if kind in (b"ANIM", b"ANMF"):
            raise unsupported_kind("this WebP is animated")
        if kind == b"VP8X":
            if canvas or picture:
                raise broken("its VP8X chunk is out of place")
            canvas = _extended(body)
        elif kind in _PICTURES:
            if picture:
                raise broken("it has two pictures")
            picture = _lossy(body) if kind == b"VP8 " else _lossless(body)
    if picture is None:
        raise broken("it has no picture")
    check_sides(*picture)
    if canvas not in (None, picture):
        raise broken("canvas and picture differ in size")
    return Frame("image/webp", *picture)


def _chunk(data: bytes, at: int, end: int) -> tuple[bytes, bytes, int]:
    """Return type and body of the chunk at `at`, and the position of the next; chunks have even lengths."""
    length = int.from_bytes(data[at + 4 : at + 8], "little")
    body_end = at + 8 + length
    following = body_end + (length & 1)
    if at + 8 > end or body_end > end:
        raise broken("a chunk reaches past its end")
    return data[at : at + 4], data[at + 8 : body_end], min(following, end)


def _extended(body: bytes) -> tuple[int, int]:
    if len(body) < 10:
        raise broken("its VP8X chunk is short")
    if body[0] & _ANIMATION:
        raise unsupported_kind("this WebP is animated")
    width_px = 1 + int.from_bytes(body[4:7], "little")
    height_px = 1 + int.from_bytes(body[7:10], "little")
    check_sides(width_px, height_px)
    return width_px, height_px


def _lossy(body: bytes) -> tuple[int, int]:
    """Return the sides in a VP8 key frame header (RFC 6386 section 9.1). Raises: Malformed."""
    if len(body) < 10 or body[3:6] != b"\x9d\x01\x2a":
        raise broken("its VP8 picture has no header")
    tag = int.from_bytes(body[:3], "little")
    if tag & 1:
        raise broken("its VP8 picture is not a key frame")
    if 10 + (tag >> 5) > len(body):
        raise broken("its VP8 picture is truncated")
    width_px = int.from_bytes(body[6:8], "little") & 0x3FFF
    return width_px, int.from_bytes(body[8:10], "little") & 0x3FFF


def _lossless(body: bytes) -> tuple[int, int]:
    """Return the sides in a VP8L header: signature, 14 bits for each side less one, one for alpha, three of version.

    Raises: Malformed.
    """
    if len(body) < 5 or body[0] != 0x2F:
        raise broken("its VP8L picture has no header")
    bits = int.from_bytes(body[1:5], "little")
    if bits >> 29:
        raise broken("its VP8L picture is of an unknown version")
    return 1 + (bits & 0x3FFF), 1 + ((bits >> 14) & 0x3FFF)
