"""The worker process: one engine, one pipe, one frame at a time, gone when its parent is gone."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.recognition.decode import Frame, UndecodableImage, decode
from services.recognition.engine import Box, Engine, PlateReading

log = logging.getLogger(__name__)

EngineFactory = Callable[[], Engine]
"""Builds the engine inside the worker; picklable."""

CROP_JPEG_QUALITY: Final = 92


@dataclass(frozen=True, slots=True)
class Plate:
    """One plate of a frame: the reading, its box in pixels of the image as posted, its picture."""

    reading: PlateReading
    box: Box
    crop_jpeg: bytes


@dataclass(frozen=True, slots=True)
class FrameReading:
    """What came of one frame."""

    plates: tuple[Plate, ...]
    duration_ms: float
    """Decoding, reading and cutting out, in the worker."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The engine is loaded."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The frame, or at the start the engine, cannot be had; the worker itself is well."""

    kind: str
    detail: str


def read_frame(engine: Engine, data: bytes) -> FrameReading:
    """Decode an image, read it, and cut out each plate.

    Raises: UndecodableImage; whatever a fault in the engine raises.
    """
    start = time.perf_counter()
    frame = decode(data)
    plates = tuple(
        Plate(reading, _as_posted(reading.box, frame), _jpeg(frame.pixels, reading.crop))
        for reading in engine.read(frame.pixels)
    )
    return FrameReading(plates, 1000 * (time.perf_counter() - start))


def _as_posted(box: Box, frame: Frame) -> Box:
    by = frame.reduced_by
    return Box(box.x_px * by, box.y_px * by, box.width_px * by, box.height_px * by)


def _jpeg(pixels: NDArray[np.uint8], box: Box) -> bytes:
    cut = pixels[box.y_px : box.y_px + box.height_px, box.x_px : box.x_px + box.width_px]
    _, encoded = cv2.imencode(".jpg", cut, [cv2.IMWRITE_JPEG_QUALITY, CROP_JPEG_QUALITY])
    return encoded.tobytes()


def run(pipe: Connection, make_engine: EngineFactory) -> None:
    """Work frames from the pipe until it closes. The target of the worker process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C; the parent closes us
    threading.Thread(target=_die_with_parent, daemon=True).start()
    try:
        engine = make_engine()
    except Exception as exc:
        log.exception("the engine does not load")
        pipe.send(Failed(type(exc).__name__, str(exc)))
        return
    pipe.send(Ready(engine.name, engine.digest))
    try:
        while True:
            pipe.send(_answer(engine, pipe.recv_bytes()))
    except (EOFError, BrokenPipeError):
        return


def _answer(engine: Engine, data: bytes) -> FrameReading | Failed:
    try:
        return read_frame(engine, data)
    except UndecodableImage as exc:
        return Failed(type(exc).__name__, exc.detail)
    except Exception as exc:  # a fault of the engine: reported by its kind, never by its content
        log.exception("the engine failed on a frame of %d bytes", len(data))
        return Failed("EngineFailed", type(exc).__name__)


def _die_with_parent() -> None:
    """End at once when the parent is gone, even in the middle of a frame."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
