"""The program that reads crops: its pipes, what counts as a reading, and that it writes no file."""

import io
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from services.recognition.engine.decode import MAX_IMAGE_BYTES
from services.recognition.engine.framing import framed
from services.recognition.engine.protocol import Box, Character, PlateReading
from services.recognition.workers.crop_reader import (
    MEMORY_BYTES,
    CropReading,
    read_crop,
    serve,
)

CROP = cv2.imencode(".png", np.full((40, 80, 3), 200, np.uint8))[1].tobytes()


def a_reading(plate: str, confidence: float) -> PlateReading:
    box = Box(0, 0, 1, 1)
    corners = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
    characters = tuple(Character(one, confidence) for one in plate)
    return PlateReading(characters, plate, corners, box, box)


class StandIn:
    """An engine that reads the same in every frame."""

    name, digest = "stand-in", "d" * 64

    def __init__(self, *readings: PlateReading) -> None:
        self.readings = readings
        self.sizes: list[tuple[int, ...]] = []

    def read(self, frame: NDArray[np.uint8]) -> Sequence[PlateReading]:
        self.sizes.append(frame.shape)
        return self.readings

    def read_batch(self, frames: Sequence[NDArray[np.uint8]]) -> Sequence[Sequence[PlateReading]]:
        return [self.read(frame) for frame in frames]

    def warm_up(self) -> None:
        pass


def given(*crops: bytes) -> io.BytesIO:
    return io.BytesIO(b"".join(len(crop).to_bytes(4) + crop for crop in crops))


def test_it_answers_each_crop_with_a_line_in_order() -> None:
    answers = io.BytesIO()
    serve(StandIn(a_reading("7ABC123", 0.9)), given(CROP, b"junk", CROP), answers, minimum=0.3)
    lines = [json.loads(line) for line in answers.getvalue().splitlines()]
    assert lines == [
        {"engine": f"stand-in@{'d' * 16}"},
        {"plate": "7ABC123", "confidence": 0.9},
        {"is_image": False},
        {"plate": "7ABC123", "confidence": 0.9},
    ]


def test_a_crop_is_laid_into_a_frame_and_its_surest_reading_counts() -> None:
    engine = StandIn(a_reading("7ABC123", 0.5), a_reading("8XYZ987", 0.8))
    assert read_crop(engine, CROP, minimum=0.3) == CropReading("8XYZ987", 0.8)
    assert engine.sizes == [(384, 640, 3)]


@pytest.mark.parametrize(("crop", "ground"), [(200, 64), (40, 190)])
def test_the_frame_around_a_crop_is_dark_around_a_light_one_and_light_around_a_dark_one(
    crop: int, ground: int
) -> None:
    frame, (x, y, width, height) = framed(np.full((40, 80, 3), crop, np.uint8))
    assert (frame[y : y + height, x : x + width] == crop).all()
    assert (frame[0] == ground).all()
    assert (frame[-1] == ground).all()


def test_what_recognition_would_not_publish_is_no_reading() -> None:
    assert read_crop(StandIn(a_reading("7ABC123", 0.2)), CROP, minimum=0.3) == CropReading()
    assert read_crop(StandIn(), CROP, minimum=0.3) == CropReading()
    enough = StandIn(a_reading("7ABC123", 0.3))
    assert read_crop(enough, CROP, minimum=0.3) == CropReading("7ABC123", 0.3)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (b"\0\0", "is not a crop after its length"),
        ((MAX_IMAGE_BYTES + 1).to_bytes(4), "is not a crop after its length"),
        (b"\0\0\0\x09short", "the crop is cut off"),
    ],
)
def test_input_that_is_cut_off_or_too_large_ends_it(wrong: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        serve(StandIn(), io.BytesIO(wrong), io.BytesIO(), minimum=0.3)


def test_it_can_write_no_file_once_it_reads(tmp_path: Path) -> None:
    written = tmp_path / "crop"
    code = (
        "from services.recognition.workers.crop_reader import forbid_files\n"
        "from resource import RLIMIT_CORE, RLIMIT_FSIZE, getrlimit\n"
        "forbid_files()\nprint(getrlimit(RLIMIT_FSIZE), getrlimit(RLIMIT_CORE), flush=True)\n"
        f"open({str(written)!r}, 'wb', 0).write(b'x')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.stdout == b"(0, 0) (0, 0)\n", "nor can it allow itself more"
    assert b"File too large" in done.stderr
    assert written.read_bytes() == b""


PROGRAM = """
from resource import RLIMIT_AS, RLIMIT_CORE, RLIMIT_FSIZE, getrlimit
from types import SimpleNamespace
from services.recognition.workers import crop_reader

class Engine:
    name, digest = "stand-in", "d" * 64

    def warm_up(self):
        open({written!r}, "wb", 0).write(b"x")
        print("a library says something", flush=True)

def serve(engine, given, answers, *, minimum):
    said = getrlimit(RLIMIT_AS)[0], getrlimit(RLIMIT_FSIZE), getrlimit(RLIMIT_CORE), minimum
    answers.write(repr((*said, len(swept))).encode())

swept = []
crop_reader.sweep = swept.append
crop_reader.Settings = lambda: SimpleNamespace(recognition_min_confidence=0.25)
crop_reader.engine_of = lambda settings: Engine
crop_reader.serve = serve
crop_reader.main()
"""


def test_the_program_is_bounded_before_it_reads_and_after_its_engine_is_loaded(
    tmp_path: Path,
) -> None:
    """PaddleOCR writes a file while it loads; from then on a crop could leave by one."""
    written = tmp_path / "cache"
    code = PROGRAM.format(written=str(written))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.stdout == f"({MEMORY_BYTES}, (0, 0), (0, 0), 0.25, 1)".encode(), done.stderr
    assert done.stderr == b"a library says something\n", "apart from the answers"
    assert written.read_bytes() == b"x"
