"""Where the frames come from: scenes rendered here, or a folder of photos."""

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from deploy.local.demo.model import Frame
from deploy.local.demo.truth import TruePlate, read_truth
from deploy.local.scenes import Condition, encode_jpeg, render_scene

MEDIA_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}
HOURS: tuple[Condition, ...] = ("day", "day", "dusk", "day", "night", "day", "rain", "infrared")
"""The hours that rendered frames go through, in turn."""
PLATELESS_EVERY = 13
"""Every so many-th frame shows a street without a plate: it must give no read."""


class NoFrames(ValueError):
    """There is nothing to post."""


def rendered(count: int, seed: int) -> Iterator[Frame]:
    """Render `count` scenes in parallel processes, in order."""
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        yield from pool.map(_render, range(count), [seed] * count)


def _render(place: int, seed: int) -> Frame:
    condition = HOURS[place % len(HOURS)]
    plates: list[str] | None = [] if place % PLATELESS_EVERY == PLATELESS_EVERY - 1 else None
    scene = render_scene(seed + place, plates=plates, condition=condition)
    truth = tuple(TruePlate(plate.plate, plate.box) for plate in scene.truth)
    content = encode_jpeg(scene.frame, scene.jpeg_quality)
    return Frame(f"scene-{place:03d}.jpg", content, "image/jpeg", truth, condition)


def photos(folder: Path) -> list[Frame]:
    """The photos of a folder in the order of their names, with its truth.csv where there is one.

    Raises: NoFrames if it holds no photo; TruthFault if its truth.csv is unusable.
    """
    if not folder.is_dir():
        raise NoFrames(f"{folder} is not a folder")
    listed = folder / "truth.csv"
    truth = read_truth(listed) if listed.exists() else {}
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in MEDIA_TYPES)
    if not files:
        raise NoFrames(f"{folder} holds no .jpg, .png or .webp")
    return [
        Frame(
            path.name, path.read_bytes(), MEDIA_TYPES[path.suffix.lower()], truth.get(path.name, ())
        )
        for path in files
    ]
