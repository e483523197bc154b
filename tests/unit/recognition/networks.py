"""Networks for tests: they give set answers and record their inputs."""

import numpy as np

from services.recognition.engine.ctc import BLANK
from services.recognition.models import ALPHABET

REGIONS = ("unknown", "CA", "TX", "NV")
STEPS = 40
"""Twenty along the plate's upper half, then twenty along its lower half."""


class FunctionNetwork:
    """A network whose answer to a batch is a function of it."""

    def __init__(self, answer, **about):
        self._answer = answer
        self.about = {"version": "7", **about}
        self.shown = []

    def run(self, pictures):
        assert pictures.dtype == np.uint8
        assert pictures.flags.c_contiguous
        self.shown.append(pictures)
        return self._answer(pictures)


def detecting(*plates):
    """Return a detector that sees plates in every picture: (score, four corners, px of the picture).

    The cell at a plate's middle has its score; those beside it have less, and corners a little off.
    """

    def answer(pictures):
        n, height, width = (*pictures.shape[:1], *(side // 8 for side in pictures.shape[1:3]))
        score = np.zeros((n, height, width), np.float32)
        corners = np.zeros((n, height, width, 8), np.float32)
        for probability, quad in plates:
            quad = np.array(quad, np.float32)
            x, y = (quad.mean(axis=0) // 8).astype(int)
            for dx, share, off in ((0, 1.0, 0.0), (-1, 0.8, -1.0), (1, 0.8, 1.0), (2, 0.3, 9.0)):
                if 0 <= y < height and 0 <= x + dx < width:
                    score[:, y, x + dx] = probability * share
                    corners[:, y, x + dx] = (quad + off).ravel()
        return {"score": score, "corners": corners}

    return FunctionNetwork(answer)


def reading(*texts, temperature=1.0):
    """Return a reader that gives each text of one plate after another, the last one for all further plates.

    A text is a dict with `plate`: one entry for each character, a string of the best character or a
    dict of several with their probabilities; `legible`; `half`: 0 or 1.
    """
    count = 0

    def answer(pictures):
        nonlocal count
        n = len(pictures)
        characters = np.full((n, STEPS, len(ALPHABET) + 1), 1e-9, np.float32)
        legible = np.zeros(n, np.float32)
        for i in range(n):
            text = texts[min(count, len(texts) - 1)]
            count += 1
            _write(characters[i], text["plate"], text.get("half", 0))
            legible[i] = text.get("legible", 1.0)
        return {"characters": np.log(characters), "plate": legible}

    return FunctionNetwork(
        answer,
        margin_across="0.06",
        margin_up="0.10",
        temperature=str(temperature),
    )


def naming(*states):
    """Return a reader of names that finds on each plate after another the states of a dict, and their
    probabilities; the last dict for all further plates."""
    count = 0

    def answer(pictures):
        nonlocal count
        region = np.full((len(pictures), len(REGIONS)), 1e-9, np.float32)
        for row in region:
            for name, probability in states[min(count, len(states) - 1)].items():
                row[REGIONS.index(name)] = probability
            count += 1
        return {"region": np.log(region)}

    return FunctionNetwork(answer, regions=",".join(REGIONS))


def _write(steps, plate, half):
    for i, choices in enumerate(plate):
        if isinstance(choices, str):
            choices = {choices: 0.999}
        for character, probability in choices.items():
            at = 2 + 2 * i + half * STEPS // 2
            steps[at, ALPHABET.index(character) + 1] = probability
    steps[:, BLANK] = np.maximum(1 - steps[:, 1:].sum(axis=1), 1e-9)
