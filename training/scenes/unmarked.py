"""Finds text that a dashcam's boxes leave out: `python -m training.scenes.unmarked DIR OUT.csv`.

The dashcam's boxes omit the plates of parked, distant and cut-off cars. PaddleOCR's text detector finds most of
them, and some badges and lamps too; training ignores all of these regions. The table beside this module was made
so; it is PaddleOCR's only effect on the training.
"""

import argparse
import csv
from pathlib import Path

import cv2
import numpy as np

from scenes.model import Image, as_image
from services.recognition.engine.text import PaddleText
from services.recognition.engine.weights import find_pair
from training.scenes.backgrounds import read_boxes, read_frame
from training.scenes.model import box_around

MODEL = "ppocrv6-small"
LONGEST_PX = 1280
ROAD_ROWS = (0.30, 0.97)
"""Range of a frame's height, as shares, in which plates of cars are likely."""
MIN_ASPECT = 1.3
KNOWN_OVERLAP = 0.3
GREY_LEVEL = 110.0

Box = tuple[float, float, float, float]


def main() -> None:
    """Write file, x, y, w, h (px) for every piece of text that is not in boxes.csv."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dashcam", type=Path)
    parser.add_argument("out", type=Path)
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    text = PaddleText(find_pair(MODEL))
    with wanted.out.open("w", newline="") as opened:
        table = csv.writer(opened, lineterminator="\n")
        table.writerow(("file", "x", "y", "w", "h"))
        for name, marked in sorted(read_boxes(wanted.dashcam / "boxes.csv").items()):
            for box in find_unmarked(text, read_frame(wanted.dashcam / name), marked):
                table.writerow((name, *(round(side) for side in box)))


def find_unmarked(text: PaddleText, frame: Image, marked: list[Box]) -> list[Box]:
    """Return boxes (x, y, width, height px) of text on the road part of a frame that no box of `marked` covers."""
    top, bottom = (round(share * len(frame)) for share in ROAD_ROWS)
    found = text.detect(_balanced(frame[top:bottom]), LONGEST_PX)
    boxes = [box_around(quad + np.array([0, top], np.float32)) for quad in found]
    wide = [box for box in boxes if box[2] >= MIN_ASPECT * box[3]]
    return [
        box for box in wide if not any(_overlap(box, other) > KNOWN_OVERLAP for other in marked)
    ]


def _balanced(frame: Image) -> Image:
    """Remove the camera's colour cast, and brighten enough to find dim plates."""
    mean = frame.reshape(-1, 3)[::31].mean(axis=0) + 4
    gain = mean.mean() / mean * np.clip(GREY_LEVEL / mean.mean(), 1.0, 2.5)
    return as_image(frame * gain)


def _overlap(first: Box, second: Box) -> float:
    """Shared area as a share of the smaller box."""
    wide = min(first[0] + first[2], second[0] + second[2]) - max(first[0], second[0])
    tall = min(first[1] + first[3], second[1] + second[3]) - max(first[1], second[1])
    smaller = min(first[2] * first[3], second[2] * second[3])
    return max(0.0, wide) * max(0.0, tall) / max(smaller, 1e-6)


if __name__ == "__main__":
    main()
