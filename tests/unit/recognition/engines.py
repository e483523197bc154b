"""An engine for tests of the pool: a frame's width decides its behaviour."""

import os
import signal
import time
from pathlib import Path

from services.recognition.engine.protocol import (
    Alternative,
    Box,
    Character,
    PlateReading,
    considered,
)

READS, KILLS, HANGS, RAISES, KILLS_ONCE, WAITS, KILLS_TWICE = 40, 41, 42, 43, 44, 45, 46
PLATE = "7ABC123"
GO = "go"
"""The file, in the engine's folder, that ends the wait of a frame."""
WARM = "warm"
"""File in that folder that shows that the engine was warmed up."""
HANGING = "hanging"
"""File in that folder that shows that the engine has a frame on which it hangs."""
LONGEST_WAIT_S = 60


class ScriptedEngine:
    """Reads one plate, or does harm."""

    name = "scripted/1"
    digest = "ab" * 32

    def __init__(self, folder: Path | None = None):
        self._marker = folder / "killed" if folder else None
        self._together = folder / "together" if folder else None
        self._go = folder / GO if folder else None
        self._warm = folder / WARM if folder else None
        self._hanging = folder / HANGING if folder else None

    def warm_up(self):
        if self._warm:
            self._warm.touch()

    def read(self, frame):
        match frame.shape[1]:
            case w if w == KILLS or (w == KILLS_ONCE and not self._marker.exists()):
                if self._marker:
                    self._marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            case w if w == KILLS_TWICE and self._deaths() < 2:
                self._marker.write_text(str(self._deaths() + 1))
                os.kill(os.getpid(), signal.SIGKILL)
            case w if w == HANGS:
                if self._hanging:
                    self._hanging.touch()
                time.sleep(600)
            case w if w == RAISES:
                raise RuntimeError(f"on purpose: {PLATE}")
            case w if w == WAITS:
                self._wait()
        sure = tuple(Character(text, 0.9) for text in PLATE)
        doubted = considered(
            "B", 0.9, {"8": 0.07654, "R": 0.02, "E": 0.001, "P": 0.0005, "H": 0.00001}
        )
        characters = (*sure[:2], doubted, *sure[3:])
        corners = ((2.0, 2.0), (30.0, 2.0), (30.0, 10.0), (2.0, 10.0))
        box, crop = Box(2, 2, 28, 8), Box(0, 0, 32, 12)
        alternatives = Alternative(PLATE, 0.8), Alternative("7A8C123", 0.15)
        return [
            PlateReading(characters, "7ABC 123", corners, box, crop, "US-CA", alternatives, 0.2)
        ]

    def _deaths(self):
        return int(self._marker.read_text()) if self._marker.exists() else 0

    def _wait(self):
        end = time.monotonic() + LONGEST_WAIT_S
        while not self._go.exists():
            if time.monotonic() > end:
                raise TimeoutError(f"nobody wrote {self._go}")
            time.sleep(0.01)

    def read_batch(self, frames):
        if self._together and len(frames) > 1:
            self._together.write_text(str(len(frames)))
        return [self.read(frame) for frame in frames]


WEIGHTS = "weights"
"""File in the engine's folder with its digest."""


def weighted_factory(folder):
    """Load what the folder has now."""
    engine = ScriptedEngine(folder)
    engine.digest = (folder / WEIGHTS).read_text()
    return engine


BROKEN = "broken"
"""File in the engine's folder that keeps it from loading."""


def sometimes_broken_factory(folder):
    """Load, unless the folder says not to."""
    if (folder / BROKEN).exists():
        raise FileNotFoundError("no model")
    return ScriptedEngine(folder)


def broken_factory():
    """Fail like an engine whose model is missing."""
    raise FileNotFoundError("no model")


def stubborn_factory():
    """Kill the worker process while the engine loads."""
    os._exit(3)
