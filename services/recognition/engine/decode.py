"""Decodes image bytes to a BGR frame; refuses decompression bombs before it decodes a pixel."""

import io
import warnings
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from shared.core.errors import InternalFault

MAX_IMAGE_BYTES: Final = 25 * 1024 * 1024
MAX_IMAGE_PIXELS: Final = 50_000_000
FULL_DETAIL_SIDE_PX: Final = 2560
"""Frames are halved only while their long side stays at or above this: a plate that spans 3% of
the frame keeps about 80 px, the narrowest that reads well."""

_REDUCED: Final = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}


class UndecodableImage(InternalFault):
    """The bytes are not a whole JPEG, PNG or WebP image; retrying cannot help."""

    title = "The image cannot be decoded"


class ImageTooLarge(UndecodableImage):
    """More bytes or pixels than a frame may have; refused from the header alone."""

    title = "The image is too large"


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded frame."""

    pixels: NDArray[np.uint8]
    """(H, W, 3) uint8, BGR, upright."""
    reduced_by: int
    """Pixels of the posted image, each way, that one pixel here covers."""


def image_size(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels from the header; decodes nothing.

    Raises: UndecodableImage if the header is of no known format, ImageTooLarge if the file or the picture that
        it announces is over the limits.
    """
    if len(data) > MAX_IMAGE_BYTES:
        raise ImageTooLarge(f"{len(data)} bytes, the limit is {MAX_IMAGE_BYTES}")
    width_px, height_px = _webp_size(data) or _header_size(data)
    if width_px * height_px > MAX_IMAGE_PIXELS:
        raise ImageTooLarge(f"{width_px}x{height_px} pixels, the limit is {MAX_IMAGE_PIXELS}")
    return width_px, height_px


def _header_size(data: bytes) -> tuple[int, int]:
    try:
        with warnings.catch_warnings():
            # Pillow's own guard against bombs has another limit than ours.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(io.BytesIO(data), formats=("JPEG", "PNG")).size
    except Image.DecompressionBombError as exc:
        raise ImageTooLarge("the header announces a decompression bomb") from exc
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as exc:
        raise UndecodableImage("not a JPEG, PNG or WebP image") from exc


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """Sides of a WebP image (RFC 9649), None for other formats; Pillow would set up a decoder for it."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or len(data) < 30:
        return None
    chunk, body = data[12:16], data[20:30]
    if chunk == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if chunk == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 ":
        bits = int.from_bytes(body[6:10], "little")
        return bits & 0x3FFF, bits >> 16 & 0x3FFF
    return None


def reduction(width_px: int, height_px: int) -> int:
    """Factor by which to reduce a frame while decoding, 1, 2, 4 or 8, so that plates stay legible."""
    factor = 1
    while factor < 8 and max(width_px, height_px) // (2 * factor) >= FULL_DETAIL_SIDE_PX:
        factor *= 2
    return factor


def decode(data: bytes) -> Frame:
    """Decode a frame as a camera posted it: JPEG, PNG or WebP, upright by its EXIF orientation.

    Greyscale, 16-bit and four-channel images come out as 8-bit BGR; alpha is dropped. Very large
    frames are decoded at a half, a quarter or an eighth (see `reduction`).

    Raises: UndecodableImage if the image is broken or cut off; ImageTooLarge over the limits.
    """
    factor = reduction(*image_size(data))
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), _REDUCED[factor])
    except cv2.error as exc:
        raise UndecodableImage("the image data is broken") from exc
    if pixels is None or pixels.size == 0:
        raise UndecodableImage("the image data is broken or cut off")
    return Frame(np.ascontiguousarray(pixels, dtype=np.uint8), factor)
