"""The faults of a run: which, of which part, when and for how long. They follow from the seed and the length alone."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from services.registry import names
from shared.service.spec import Kind

T = TypeVar("T")


class What(StrEnum):
    """Kinds of faults."""

    KILL = "kill"
    """kill -9."""
    STOP = "stop"
    """SIGSTOP, then SIGCONT."""
    FULL = "full disk"
    SLOW = "slow disk"
    CLOCK = "clock step"
    """And the step back."""
    CUT = "cut link"
    """Connections are reset, and no new one is accepted."""
    SILENT = "silent link"
    """Connections stay open, and no byte passes."""
    DELAY = "delayed link"
    CORRUPT = "corrupt link"
    """Bits are flipped."""


SERVICES = (*names(Kind.API), *names(Kind.WORKER))
BROKERS = ("broker-1", "broker-2", "broker-3")
POSTGRES = "postgres"
PROCESSES = (*SERVICES, *BROKERS, POSTGRES)

CAMERAS = "cameras"
ALL_BROKERS = "brokers"
LINKS = (CAMERAS, POSTGRES, *BROKERS, ALL_BROKERS)
"""Of the cameras to ingest, of the services to Postgres, and to each broker, from services and other brokers."""

OF_LINKS = frozenset({What.CUT, What.SILENT, What.DELAY, What.CORRUPT})

LASTS_S = {
    What.KILL: (0.0, 0.0),
    What.STOP: (4.0, 18.0),
    What.FULL: (4.0, 18.0),
    What.SLOW: (6.0, 18.0),
    What.CLOCK: (6.0, 18.0),
    What.CUT: (3.0, 18.0),
    What.SILENT: (3.0, 18.0),
    What.DELAY: (6.0, 18.0),
    What.CORRUPT: (4.0, 12.0),
}
CLOCK_STEPS_S = (-200.0, -60.0, -5.0, 5.0, 60.0, 200.0)
SLOW_S = (0.02, 0.5)
DELAY_S = (0.02, 0.6)
FLIPPED = (0.02, 0.2)
"""The share of a link's pieces of data with a flipped bit."""

FIRST_S = 5.0
PAUSE_S = (3.0, 10.0)
"""Between the end of a fault and the begin of the next one."""
OVERLAPS = 0.25
"""The share of the faults that begin while the one before lasts."""


@dataclass(frozen=True)
class Fault:
    """One fault."""

    what: What
    part: str
    begins_s: float
    """After the begin of the load."""
    lasts_s: float
    how: float = 0.0
    """Seconds of a step, of a sync or of a delay; the share of a corrupt link's pieces."""

    @property
    def ends_s(self) -> float:
        """When it ends."""
        return self.begins_s + self.lasts_s

    def __str__(self) -> str:
        how = f" ({self.how:g})" if self.how else ""
        lasts = f" for {self.lasts_s:.1f} s" if self.lasts_s else ""
        return f"{self.begins_s:6.1f} s  {self.what}{how}: {self.part}{lasts}"


def plan(seed: int, load_s: float) -> list[Fault]:
    """Return the faults that end within `load_s` of load, in the order of their begin."""
    draw = random.Random(f"chaos {seed}")
    whats = _dealt(draw, list(What))
    parts = {what: _dealt(draw, LINKS if what in OF_LINKS else PROCESSES) for what in What}
    faults: list[Fault] = []
    begins_s = FIRST_S
    while True:
        what = next(whats)
        lasts_s = round(draw.uniform(*LASTS_S[what]), 1)
        fault = Fault(what, next(parts[what]), round(begins_s, 1), lasts_s, _how(draw, what))
        if fault.ends_s > load_s:
            return faults
        faults.append(fault)
        last_s = max(one.ends_s for one in faults)
        if draw.random() < OVERLAPS:
            begins_s += draw.uniform(1.0, max(1.0, lasts_s))
        else:
            begins_s = last_s + draw.uniform(*PAUSE_S)


def _how(draw: random.Random, what: What) -> float:
    match what:
        case What.CLOCK:
            return draw.choice(CLOCK_STEPS_S)
        case What.SLOW:
            return round(draw.uniform(*SLOW_S), 3)
        case What.DELAY:
            return round(draw.uniform(*DELAY_S), 3)
        case What.CORRUPT:
            return round(draw.uniform(*FLIPPED), 3)
        case _:
            return 0.0


def _dealt(draw: random.Random, kinds: Sequence[T]) -> Iterator[T]:
    """Yield `kinds` in random order without end; each comes once before any comes again."""
    while True:
        yield from draw.sample(kinds, len(kinds))
