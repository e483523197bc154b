"""The rules that rate a hit: its urgency and the cautions shown with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from services.hotlist.domain.problem_codes import Code
from services.hotlist.domain.vehicles import colours_differ, makes_differ
from shared.core.errors import Conflict, InvalidInput
from shared.core.matching import Difference
from shared.core.policy import HotLists
from shared.events import Actor, Read, Source, Tier

TIERS: tuple[Tier, ...] = ("high", "medium", "low", "information")
"""From the most urgent down."""

LIKELY_MISREAD = 0.4
"""The misread risk from which a hit carries a caution: two such reads in five are wrong."""

Outcome = Literal["correct_read", "wrong_state", "misread", "list_out_of_date", "dismissed"]
"""A person's finding after checking a hit with the entering agency (468.4(f))."""

Result = Literal[
    "vehicle_recovered",
    "arrest",
    "stopped_released",
    "no_contact",
    "surveillance_only",
    "passed_to_other_agency",
    "other",
]
"""What came of a hit, as a person records it with a disposition; `other` in their words."""

_ENFORCES: Mapping[Result, bool] = {
    "arrest": True,
    "stopped_released": True,
    "no_contact": False,
    "surveillance_only": False,
}
"""Whether a result says that enforcement action was taken, or that none was; others say neither."""


def contradicts(result: Result, *, enforcement: bool) -> bool:
    """Return whether a result says the opposite of what a person answers about enforcement action."""
    return _ENFORCES.get(result, enforcement) is not enforcement


