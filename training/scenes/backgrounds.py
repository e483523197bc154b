"""Loads the backgrounds: a dashcam's frames, rendered streets, and clutter."""

import csv
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from scenes import CONDITIONS, render_scene
from scenes.model import Image, Points
from training.scenes.frames import Frame
from training.scenes.model import Boxes, box_corners
from training.scenes.pool import PlatePool, Render, render_simple

FRAME_SIZE_PX = (1280, 720)
UNMARKED = Path(__file__).parent / "unmarked.csv"
"""Text regions of the dashcam's frames without a box; see training.scenes.unmarked."""
HELD_OUT_OF = 8
"""One dashcam frame in so many is held out for validation."""
EMPTY_SHARE = 0.35
"""Share of rendered scenes in which every car lacks a plate."""
RENDERED_SEEDS = {"train": 50_000, "val": 90_000}

Split = Literal["train", "val"]


@dataclass(frozen=True)
class Backgrounds:
    """All material that patches are composed of."""

    dashcam: Sequence[Frame]
    """Real frames; empty without the folder."""
    rendered: Sequence[Frame]
    plates: PlatePool

    @classmethod
    def load(
        cls,
        cache: Path,
        *,
        dashcam: Path | None = None,
        split: Split = "train",
        scenes: int = 300,
        plates: int = 3000,
        render: Render = render_simple,
        label: str = "simple",
        pause: Callable[[], None] = lambda: None,
    ) -> "Backgrounds":
        """Read the dashcam's frames, and render everything that the folder `cache` lacks.

        Args:
            cache: folder for slow results; it may be deleted at any time.
            dashcam: folder with boxes.csv (file, x, y, w, h in px) and the frames it names.
            split: the part of frames, scenes and plates to load.
            label: names `render` in the cache.
            pause: called before each scene is rendered.
        """
        seed = RENDERED_SEEDS[split]
        pool = PlatePool.cached(cache / f"plates-{label}-{plates}-{seed}.npy", render, plates, seed)
        frames = _dashcam(dashcam, cache, split) if dashcam else []
        return cls(frames, _rendered(cache, scenes, seed, pause), pool)


def is_held_out(name: str) -> bool:
    """Whether a dashcam file is for validation; its name alone decides."""
    return zlib.crc32(name.encode()) % HELD_OUT_OF == 0


def _rendered(cache: Path, count: int, seed: int, pause: Callable[[], None]) -> list[Frame]:
    folder = cache / f"scenes-{count}-{seed}"
    corners: list[Points] = []

    def make() -> list[Image]:
        pictures = []
        for place in range(count):
            pause()
            empty = place < EMPTY_SHARE * count
            condition = CONDITIONS[place % len(CONDITIONS)]
            scene = render_scene(seed + place, plates=() if empty else None, condition=condition)
            pictures.append(scene.frame)
            corners.append(np.array([t.corners for t in scene.truth], np.float32))
        np.savez(folder.with_suffix(".npz"), *[c.reshape(-1, 4, 2) for c in corners])
        return pictures

    pixels = _stacked(folder.with_suffix(".npy"), make)
    with np.load(folder.with_suffix(".npz")) as stored:
        return [
            Frame(pixels[place], stored[f"arr_{place}"], exact=True, suspects=_as_boxes([]))
            for place in range(count)
        ]


def _dashcam(folder: Path, cache: Path, split: Split) -> list[Frame]:
    boxes = read_boxes(folder / "boxes.csv")
    names = [name for name in sorted(boxes) if is_held_out(name) == (split == "val")]

    def make() -> list[Image]:
        return [read_frame(folder / name) for name in names]

    pixels = _stacked(cache / f"dashcam-{split}-{len(names)}.npy", make)
    unmarked = read_boxes(UNMARKED)
    return [
        Frame(
            pixels[place],
            _corners(boxes[name]),
            exact=False,
            suspects=_as_boxes(unmarked.get(name, [])),
        )
        for place, name in enumerate(names)
    ]


def _as_boxes(boxes: Sequence[tuple[float, float, float, float]]) -> Boxes:
    return np.array(boxes, np.float32).reshape(-1, 4)


def read_boxes(table: Path) -> dict[str, list[tuple[float, float, float, float]]]:
    """Return the boxes of a table with file, x, y, w, h (px), by file."""
    boxes: dict[str, list[tuple[float, float, float, float]]] = {}
    with table.open(newline="") as opened:
        for row in csv.DictReader(opened):
            x, y, w, h = (float(row[key]) for key in "xywh")
            boxes.setdefault(row["file"], []).append((x, y, w, h))
    return boxes


def _corners(boxes: Sequence[tuple[float, float, float, float]]) -> Points:
    return np.array([box_corners(*box) for box in boxes], np.float32)


def read_frame(path: Path) -> Image:
    """Read a frame of the dashcam, (720, 1280, 3) uint8 BGR. Raises: ValueError if it is anything else."""
    frame = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if frame is None:
        raise ValueError(f"{path.name} is no picture")
    if (frame.shape[1], frame.shape[0]) != FRAME_SIZE_PX:
        raise ValueError(f"{path.name} is not {FRAME_SIZE_PX[0]} by {FRAME_SIZE_PX[1]} px")
    return np.asarray(frame, np.uint8)


def _stacked(path: Path, make: Callable[[], list[Image]]) -> "np.typing.NDArray[np.uint8]":
    """Memory-map the pictures in the file `path`, (n, H, W, 3); makes and stores them first if absent."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".part.npy")
        np.save(fresh, np.stack(make()))
        fresh.replace(path)
    stored: np.typing.NDArray[np.uint8] = np.load(path, mmap_mode="r")
    return stored
