"""The worker process: one engine, one pipe, a few frames at a time; it exits when its parent does."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from services.recognition.engine.decode import Frame, UndecodableImage, decode
from services.recognition.engine.protocol import Box, Engine, EngineFactory, PlateReading, named
from services.recognition.workers.leftovers import sweep
from shared.core.child_process import begin_as_child
from shared.core.logs import LogFormat, configure_logging

log = logging.getLogger(__name__)

CROP_JPEG_QUALITY: Final = 92


@dataclass(frozen=True, slots=True)
class Plate:
    """One plate of a frame: the reading, its box in pixels of the image as posted, its picture."""

    reading: PlateReading
    box: Box
    crop_jpeg: bytes


@dataclass(frozen=True, slots=True)
class FrameReading:
    """The plates of one frame."""

    plates: tuple[Plate, ...]
    duration_ms: float
    """Time in the worker: decoding and cutting out, and this frame's share of reading."""
    engine: str
    """The worker's own engine, `name@digest`: one that replaced another may have loaded other weights."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The engine is loaded."""

    engine: str
    """Its `name@digest`."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The frame, or at the start the engine, failed; the worker itself is well."""

    kind: str
    detail: str


Answer = FrameReading | Failed


def read_frames(engine: Engine, images: Sequence[bytes]) -> list[Answer]:
    """Decode images, read them together, and cut out each plate. One answer per image, in order.

    If the engine fails on several frames, it reads each alone, so that only the faulty one fails.
    """
    decoded = [_decoded(data) for data in images]
    frames = [one for one in decoded if isinstance(one, _Decoded)]
    read = iter(_read(engine, frames) if frames else [])
    return [next(read) if isinstance(one, _Decoded) else one for one in decoded]


@dataclass(frozen=True, slots=True)
class _Decoded:
    """A frame, and how long it took to decode, s."""

    frame: Frame
    spent_s: float


def _decoded(data: bytes) -> _Decoded | Failed:
    start = time.perf_counter()
    try:
        frame = decode(data)
    except UndecodableImage as exc:
        return Failed(type(exc).__name__, exc.detail)
    return _Decoded(frame, time.perf_counter() - start)


def _read(engine: Engine, decoded: Sequence[_Decoded]) -> list[Answer]:
    start = time.perf_counter()
    try:
        readings = engine.read_batch([one.frame.pixels for one in decoded])
    except Exception as exc:  # a fault of the engine: report its type, never its message
        if len(decoded) > 1:
            return [answer for one in decoded for answer in _read(engine, [one])]
        log.exception("the engine failed on a frame of %d x %d px", *_size(decoded[0].frame))
        return [Failed("EngineFailed", type(exc).__name__)]
    share_s = (time.perf_counter() - start) / len(decoded)
    name = named(engine)
    return [
        _answer(name, one, found, share_s) for one, found in zip(decoded, readings, strict=True)
    ]


def _answer(
    engine: str, decoded: _Decoded, readings: Sequence[PlateReading], share_s: float
) -> FrameReading:
    start = time.perf_counter()
    frame = decoded.frame
    plates = tuple(
        Plate(reading, _as_posted(reading.box, frame), _jpeg(frame.pixels, reading.crop))
        for reading in readings
    )
    spent_s = decoded.spent_s + share_s + time.perf_counter() - start
    return FrameReading(plates, 1000 * spent_s, engine)


def _size(frame: Frame) -> tuple[int, int]:
    return frame.pixels.shape[1], frame.pixels.shape[0]


def _as_posted(box: Box, frame: Frame) -> Box:
    by = frame.reduced_by
    return Box(box.x_px * by, box.y_px * by, box.width_px * by, box.height_px * by)


def _jpeg(pixels: NDArray[np.uint8], box: Box) -> bytes:
    cut = pixels[box.y_px : box.y_px + box.height_px, box.x_px : box.x_px + box.width_px]
    _, encoded = cv2.imencode(".jpg", cut, [cv2.IMWRITE_JPEG_QUALITY, CROP_JPEG_QUALITY])
    return encoded.tobytes()


def run(pipe: Connection, make_engine: EngineFactory, log_format: LogFormat) -> None:
    """Process lists of images from the pipe until it closes. The target of the worker process."""
    begin_as_child()
    configure_logging(log_format)
    sweep(time.time())
    try:
        engine = make_engine()
        engine.warm_up()
    except Exception as exc:
        log.exception("the engine does not load")
        pipe.send(Failed(type(exc).__name__, str(exc)))
        return
    pipe.send(Ready(named(engine)))
    try:
        while True:
            pipe.send(read_frames(engine, pipe.recv()))
    except (EOFError, BrokenPipeError):
        return
