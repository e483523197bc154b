"""The counted figures: their names, and what of them the public sees (policy 468.2).

The public sees no small count. No figure is published from which a withheld one follows: there are no totals of what
is shown by kind, except where the kinds are shown together or not at all. ADR-0119 has the reasons.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple, get_args

from services.audit.domain.findings import FindingOutcome
from shared.core.policy import Policy
from shared.core.types import AgencyKind, Source

FEWEST = 5
"""The smallest count that is shown."""

HUNDREDS = 100
"""Reads are shown in hundreds: those of two months differ by what a purge destroyed, which may be few."""

MONTHS = 24

ENTRIES = "entries"
"""Entries of the log: which months it covers."""

CORRECT = "correct_read"
FALSE_ALERTS = ("wrong_state", "misread", "list_out_of_date", "dismissed")
"""Outcomes of a verification that show that the alert was false."""

AGES = (
    ("1_day", 1),
    ("1_week", 7),
    ("1_month", 31),
    ("3_months", 92),
    ("6_months", 183),
    ("12_months", 366),
)
"""Names of ages, each with the most days of it."""

OLDER = "older"
UNKNOWN = "unknown"
"""The age of records that were shown with others of another day, before disclosures said how many of each."""

REPORTED: Mapping[str, Collection[str]] = {
    "retention": frozenset({"reads_captured", "reads_stored", "holds_in_force"}),
    "hotlist": frozenset({"listed_plates"}),
}
"""What a service counts itself, because no entry of the log says it."""

_OF_REPORTS = frozenset().union(*REPORTED.values())
_ROUNDED = frozenset({"reads_captured", "reads_stored", "records_purged"})

CellState = Literal["counted", "rounded", "few", "withheld", "not_reported"]


class Key(NamedTuple):
    """A figure, or one kind of it; without kinds, `kind` is empty."""

    figure: str
    kind: str = ""


Sums = Mapping[Key, int]


@dataclass(frozen=True)
class Cell:
    """A figure of a month as the public sees it."""

    key: Key
    state: CellState
    count: int | None = None
    fewer_than: int | None = None


@dataclass(frozen=True)
class PublicMonth:
    """The figures of a whole month as the public sees them."""

    first_day: date
    cells: Sequence[Cell]
    false_alert_percent: int | None
    """Of the verified hits; None unless both counts are shown."""


@dataclass(frozen=True)
class MonthSums:
    """What was counted in a month, exactly."""

    first_day: date
    is_whole: bool
    """Whether the log covers it from its beginning to its end."""

    sums: Sums


def age_of(days: int) -> str:
    """Return the name of the age of a record that was captured so many days before."""
    return next((name for name, most in AGES if days <= most), OLDER)


def whole_months(months: Sequence[MonthSums]) -> list[MonthSums]:
    """Return the last whole months, newest first."""
    whole = sorted((one for one in months if one.is_whole), key=lambda one: one.first_day)
    return whole[: -MONTHS - 1 : -1]


def public_month(month: MonthSums, policy: Policy) -> PublicMonth:
    """Return what the public sees of a whole month.

    Which cells there are follows from the policy alone: a missing one would say that its count is 0.
    """
    sums = _with_sums(month.sums)
    cells = [_cell(key, sums) for key in _alone(policy)]
    verified = [Key("hits_verified", kind) for kind in (CORRECT, "false_alert")]
    rated = _are_many(verified, sums)
    cells += _together(verified, sums)
    cells += _together([Key("false_alerts", kind) for kind in FALSE_ALERTS], sums, may=rated)
    for kind in get_args(AgencyKind):
        cells += _together(
            [Key("releases_approved", kind), Key("releases_refused", kind)],
            sums,
        )
    outcomes = get_args(FindingOutcome)
    cells += _together([Key("findings_closed_as", outcome) for outcome in outcomes], sums)
    right, wrong = (sums[key] for key in verified)
    percent = round(100 * wrong / (right + wrong)) if rated else None
    return PublicMonth(month.first_day, cells, percent)


def _with_sums(sums: Sums) -> Sums:
    """Return the counts with the sums of them that are figures of their own; what was never counted is 0."""
    found = {Key("hits_verified", CORRECT): sums.get(Key("verifications", CORRECT), 0)}
    for kind in FALSE_ALERTS:
        found[Key("false_alerts", kind)] = sums.get(Key("verifications", kind), 0)
    found[Key("hits_verified", "false_alert")] = sum(
        found[Key("false_alerts", kind)] for kind in FALSE_ALERTS
    )
    closed = [count for key, count in sums.items() if key.figure == "findings_closed_as"]
    return {**sums, **found, Key("findings_closed"): sum(closed)}


def _alone(policy: Policy) -> Iterator[Key]:
    """Yield the figures that are each shown or withheld by their own count: no sum of them is shown."""
    yield from (Key("reads_captured"), Key("reads_stored"), Key("records_purged"))
    yield Key("holds_in_force")
    yield from (Key("listed_plates", source) for source in get_args(Source))
    yield Key("hits_raised")
    yield from (Key("searches", kind) for kind in sorted(policy.purposes.allowed))
    yield Key("searches_refused")
    yield from (Key("purposes_refused", kind) for kind in sorted(policy.purposes.prohibited))
    yield from (Key("releases_asked", kind) for kind in get_args(AgencyKind))
    yield from (Key("findings_raised"), Key("findings_closed"), Key("audits_signed"))
    for figure in ("records_searched", "records_opened"):
        yield from (Key(figure, age) for age in (*(name for name, _ in AGES), OLDER))


def _cell(key: Key, sums: Sums) -> Cell:
    count = sums.get(key, 0)
    if key not in sums and key.figure in _OF_REPORTS:
        return Cell(key, "not_reported")
    if key.figure in _ROUNDED:
        if count < HUNDREDS:
            return Cell(key, "few", fewer_than=HUNDREDS)
        return Cell(key, "rounded", round(count / HUNDREDS) * HUNDREDS)
    if count < FEWEST:
        return Cell(key, "few", fewer_than=FEWEST)
    return Cell(key, "counted", count)


def _together(keys: Sequence[Key], sums: Sums, *, may: bool = True) -> list[Cell]:
    """Return the parts of a figure that is shown: all of them, or none if one is small or `may` is False."""
    if may and _are_many(keys, sums):
        return [Cell(key, "counted", sums[key]) for key in keys]
    return [Cell(key, "withheld") for key in keys]


def _are_many(keys: Sequence[Key], sums: Sums) -> bool:
    return all(sums.get(key, 0) >= FEWEST for key in keys)
