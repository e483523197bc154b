"""Redraws the samples of audits from an export of the log, and compares them with the recorded ones.

An outsider can run it with the export and the log's public key (docs/audit-log.md).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from services.audit.actions.preparation import found_in
from services.audit.domain.audit_facts import Accesses
from services.audit.domain.periods import BY_SOFTWARE, ENTRIES, PERIOD, SOFTWARE
from services.audit.domain.sampling import sample_of, seed_of
from services.audit.domain.sealing import Unreadable
from services.audit.store.periods import LoggedEntry
from shared.core.signed_notes import Checkpoint

SEED_CHECKPOINT = 2
"""The checkpoint that gives the seed: the second one after the period's entry."""


@dataclass
class Period:
    """One period of the export, with its accesses and its draw."""

    seq: int
    occurred_from: datetime
    occurred_to: datetime
    population: list[int]
    accesses: Counter[Accesses]
    """The requests of people, refused ones too."""
    seed: bytes | None = None
    """None if the export ends before the seed's checkpoint."""
    seed_size: int | None = None
    """The size of the seed's checkpoint."""
    drawn_in: int | None = None
    """The entry that records the draw; None without a draw."""
    _checkpoints: int = 0

    @property
    def sample(self) -> list[int] | None:
        """The entries of the sample, in the order of the draw; None without the seed."""
        if self.seed is None:
            return None
        return sample_of(self.seed, self.population)

    def sign(self, note: str) -> None:
        """Count a checkpoint after the period's entry; the second one gives the seed."""
        self._checkpoints += 1
        if self._checkpoints == SEED_CHECKPOINT:
            self.seed = seed_of(note, self.occurred_from, self.occurred_to)
            self.seed_size = Checkpoint.parse(note).size


@dataclass
class Redraw:
    """Collects periods and faults from an export's lines. It does not verify the export: do that first."""

    periods: list[Period] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    _waiting: list[tuple[int, datetime, Accesses]] = field(default_factory=list)

    def add_lines(self, lines: Iterable[bytes]) -> None:
        """Process all lines of an export. Raises: Unreadable if it does not begin with entry 0."""
        for _ in self.entries_and_notes(lines):
            pass

    def entries_and_notes(self, lines: Iterable[bytes]) -> Iterator[LoggedEntry | str]:
        """Yield entries and notes of checkpoints on record as they are processed.

        Raises: Unreadable if the export does not begin with entry 0.
        """
        rest = iter(lines)
        opening = msgspec.json.decode(next(rest, b"{}"))
        if opening.get("first") != 0:
            raise Unreadable("a redraw needs an export that begins with entry 0")
        for line in rest:
            said = msgspec.json.decode(line)
            if "entry" in said:
                yield self._entry(said["seq"], said["entry"].encode())
            elif "checkpoint" in said and said.get("consistency") is None:
                note = said["checkpoint"]
                if Checkpoint.parse(note).closing:  # for the export; the log does not store it
                    continue
                for period in self.periods:
                    period.sign(note)
                yield note

    def _entry(self, seq: int, content: bytes) -> LoggedEntry:
        found, data = found_in(content), msgspec.json.decode(content)["data"]
        if found.kind == "access.attempted":
            person = found.person_id is not None and not found.person_id.startswith(SOFTWARE)
            if person and found.allowed is not None and data.get("method") != BY_SOFTWARE:
                kind = Accesses(found.service, found.purpose_kind or "", found.allowed)
                self._waiting.append((seq, found.occurred_at, kind))
        elif found.kind == "period.fixed":
            self._fix(seq, data)
        elif found.kind == "audit.changed" and data.get("change") == "drawn":
            self._drawn(seq, data.get("details", {}))
        return LoggedEntry(seq, found.kind, found.occurred_at, content)

    def _fix(self, seq: int, data: dict[str, Any]) -> None:
        since, until = (
            datetime.fromisoformat(data[name]) for name in ("occurred_from", "occurred_to")
        )
        if self.periods and self.periods[-1].occurred_to != since:
            self.faults.append(f"entry {seq}: its period does not begin at the end of the last one")
        made = [(number, kind) for number, at, kind in self._waiting if at < until]
        self._waiting = [one for one in self._waiting if one[1] >= until]
        population = [number for number, kind in made if kind.allowed]
        accesses = Counter(kind for _, kind in made)
        self.periods.append(Period(seq, since, until, population, accesses))

    def _drawn(self, seq: int, details: dict[str, str]) -> None:
        if PERIOD not in details and not self.periods:  # older than the plan's periods
            return
        period = next((p for p in self.periods if str(p.seq) == details.get(PERIOD)), None)
        if period is None:
            self.faults.append(f"entry {seq}: its sample belongs to no period of the plan")
            return
        if period.drawn_in is not None:
            self.faults.append(f"entry {seq}: the period of entry {period.seq} is drawn again")
        period.drawn_in = seq
        if details.get("population") != str(len(period.population)):
            self.faults.append(
                f"entry {seq}: drawn from {details.get('population')} accesses, but the period has"
                f" {len(period.population)}"
            )
        if period.sample is None:
            self.faults.append(f"entry {seq}: drawn before the checkpoint of its seed was signed")
        elif details.get(ENTRIES) != ",".join(map(str, period.sample)):
            self.faults.append(
                f"entry {seq}: its sample differs in the drawn entries or their order"
            )
