"""Short digests of the renderer's scenes for a hundred seeds. `python -m tests.unit.scenes.digests` renews them."""

import json
from hashlib import sha256
from pathlib import Path

import cv2
import numpy as np

from scenes import CONDITIONS, Scene, render_scene

RECORD = Path(__file__).with_suffix(".json")
SEEDS = range(100)
SIZE = (160, 90)
COARSE = (16, 9)
LEVELS = 8


def digest(scene: Scene) -> str:
    """Return a coarse digest of a scene: plates, their boxes, and a small picture of few levels.

    Pixels themselves are no measure: OpenCV and NumPy choose their instructions by the CPU, and round a few pixels in a
    million another way. Means over a hundred pixels, cut to eight levels, and the truth are alike on any CPU.
    """
    picture = cv2.resize(scene.frame, COARSE, interpolation=cv2.INTER_AREA)
    levels = (picture // (256 // LEVELS)).astype(np.uint8)
    truth = [(plate.plate, plate.state, plate.box) for plate in scene.truth]
    facts = f"{scene.condition} {scene.jpeg_quality} {truth}"
    return sha256(facts.encode() + levels.tobytes()).hexdigest()[:16]


def digests() -> dict[str, str]:
    """Render each seed, in the conditions by turns, and return the digests by seed."""
    return {
        str(seed): digest(
            render_scene(seed, condition=CONDITIONS[seed % len(CONDITIONS)], size=SIZE)
        )
        for seed in SEEDS
    }


if __name__ == "__main__":
    RECORD.write_text(json.dumps(digests(), indent=1) + "\n")
