"""Reads footage as a camera sends it: JPEG frames of a film, or the pictures of a folder by name."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Final

import cv2

from scenes.camera import encode_jpeg
from scenes.model import Image

PICTURES: Final = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}
"""Media types of pictures by file extension, in lower case."""
FILMS: Final = frozenset({".mp4", ".m4v", ".mov", ".avi", ".mkv"})
JPEG_QUALITY: Final = 90
_MOST_FRAMES_A_SECOND: Final = 1000


class NoFootage(ValueError):
    """There is no footage to send; the message names the file and the fault."""


@dataclass(frozen=True)
class Still:
    """One frame to post; `at_s` is its time, in seconds from the first frame."""

    name: str
    content: bytes
    media_type: str
    at_s: float


def is_film(path: Path) -> bool:
    """Whether a path is named like a film."""
    return path.suffix.lower() in FILMS


def footage(path: Path, *, per_s: float) -> Iterator[Still]:
    """Yield frames at a steady rate: the nearest ones of a film, or the pictures of a folder.

    Args:
        path: a film (MP4, AVI, MOV or MKV), or a folder of .jpg, .png and .webp files, which are sent
            unchanged, in the order of their names.
        per_s: frames a second of the film's own time; a film with fewer yields all of its frames.

    Raises: NoFootage, before the first frame.
    """
    if not (isfinite(per_s) and per_s > 0):
        raise NoFootage(f"{per_s:g} frames a second cannot be sent")
    if path.is_dir():
        return _pictures(path, per_s)
    if not path.is_file():
        raise NoFootage(f"{path} is not there")
    if not is_film(path):
        known = ", ".join(sorted(FILMS))
        raise NoFootage(f"{path} is neither a folder of pictures nor a film ({known})")
    with _opened(path):
        return _of_film(path, per_s)


def _pictures(folder: Path, per_s: float) -> Iterator[Still]:
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)
    if not files:
        raise NoFootage(f"{folder} holds no .jpg, .png or .webp")
    return (
        Still(path.name, path.read_bytes(), PICTURES[path.suffix.lower()], place / per_s)
        for place, path in enumerate(files)
    )


def _of_film(path: Path, per_s: float) -> Iterator[Still]:
    """Yield each frame that is on screen when the next one is due."""
    due = 0
    with _opened(path) as (film, frames_per_s):
        number = 0
        while (frame := _next(film)) is not None:
            at_s = number / frames_per_s
            if at_s + 0.5 / frames_per_s >= due / per_s:
                name = f"{path.stem}-{number:06d}.jpg"
                yield Still(name, encode_jpeg(frame, JPEG_QUALITY), "image/jpeg", at_s)
                due = max(due + 1, int(at_s * per_s) + 1)
            number += 1


@contextmanager
def _opened(path: Path) -> Iterator[tuple[cv2.VideoCapture, float]]:
    """Open a film and return it with its frames a second. Raises: NoFootage if it has no frame."""
    with _quiet():
        film = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        if not film.isOpened():
            raise NoFootage(f"{path} is not a film that can be played: broken, cut off or empty")
        rate = float(film.get(cv2.CAP_PROP_FPS))
        if not (isfinite(rate) and 0 < rate <= _MOST_FRAMES_A_SECOND):
            raise NoFootage(f"{path} does not say how many frames a second it has")
        if not film.grab():
            raise NoFootage(f"{path} has no frame that can be played")
        film.set(cv2.CAP_PROP_POS_FRAMES, 0)
        yield film, rate
    finally:
        film.release()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep OpenCV and FFmpeg from writing to stderr; NoFootage says the same in a sentence."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    before = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(before)


def _next(film: cv2.VideoCapture) -> Image | None:
    """Return the next frame, (H, W, 3) uint8 BGR; None at the end."""
    read, frame = film.read()
    return frame.astype("uint8", copy=False) if read else None


def write_film(path: Path, frames: Iterator[Image], *, frames_per_s: float) -> int:
    """Write an MP4 (MPEG-4 part 2) of frames of one size.

    Args:
        frames: (H, W, 3) uint8 BGR each, sides even.

    Returns: the number of frames.
    Raises: NoFootage if the file cannot be written or there is no frame.
    """
    first = next(frames, None)
    if first is None:
        raise NoFootage("there is no frame to make a film of")
    size = (first.shape[1], first.shape[0])
    with _quiet():
        film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), frames_per_s, size)
    if not film.isOpened():
        raise NoFootage(f"{path} cannot be written")
    try:
        film.write(first)
        count = 1
        for frame in frames:
            film.write(frame)
            count += 1
    finally:
        film.release()
    return count
