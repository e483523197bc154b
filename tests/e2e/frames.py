"""Small frames with one plate each, quick to read: the fault tests are about delivery, not about sight."""

import itertools

import cv2
import numpy as np

from scenes.plate_image import draw_plate
from scenes.plates import CALIFORNIA, Issued

WIDTH_PX, HEIGHT_PX = 480, 270
PLATE_PX = (240, 120)
LETTERS = "ABEFHKMNPRTXYZ"


def plates(count: int) -> list[str]:
    """Return `count` Californian plates without characters that look alike. Raises: ValueError beyond 398."""
    serials = itertools.product("6789", itertools.combinations(LETTERS, 3), ("347", "734", "473"))
    chosen = itertools.islice(serials, 0, None, 11)
    found = [f"{d}{''.join(abc)}{n}" for d, abc, n in itertools.islice(chosen, count)]
    if len(found) < count:
        raise ValueError(f"there are {len(found)} such plates, and not {count}")
    return found


def frame(plate: str | None = None) -> bytes:
    """Return a JPEG of a bumper, with the plate on it if one is given."""
    rng = np.random.default_rng(7)
    image = np.full((HEIGHT_PX, WIDTH_PX, 3), 70, np.uint8)
    image[:90] = 40
    if plate is not None:
        pressed = Issued(CALIFORNIA.code, plate)
        face = cv2.resize(draw_plate(rng, pressed), PLATE_PX, interpolation=cv2.INTER_AREA)
        x, y = (WIDTH_PX - PLATE_PX[0]) // 2, 110
        image[y : y + PLATE_PX[1], x : x + PLATE_PX[0]] = face
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
