"""Checks by pixels whether a plate surrounds a line of text whose content alone does not decide."""

import cv2
import numpy as np
from numpy.typing import NDArray

from services.recognition.engine.geometry import Quad, enlarge, straighten

TEXT_PX = 24
"""Height to which the text is scaled; finer detail only adds noise to the extent of the ground."""

ACROSS, UP = 0.6, 1.6
"""Margins of the window around the text, shares of its width and height."""

# A US plate is 12 in x 6 in (SAE J686) and its serial about 10 in x 2.7 in: its ground ends within
# a tenth of the text's width at the sides, and within one text height above and below.
MOST_ACROSS, MOST_UP = 0.3, 1.0


def _ground(text: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """Return the colour of the ground behind the characters (LAB), and its contrast to them in L*."""
    light = text[:, :, 0]
    split, _ = cv2.threshold(light.astype(np.uint8), 0, 255, cv2.THRESH_OTSU)
    upper, lower = text[light > split], text[light <= split]
    if len(upper) < 10 or len(lower) < 10:
        return np.zeros(3, np.float32), 0.0
    contrast = float(upper[:, 0].mean() - lower[:, 0].mean())
    rim = np.concatenate([light[:2].ravel(), light[-2:].ravel()])
    ground = upper if (rim > split).mean() >= 0.5 else lower
    return np.median(ground, axis=0).astype(np.float32), contrast


def _run(covered: NDArray[np.bool_], start: int, step: int) -> int | None:
    """Count pixels from `start` until the ground ends; None if it reaches the window's edge."""
    at, missed = start, 0
    while 0 <= at < len(covered):
        missed = 0 if covered[at] else missed + 1
        if missed > 1:
            return abs(at - start)
        at += step
    return None


def is_enclosed(frame: NDArray[np.uint8], quad: Quad) -> bool:
    """Whether the ground behind a line of text ends where a plate's would.

    It must end at both sides, and above or below: dirt, a frame or a shadow often hides one edge. True for most
    plates and for few fleet numbers, signs or badges: evidence, not proof.

    Args:
        frame: (H, W, 3) uint8, BGR.
        quad: (4, 2) float32 pixels around the text, clockwise from top left.
    """
    window, _ = straighten(frame, enlarge(quad, ACROSS, UP), round(TEXT_PX * (1 + 2 * UP)))
    lab = cv2.cvtColor(cv2.GaussianBlur(window, (3, 3), 0), cv2.COLOR_BGR2LAB).astype(np.float32)
    height, width = lab.shape[:2]
    text_width = width / (1 + 2 * ACROSS)
    x0, x1 = round((width - text_width) / 2), round((width + text_width) / 2)
    y0, y1 = (height - TEXT_PX) // 2, (height + TEXT_PX) // 2
    ground, contrast = _ground(lab[y0:y1, x0:x1])
    near = np.linalg.norm(lab - ground, axis=2) < max(10.0, 0.45 * contrast)
    _, areas = cv2.connectedComponents(near.astype(np.uint8), connectivity=4)
    inside = areas[y0:y1, x0:x1]
    if not inside.any():
        return False
    plate = areas == np.bincount(inside[inside > 0]).argmax()
    rows = plate[:, x0:x1].mean(axis=1) > 0.3
    columns = plate[y0:y1].mean(axis=0) > 0.3
    upwards = [_run(rows, y0, -1), _run(rows, y1 - 1, 1)]
    sideways = [_run(columns, x0, -1), _run(columns, x1 - 1, 1)]
    return any(run is not None and run <= MOST_UP * TEXT_PX for run in upwards) and all(
        run is not None and run <= MOST_ACROSS * text_width for run in sideways
    )
