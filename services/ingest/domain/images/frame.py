"""An inspected frame, the limits of all image formats, and their errors."""

from dataclasses import dataclass
from typing import Literal

from services.ingest.domain.problem_codes import Code, ImageDefect, ImageKind
from shared.core.errors import Malformed, TooLarge, UnsupportedMedia

MAX_PIXELS = 50_000_000
MAX_SIDE_PX = 65_535
MAX_PIECES = 10_000
"""Segments or chunks of one file. A 25 MB PNG in pieces of 4 KiB has 6,000; a file of millions of empty ones would
cost seconds to walk, in every service that opens it."""

MediaType = Literal["image/jpeg", "image/png", "image/webp"]
EXTENSIONS: dict[MediaType, str] = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}


@dataclass(frozen=True)
class Frame:
    """Header data of a whole image; sides in pixels, before any EXIF rotation."""

    media_type: MediaType
    width_px: int
    height_px: int

    @property
    def extension(self) -> str:
        """The file name's ending."""
        return EXTENSIONS[self.media_type]


def broken(defect: ImageDefect, byte: int) -> Malformed:
    """Return the refusal of a file that breaks its own format; `byte` is the position of the defect."""
    return Malformed(Code.IMAGE_BROKEN, field="image", defect=defect, byte=byte)


def unsupported_kind(kind: ImageKind) -> UnsupportedMedia:
    """Return the refusal of an image format that cameras do not send."""
    return UnsupportedMedia(Code.IMAGE_KIND_UNKNOWN, field="image", kind=kind)


def check_pieces(count: int) -> None:
    """Raise TooLarge for a file of more pieces than any camera makes."""
    if count > MAX_PIECES:
        raise TooLarge(Code.IMAGE_TOO_MANY_PIECES, field="image", max_pieces=MAX_PIECES)


def check_sides(width_px: int, height_px: int, byte: int) -> None:
    """Raise Malformed for an empty image, TooLarge for one that would not fit in memory decoded.

    `byte` is the position of the header that declares the sides.
    """
    if width_px == 0 or height_px == 0:
        raise broken(ImageDefect.NO_PIXELS, byte)
    if width_px > MAX_SIDE_PX or height_px > MAX_SIDE_PX or width_px * height_px > MAX_PIXELS:
        raise TooLarge(
            Code.IMAGE_TOO_LARGE,
            field="image",
            width_px=width_px,
            height_px=height_px,
            max_megapixels=MAX_PIXELS // 1_000_000,
            max_side_px=MAX_SIDE_PX,
        )
