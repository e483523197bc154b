"""Findings, and the exceptions among them: each names a check, its places and the reason."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("exceptions.toml")


@dataclass(frozen=True, order=True)
class Finding:
    """What a linter reports about one place."""

    linter: str
    check: str
    place: str
    """An object as Kind/name, or a file below the checkout."""

    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what} ({self.linter} {self.check})"


@dataclass(frozen=True)
class Waiver:
    """An accepted finding of one check, at named places."""

    linter: str
    check: str
    places: Sequence[str]
    why: str

    def covers(self, finding: Finding, place: str) -> bool:
        """Return whether this finding is accepted for `place`."""
        found = (finding.linter, finding.check, finding.place)
        return place in self.places and found == (self.linter, self.check, place)


def read_waivers(file: Path = FILE) -> list[Waiver]:
    """Return the exceptions of a file. Raises: ValueError for one that names no reason or no place."""
    waivers = [Waiver(**one) for one in tomllib.loads(file.read_text())["exception"]]
    for waiver in waivers:
        if not waiver.why.strip() or not waiver.places:
            raise ValueError(f"the exception of {waiver.check} names no reason, or no place")
    return waivers


def left(findings: Sequence[Finding], waivers: Sequence[Waiver]) -> list[str]:
    """Return, as lines, the findings that no exception covers, and the exceptions that cover none."""
    lines = [
        str(finding)
        for finding in sorted(set(findings))
        if not any(waiver.covers(finding, finding.place) for waiver in waivers)
    ]
    lines += [
        f"{place}: the exception of {waiver.linter} {waiver.check} is no longer needed"
        for waiver in waivers
        for place in waiver.places
        if not any(waiver.covers(finding, place) for finding in findings)
    ]
    return lines
