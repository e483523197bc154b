"""The facts of which the report of an audit is made: what the log's entries say of one period."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from services.audit.domain.entries import kind_of
from shared.events import Actor, AuditChanged

STEP = kind_of(AuditChanged)
"""The kind of entries that record steps of audits."""

ACTS: Mapping[tuple[str, str], str] = {
    ("hold.changed", "placed"): "Holds placed",
    ("hold.changed", "confirmed"): "Wide holds confirmed",
    ("hold.changed", "extended"): "Holds extended",
    ("hold.changed", "taken_over"): "Holds taken over",
    ("hold.changed", "released"): "Holds released",
    ("evidence.changed", "requested"): "Exports of held records requested",
    ("purge.changed", "proposed"): "Purges proposed",
    ("purge.changed", "authorised"): "Purges authorised",
    ("purge.changed", "refused"): "Purges refused",
    ("purge.changed", "executed"): "Purges executed",
    ("purge.changed", "certified"): "Purges certified",
    ("records.purged", ""): "Reads and frames destroyed",
    ("release.requested", ""): "Requests of other agencies",
    ("release.approved", ""): "Requests approved",
    ("release.denied", ""): "Requests denied",
    ("release.received", ""): "Packages downloaded by agencies",
}
"""What a report counts of a period beside its accesses, by kind of entry and change."""


class Accesses(NamedTuple):
    """A kind of requests of people."""

    service: str
    purpose: str
    """Empty if none was declared."""
    allowed: bool


@dataclass(frozen=True)
class DrawFacts:
    """The entry that records the draw of the sample."""

    audit_id: str
    seq: int
    by: Actor
    at: datetime
    population: str
    entries: str
    """The drawn entries in order, with commas between."""

    @property
    def items(self) -> Sequence[str]:
        """The drawn entries."""
        return self.entries.split(",") if self.entries else ()


@dataclass(frozen=True)
class ReviewFacts:
    """The first entry that records a review of one access of the sample."""

    outcome: str
    by: Actor
    at: datetime


@dataclass(frozen=True)
class SignOffFacts:
    """The entry that records the sign-off."""

    by: Actor
    at: datetime
    statement: str


@dataclass
class FindingFacts:
    """A finding, with the numbers of the entries that raised and closed it."""

    kind: str
    raised_in: int
    closed_in: int | None = None
    outcome: str = ""

    def is_open_at(self, seq: int) -> bool:
        """Return whether it was raised before entry `seq` and not closed before it."""
        return self.raised_in < seq and (self.closed_in is None or self.closed_in >= seq)


@dataclass(frozen=True)
class PolicyFacts:
    """A policy with which services were started."""

    version: str
    digest: str


@dataclass(kw_only=True)
class PeriodFacts:
    """What the first `size` entries of the log say of a period of the audit plan."""

    seq: int
    """The entry that fixed the period."""
    follows: int
    """The entry that fixed the period before; -1 for the first."""
    occurred_from: datetime
    occurred_to: datetime
    size: int
    newest_at: datetime
    """When the newest of these entries occurred."""
    population: Sequence[int]
    sample: Sequence[int] | None
    """The sample drawn again; None if the checkpoint that gives its seed is not signed yet."""
    seed: bytes | None
    seed_size: int | None
    """The size of the checkpoint that gives the seed."""
    accesses: Counter[Accesses]
    draw: DrawFacts | None = None
    reviews: dict[int, ReviewFacts] = field(default_factory=dict)
    """By the number of the access in the sample."""
    sign_off: SignOffFacts | None = None
    findings: dict[str, FindingFacts] = field(default_factory=dict)
    improper: dict[tuple[str, str], str] = field(default_factory=dict)
    """Findings about improper accesses of samples, by the audit and the access's entry."""
    acts: Counter[tuple[str, str]] = field(default_factory=Counter)
    policies_before: dict[str, PolicyFacts] = field(default_factory=dict)
    """With which each service was started last before the period's entries."""
    policies_since: list[PolicyFacts] = field(default_factory=list)
    odd: Counter[str] = field(default_factory=Counter)
    """Entries that a service would not make, by their content or as repetitions; by kind."""

    @property
    def policies(self) -> Sequence[PolicyFacts]:
        """The policies that services used in the period, in the order of their first use."""
        return list(dict.fromkeys([*self.policies_before.values(), *self.policies_since]))

    @property
    def unreviewed(self) -> Sequence[int]:
        """The numbers of the accesses in the sample without a review."""
        items = self.draw.items if self.draw else ()
        return [number for number in range(1, len(items) + 1) if number not in self.reviews]
