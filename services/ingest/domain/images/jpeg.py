"""Inspects a JPEG (ITU-T T.81) by its markers: every segment from SOI to EOI, without decoding a coefficient.

Bytes after EOI: padding (00 or FF) is accepted, since cameras fill blocks up. If an MPF segment (CIPA DC-007)
announces further pictures, as on phones, each must be a whole JPEG by the same rule. Anything else after EOI is
refused: a frame is evidence, and such bytes have no explanation.
"""

import itertools
import re

from services.ingest.domain.images.frame import (
    Frame,
    broken,
    check_pieces,
    check_sides,
    unsupported_kind,
)
from services.ingest.domain.problem_codes import Code, ImageDefect, ImageKind
from shared.core.errors import TooLarge

MAX_SCANS = 100
"""A progressive file has about ten; thousands would cost a decoder minutes (a scan bomb)."""

MAX_PICTURES = 8

_SOI, _EOI, _SOS, _TEM, _APP2 = 0xD8, 0xD9, 0xDA, 0x01, 0xE2
_SOF_ACCEPTED = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended sequential, progressive
_SOF_OTHER = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_COMPONENTS = frozenset({1, 3, 4})

# In entropy-coded data FF is followed by 00 (stuffing), D0-D7 (restart) or FF (fill). One byte of
# context only: a repeat here would make a long run of FF cost its square.
_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


def inspect_jpeg(data: bytes) -> Frame:
    """Return the first picture's sides. Raises: Malformed, TooLarge, UnsupportedMedia."""
    first = _Picture(data, 0)
    end, pictures = first.end, 1
    while end < len(data):
        start = _after_padding(data, end)
        if start == len(data):
            break
        if not first.announces_more or pictures == MAX_PICTURES:
            raise broken(ImageDefect.TRAILING_BYTES, start)
        end = _Picture(data, start).end
        pictures += 1
    return Frame("image/jpeg", first.width_px, first.height_px)


class _Picture:
    """One SOI to EOI, walked by the constructor; its fields hold the results."""

    def __init__(self, data: bytes, start: int) -> None:
        if data[start : start + 2] != b"\xff\xd8":
            raise broken(ImageDefect.TRAILING_BYTES, start)
        self.width_px = 0
        self.height_px = 0
        self.announces_more = False
        self._data = data
        self._scans = 0
        self.end = self._walk(start + 2)

    def _walk(self, at: int) -> int:
        for count in itertools.count():
            check_pieces(count)
            marker, at = self._marker(at)
            if marker == _EOI:
                if not self._scans:
                    raise broken(ImageDefect.NO_PICTURE, at)
                return at
            if marker == _TEM:
                continue
            if marker == _SOI or 0xD0 <= marker <= 0xD7 or marker == 0:
                raise broken(ImageDefect.MARKER_MISPLACED, at - 2)
            start = at
            body, at = self._segment(at)
            self._inspect(marker, body, start)
            if marker == _SOS:
                at = self._scan(at)
        raise AssertionError("the count does not end")

    def _marker(self, at: int) -> tuple[int, int]:
        """Return the marker at `at`, past any fill bytes, and the position after it."""
        data = self._data
        if at < len(data) and data[at] != 0xFF:
            raise broken(ImageDefect.MARKER_MISSING, at)
        at = _end_of(_FILL, data, at)
        if at >= len(data):
            raise broken(ImageDefect.TRUNCATED, len(data))
        return data[at], at + 1

    def _segment(self, at: int) -> tuple[bytes, int]:
        length = int.from_bytes(self._data[at : at + 2], "big")
        end = at + length
        if at + 2 > len(self._data) or end > len(self._data):
            raise broken(ImageDefect.TRUNCATED, len(self._data))
        if length < 2:
            raise broken(ImageDefect.SEGMENT_LENGTH, at)
        return self._data[at + 2 : end], end

    def _inspect(self, marker: int, body: bytes, start: int) -> None:
        if marker in _SOF_ACCEPTED:
            self._frame_header(body, start)
        elif marker in _SOF_OTHER:
            raise unsupported_kind(ImageKind.JPEG_PROCESS)
        elif marker == _APP2 and body.startswith(b"MPF\x00"):
            self.announces_more = True

    def _frame_header(self, body: bytes, start: int) -> None:
        if self.width_px:
            raise broken(ImageDefect.SECOND_HEADER, start)
        if len(body) < 6 or len(body) != 6 + 3 * body[5]:
            raise broken(ImageDefect.HEADER_LENGTH, start)
        if body[0] != 8:
            raise unsupported_kind(ImageKind.JPEG_DEPTH)
        if body[5] not in _COMPONENTS:
            raise unsupported_kind(ImageKind.JPEG_COMPONENTS)
        self.height_px = int.from_bytes(body[1:3], "big")
        self.width_px = int.from_bytes(body[3:5], "big")
        check_sides(self.width_px, self.height_px, start)

    def _scan(self, at: int) -> int:
        """Return the end of the scan that begins at `at`: its next real marker."""
        if not self.width_px:
            raise broken(ImageDefect.HEADER_LATE, at)
        self._scans += 1
        if self._scans > MAX_SCANS:
            raise TooLarge(Code.IMAGE_TOO_MANY_SCANS, field="image", max_scans=MAX_SCANS)
        found = _MARKER_IN_SCAN.search(self._data, at)
        if found is None:
            raise broken(ImageDefect.TRUNCATED, len(self._data))
        if found.start() == at:
            raise broken(ImageDefect.SCAN_EMPTY, at)
        return found.start()


# One class of bytes and a repeat only: such a run costs a nanosecond a byte, not thirty.
_FILL = re.compile(rb"\xff*")
_PADDING = re.compile(rb"[\x00\xff]*")


def _end_of(run: re.Pattern[bytes], data: bytes, at: int) -> int:
    found = run.match(data, at)
    return at if found is None else found.end()


def _after_padding(data: bytes, at: int) -> int:
    end = _end_of(_PADDING, data, at)
    return end - 1 if end > at and data[end - 1 : end + 1] == b"\xff\xd8" else end
