"""Draws signs that only look like plates."""

import numpy as np

from scenes.model import Image, as_image
from training.faces import words
from training.painting import HEIGHT_PX, WIDTH_PX, any_colour, lay, squeezed

# fmt: off
SIGN_WORDS = (
    "STOP", "FOR SALE", "NO PARKING", "CAUTION", "WIDE LOAD", "TOYOTA", "FORD", "HONDA", "SCHOOL BUS", "POLICE", "TAXI",
    "CHEVROLET", "EXIT", "ONE WAY", "SPEED LIMIT", "OPEN", "CAFE", "BAKERY", "HYBRID", "TURBO", "4x4", "V6", "LIMITED", "DIESEL",
    "CALL NOW", "BABY ON BOARD", "AUTO REPAIR", "TOWING", "U-HAUL", "STUDENT DRIVER", "AMBULANCE", "KEEP RIGHT", "SPORT", "AWD",
)
PLACES = ("GATE", "LOT", "CAM", "LANE", "UNIT", "BAY", "DOOR", "EXIT", "PIER", "DOCK", "ZONE", "LEVEL", "ROW", "SUITE")
ROADS = ("I", "US", "SR", "HWY", "RTE", "CR", "FM", "M")
# fmt: on


def write_words(rng: np.random.Generator, plate: Image) -> None:
    """Write words, a phone number or a time stamp on a sign."""
    which = rng.random()
    if which < 0.6:
        text = str(rng.choice(SIGN_WORDS))
    elif which < 0.7:
        text = f"{rng.choice(PLACES)} {rng.integers(1, 100):02d}"
    elif which < 0.78:
        text = f"{rng.choice(ROADS)} {rng.integers(1, 1000)}"
    elif which < 0.9:
        text = f"{rng.integers(200, 999)}-{rng.integers(200, 999)}-{rng.integers(0, 9999):04d}"
    else:
        text = f"{rng.integers(1, 13)}/{rng.integers(1, 29)}/20{rng.integers(10, 27)} {rng.integers(0, 24)}:{rng.integers(0, 60):02d}"
    height = round(rng.uniform(0.12, 0.6) * HEIGHT_PX)
    mask = words(rng, str(rng.choice(("sans", "bold", "condensed", "serif"))), text, height)
    mask = squeezed(mask, plate.shape[1] * 0.95, height)
    at = (
        int(rng.integers(0, max(1, plate.shape[1] - mask.shape[1]))),
        int(rng.integers(0, max(1, HEIGHT_PX - mask.shape[0]))),
    )
    lay(plate, mask, at, any_colour(rng))


def bare(rng: np.random.Generator) -> Image:
    """Paint a sheet of one colour, lighter at one end, (160, 320, 3) uint8 BGR."""
    base = np.full((HEIGHT_PX, WIDTH_PX, 3), rng.uniform(0, 255, 3), np.float32)
    ramp = np.linspace(-1, 1, WIDTH_PX)[None, :, None] * rng.uniform(-40, 40)
    return np.ascontiguousarray(as_image(base + ramp.astype(np.float32)))
