"""Sources of frames: scenes rendered here, a folder of photos, or a film."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path

from local.demo.story import Frame
from local.demo.truth import TruePlate, read_truth
from scenes import Condition, encode_jpeg, render_scene
from scenes.footage import PICTURES, footage

HOURS: tuple[Condition, ...] = ("day", "day", "dusk", "day", "night", "day", "rain", "infrared")
"""Conditions of the rendered frames, in turn."""
PLATELESS_EVERY = 13
"""One frame in this many shows a street without a plate: it must give no read."""
MOST_OF_A_FILM = 600
"""The most frames of a film that are posted; all of them are in memory."""


class NoFrames(ValueError):
    """There are no frames to post."""


def rendered(count: int, seed: int) -> Iterator[Frame]:
    """Render `count` scenes in parallel processes, in order."""
    # A terminal's Ctrl-C reaches the workers too: one that ends by it leaves the pool waiting for ever.
    with ProcessPoolExecutor(max_workers=os.cpu_count(), initializer=_leave_ctrl_c) as pool:
        yield from pool.map(_render, range(count), [seed] * count)


def _leave_ctrl_c() -> None:
    """Leave Ctrl-C to the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _render(place: int, seed: int) -> Frame:
    condition = HOURS[place % len(HOURS)]
    plates: list[str] | None = [] if place % PLATELESS_EVERY == PLATELESS_EVERY - 1 else None
    scene = render_scene(seed + place, plates=plates, condition=condition)
    truth = tuple(TruePlate(plate.plate, plate.box, plate.state) for plate in scene.truth)
    content = encode_jpeg(scene.frame, scene.jpeg_quality)
    return Frame(f"scene-{place:03d}.jpg", content, "image/jpeg", truth, condition)


def photos(folder: Path) -> list[Frame]:
    """Load the photos of a folder in the order of their names, with its truth.csv if present.

    Raises: NoFrames if it has no photo; TruthFault if its truth.csv is unusable.
    """
    if not folder.is_dir():
        raise NoFrames(f"{folder} is not a folder")
    listed = folder / "truth.csv"
    truth = read_truth(listed) if listed.exists() else {}
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)
    if not files:
        raise NoFrames(f"{folder} holds no .jpg, .png or .webp")
    return [
        Frame(path.name, path.read_bytes(), PICTURES[path.suffix.lower()], truth.get(path.name, ()))
        for path in files
    ]


def absent(folder: Path) -> list[str]:
    """Return the photos that a folder's truth.csv names but that are missing; empty without such a file.

    Raises: TruthFault if its truth.csv is unusable.
    """
    listed = folder / "truth.csv"
    truth = read_truth(listed) if listed.is_file() else {}
    return sorted(name for name in truth if not (folder / name).is_file())


def of_film(path: Path, per_s: float) -> list[Frame]:
    """Load the frames of a film's beginning, `per_s` a second, as one camera's.

    Raises: NoFootage if it cannot be played.
    """
    stills = islice(footage(path, per_s=per_s), MOST_OF_A_FILM)
    return [Frame(still.name, still.content, still.media_type, film=path.name) for still in stills]
