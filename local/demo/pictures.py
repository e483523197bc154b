"""Pictures for the report: small JPEGs as data URLs, so that the page is self-contained."""

from base64 import b64encode
from dataclasses import dataclass

import cv2
import numpy as np

from local.demo.story import Box

THUMB_WIDTH_PX = 520
_QUALITY = 72


@dataclass(frozen=True)
class Thumb:
    """A small picture as a data URL, and the size of the original in px."""

    address: str
    width_px: int
    height_px: int

    def place(self, box: Box) -> str:
        """Return CSS that places a box over the picture at any display size."""
        return (
            f"left:{100 * box.x / self.width_px:.2f}%;top:{100 * box.y / self.height_px:.2f}%;"
            f"width:{100 * box.w / self.width_px:.2f}%;height:{100 * box.h / self.height_px:.2f}%"
        )


def thumb(content: bytes) -> Thumb | None:
    """Make a thumbnail of an image file, upright by its EXIF; None if it cannot be decoded."""
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        return None
    height, width = picture.shape[:2]
    scale = min(1.0, THUMB_WIDTH_PX / width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return Thumb(data_address(encoded.tobytes()), width, height)


def data_address(jpeg: bytes) -> str:
    """Return a JPEG as a data URL (RFC 2397)."""
    return f"data:image/jpeg;base64,{b64encode(jpeg).decode('ascii')}"