class Caution(msgspec.Struct, frozen=True):
    """A warning that accompanies a hit wherever a person sees it."""

    code: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An entry of the version in force, with the properties of its list."""

    list_id: UUID
    list_name: str
    list_version: int
    source: Source
    staleness_s: int | None
    """The list's own limit, where it is narrower than the policy's."""

    as_of: datetime
    """When the entry was last known to be true: the extract's time, or the time a person entered it singly."""

    entry_id: UUID
    plate: str
    plate_listed: str
    partial: bool
    region: str | None
    record_kind: str
    reason: str | None = None
    entering_ori: str
    entering_reference: str | None = None
    make: str | None = None
    model: str | None = None
    colour: str | None = None
    year: int | None = None
    caution: str | None = None
    valid_from: datetime | None = None
    expires_at: datetime | None = None
    listed_by: Actor | None = None
    """The person who entered it singly; None for an entry of a file."""

    @property
    def as_displayed(self) -> dict[str, Any]:
        """The fields of the entry that a hit stores and shows, beside the plate itself."""
        return {
            "plate_listed_as": self.plate_listed,
            "reason": self.reason,
            "entering_ori": self.entering_ori,
            "entering_reference": self.entering_reference,
            "make": self.make,
            "model": self.model,
            "colour": self.colour,
            "year": self.year,
            "caution": self.caution,
            "valid_from": self.valid_from,
            "expires_at": self.expires_at,
            "listed_by": self.listed_by,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A read that resembles an entry, as the index found; the rules decide whether it is a hit."""

    read: Read
    list_id: UUID
    entry_id: UUID
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """The urgency of a match, and the cautions that lowered it or accompany it."""

    tier: Tier
    cautions: tuple[Caution, ...]
    list_age_s: int
    list_stale: bool


def lowered(tier: Tier, steps: int) -> Tier:
    """Return the tier `steps` below `tier`, at most the last."""
    return TIERS[min(TIERS.index(tier) + steps, len(TIERS) - 1)]


def check_not_older(as_of: datetime, in_force: datetime | None, reason: str | None = None) -> None:
    """Check that an extract of `as_of` is not older than the one in force, unless a person gives a reason.

    Raises: Conflict.
    """
    if reason is None and in_force is not None and as_of < in_force:
        raise Conflict(
            Code.VERSION_OLDER,
            field="reason",
            as_of=as_of.isoformat(timespec="seconds"),
            in_force_as_of=in_force.isoformat(timespec="seconds"),
        )


def shrinks(before: int, after: int, share: float) -> bool:
    """Whether a list that goes from `before` to `after` entries loses more than `share` of them."""
    return before - after > share * before


def staleness_limit_s(source: Source, own_s: int | None, rules: HotLists) -> int:
    """Return the age in seconds from which a list is stale: the policy's, or its own if narrower."""
    limit_s = (
        rules.staleness_hours.get(source, 0) * 3600
    )  # a source without a limit is always stale
    return limit_s if own_s is None else min(limit_s, own_s)


def own_staleness_s(hours: int | None, source: Source, rules: HotLists) -> int | None:
    """Return a list's own limit of staleness, if any. Raises: InvalidInput above the policy's limit for the source."""
    limit = rules.staleness_hours.get(source, 0)
    if hours is not None and hours > limit:
        raise InvalidInput(
            Code.LIST_STALENESS_TOO_LONG, field="staleness_hours", source=source, max_hours=limit
        )
    return None if hours is None else hours * 3600


def rate(
    read: Read,
    listed: Listed,
    differing: Sequence[Difference],
    rules: HotLists,
    now: datetime,
) -> Rating:
    """Return the tier of a match: the record kind's, lowered by each doubt; never top when stale."""
    age_s = max(0, int((now - listed.as_of).total_seconds()))
    stale = age_s > staleness_limit_s(listed.source, listed.staleness_s, rules)
    doubts = _doubts(read, listed, differing)
    cautions = [caution for caution, _ in doubts]
    tier = lowered(
        rules.tiers.get(listed.record_kind, "information"), sum(steps for _, steps in doubts)
    )
    if stale:
        cautions.append(Caution("list_stale", f"The list is {age_s // 3600} hours old"))
        tier = max(tier, "medium", key=TIERS.index)
    if listed.valid_from is not None and read.captured_at < listed.valid_from:
        cautions.append(Caution("before_entry", "Captured before the entry was valid"))
    return Rating(tier=tier, cautions=tuple(cautions), list_age_s=age_s, list_stale=stale)


def _doubts(
    read: Read, listed: Listed, differing: Sequence[Difference]
) -> list[tuple[Caution, int]]:
    """Return each reason to doubt a match, with the number of tiers by which it lowers the urgency."""
    doubts = []
    if (state := _state_doubt(read.region, listed.region)) is not None:
        doubts.append(state)
    if read.misread_risk is not None and read.misread_risk >= LIKELY_MISREAD:
        text = f"The read is uncertain: {read.misread_risk:.0%} risk that a character is wrong"
        doubts.append((Caution("misread_risk", text), 1))
    if differing:
        places = ", ".join(str(d.position + 1) for d in differing)
        doubts.append((Caution("look_alike", f"Read and listing differ at character {places}"), 1))
    if listed.partial:
        doubts.append((Caution("partial_plate", "Only part of the plate is listed"), 1))
    if makes_differ(read.vehicle_make, listed.make):
        text = f"The make differs: seen {read.vehicle_make}, listed {listed.make}"
        doubts.append((Caution("make_differs", text), 1))
    if colours_differ(read.vehicle_colour, listed.colour):
        # A caution that does not lower the tier: lamps and infrared change colours.
        text = f"The colour differs: seen {read.vehicle_colour}, listed {listed.colour}"
        doubts.append((Caution("colour_differs", text), 0))
    return doubts


def _state_doubt(read: str | None, listed: str | None) -> tuple[Caution, int] | None:
    """Return the doubt about the state: a different state lowers by two tiers, an unknown one by one."""
    if read is None or listed is None:
        which = "listing" if read else "read" if listed else "read and listing"
        return Caution("state_unknown", f"The state is not known in the {which}"), 1
    if read != listed:
        return Caution("state_differs", f"The state differs: read {read}, listed {listed}"), 2
    return None
