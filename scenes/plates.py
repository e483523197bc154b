"""The serials that states press: the grammars of their series, and how often each occurs.

A pattern uses `9` for a digit and `A` for a letter; a space or a dash is a gap or a hyphen on the metal and not
part of the plate. A series' weight is its frequency among that state's plates on the road, a state's weight its
frequency before a Californian camera; they are estimates for variety, not statistics.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np

DIGITS = "0123456789"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LETTERS_WITHOUT_IOQ = "ABCDEFGHJKLMNPRSTUVWXYZ"
GAPS = " -"

T = TypeVar("T")


@dataclass(frozen=True)
class Series:
    """One series of one state, with the pattern of its serials."""

    pattern: str
    weight: float
    letters: str = LETTERS
    first: str = DIGITS
    """Allowed leading digits."""

    @cached_property
    def regex(self) -> re.Pattern[str]:
        """A pattern that matches the plates of this series, without gaps."""
        spelled = [self._choices(i) for i in range(len(self.pattern))]
        return re.compile("".join(f"[{choice}]" for choice in spelled if choice not in GAPS))

    def issue(self, rng: np.random.Generator) -> str:
        """Draw a serial, with its gap or hyphen as pressed."""
        return "".join(str(rng.choice(list(self._choices(i)))) for i in range(len(self.pattern)))

    def pressed(self, plate: str) -> str:
        """Put this series' gaps into a plate that it matches: ABC1234 -> ABC-1234."""
        rest = iter(plate)
        return "".join(c if c in GAPS else next(rest) for c in self.pattern)

    def _choices(self, place: int) -> str:
        mark = self.pattern[place]
        if mark == "9":
            return self.first if place == 0 else DIGITS
        return self.letters if mark == "A" else mark


@dataclass(frozen=True)
class State:
    """A state as an issuer: postal code, weight on Californian roads, series."""

    code: str
    weight: float
    series: tuple[Series, ...]


CALIFORNIA = State(
    "CA",
    62,
    (
        Series("9AAA999", 82, LETTERS_WITHOUT_IOQ, first="456789"),  # passenger
        Series("99999A9", 8, LETTERS_WITHOUT_IOQ),  # commercial, as pressed since 2011
        Series("9A99999", 5, LETTERS_WITHOUT_IOQ, first="456789"),  # commercial, before
    ),
)
STATES = (
    CALIFORNIA,
    State("NV", 5, (Series("99A-999", 3), Series("999-A99", 2))),
    State("AZ", 5, (Series("AAA9999", 1),)),
    State("OR", 4, (Series("999 AAA", 3), Series("AAA 999", 1))),
    State("WA", 4, (Series("AAA9999", 3), Series("999-AAA", 1))),
    State("TX", 4, (Series("AAA 9999", 3), Series("AA9 A999", 1))),
    State("FL", 3, (Series("AAA A99", 2), Series("999 AAA", 1))),
    State("NY", 3, (Series("AAA-9999", 1),)),
    State("CO", 2, (Series("AAA-A99", 1), Series("999-AAA", 2))),
    State("UT", 2, (Series("A99 9AA", 2), Series("999 9AA", 1))),
    State("IL", 2, (Series("AA 99999", 1),)),
    State("GA", 2, (Series("AAA 9999", 1),)),
    State("OH", 1, (Series("AAA 9999", 1),)),
    State("PA", 1, (Series("AAA 9999", 1),)),
)
BY_CODE = {state.code: state for state in STATES}

# fmt: off
PERSONALISED = (
    "SURFNUT", "GR8DAY", "LUVMYK9", "4MYKIDS", "BEACHIN", "ROADTRP", "SKI2LIV", "GOBEARS", "NOTAVAN",
    "2FAST4U", "JAZZMAN", "HIKEMOR", "CATNAP", "MATHTCH", "KAYAK12", "DOGMOM3", "SUNSET5", "PILOT77",
)
# fmt: on
PERSONALISED_SHARE = 0.05


@dataclass(frozen=True)
class Issued:
    """A serial with its state. `pressed` includes the gap or hyphen; `plate` is the expected reading."""

    state: str
    pressed: str

    @property
    def plate(self) -> str:
        """The serial without gaps or hyphens."""
        return self.pressed.translate({ord(gap): None for gap in GAPS})


def _pick(rng: np.random.Generator, choices: Sequence[T], weights: Sequence[float]) -> T:
    share = np.asarray(weights, float)
    return choices[int(rng.choice(len(choices), p=share / share.sum()))]


def issue(rng: np.random.Generator, state: State | None = None) -> Issued:
    """Draw a plate with the frequencies of Californian roads; of one `state` if given."""
    if state is None:
        state = _pick(rng, STATES, [s.weight for s in STATES])
    if state is CALIFORNIA and rng.random() < PERSONALISED_SHARE:
        return Issued(state.code, str(rng.choice(PERSONALISED)))
    series = _pick(rng, state.series, [s.weight for s in state.series])
    return Issued(state.code, series.issue(rng))


def attribute(rng: np.random.Generator, plate: str) -> Issued:
    """Assign a given plate to a state that issues such serials; else to California, as personalised.

    Raises: ValueError if it is not 1 to 8 letters and digits.
    """
    if not re.fullmatch(r"[A-Z0-9]{1,8}", plate):
        raise ValueError("a plate is 1 to 8 letters and digits")
    options = [
        (state, series)
        for state in STATES
        for series in state.series
        if series.regex.fullmatch(plate)
    ]
    if not options:
        return Issued(CALIFORNIA.code, plate)
    state, series = _pick(rng, options, [s.weight * t.weight for s, t in options])
    return Issued(state.code, series.pressed(plate))
