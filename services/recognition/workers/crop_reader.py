"""Reads crops of plates as a program beside another service, through pipes alone (ADR-0085).

From standard input it reads crops, each as four bytes with its length (big-endian) and the image file. To standard
output it writes lines of JSON: `Loaded` once the engine is loaded, then one `CropReading` for each crop, in order. It
ends when standard input does. It can write no file once the engine is loaded, so a crop leaves it by its pipes alone.
"""

import os
import resource
import sys
import time
from typing import IO, Final

import msgspec

from services.recognition.engine.decode import MAX_IMAGE_BYTES, UndecodableImage, decode
from services.recognition.engine.factory import chosen_engine
from services.recognition.engine.framing import framed
from services.recognition.engine.protocol import Engine, EngineFactory, named
from services.recognition.settings import Settings
from services.recognition.workers.leftovers import sweep
from shared.core.policy import load_policy

MEMORY_BYTES: Final = 2 * 1024**3
"""Limit of address space; the engine with its second opinion uses about 300 MB of memory and 800 MB of addresses."""


class Loaded(msgspec.Struct, frozen=True):
    """The engine is loaded."""

    engine: str  # name@digest


class CropReading(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the engine read in one crop; without a plate if it read none that recognition would publish."""

    plate: str | None = None
    confidence: float = 0.0  # the lowest of its characters
    is_image: bool = True  # false: the bytes are no image


def limit_memory() -> None:
    """Limit the address space."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def forbid_files() -> None:
    """Forbid writing to files, core dumps included, permanently."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def serve(engine: Engine, given: IO[bytes], answers: IO[bytes], *, minimum: float) -> None:
    """Answer crops until `given` ends. Readings below `minimum` confidence count as no reading."""
    _answer(answers, Loaded(named(engine)))
    while (crop := _next(given)) is not None:
        _answer(answers, read_crop(engine, crop, minimum=minimum))


def read_crop(engine: Engine, crop: bytes, *, minimum: float) -> CropReading:
    """Return the surest reading of a crop.

    Args:
        crop: a JPEG, PNG or WebP file.
        minimum: confidence, 0 to 1, below which recognition publishes no reading.
    """
    try:
        frame, _ = framed(decode(crop).pixels)
    except UndecodableImage:
        return CropReading(is_image=False)
    sure = [one for one in engine.read(frame) if one.confidence >= minimum]
    if not sure:
        return CropReading()
    surest = max(sure, key=lambda one: one.confidence)
    return CropReading(surest.plate, surest.confidence)


def engine_of(settings: Settings) -> EngineFactory:
    """Return the callable that builds the engine of recognition's settings and the policy. Raises: PolicyFault."""
    return chosen_engine(settings, load_policy(settings.policy_file).regions.packs)


def _next(given: IO[bytes]) -> bytes | None:
    """Return the next crop; None at the end. Raises: ValueError for one that is cut off or too large."""
    head = given.read(4)
    if not head:
        return None
    size_bytes = int.from_bytes(head)
    if len(head) < 4 or size_bytes > MAX_IMAGE_BYTES:
        raise ValueError("the input is not a crop after its length")
    crop = given.read(size_bytes)
    if len(crop) < size_bytes:
        raise ValueError("the crop is cut off")
    return crop


def _answer(answers: IO[bytes], answer: Loaded | CropReading) -> None:
    answers.write(msgspec.json.encode(answer) + b"\n")
    answers.flush()


def main() -> None:
    """Load the engine that the settings name, and answer."""
    limit_memory()
    # Libraries may print; their text must not mix with the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    settings = Settings()
    sweep(time.time())
    engine = engine_of(settings)()
    engine.warm_up()  # PaddleOCR writes a file while it loads
    forbid_files()
    serve(engine, sys.stdin.buffer, answers, minimum=settings.recognition_min_confidence)


if __name__ == "__main__":
    main()
