"""Validates hot list entries, uploaded or entered singly: named faults, one normal form."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.hotlist.domain.problem_codes import Code
from shared.core.errors import InvalidInput, ProblemCode, ValueRefused
from shared.core.fields import EARLIEST
from shared.core.ids import derive_id
from shared.core.plates import MAX_TYPED_CHARACTERS, PlatePattern
from shared.core.policy import Policy
from shared.core.regions import parse_region
from shared.core.types import parse_ori

LIMITS = {
    "plate": MAX_TYPED_CHARACTERS,
    "state": 10,
    "record_kind": 40,
    "reason": 500,
    "entering_ori": 9,
    "entering_reference": 60,
    "make": 30,
    "model": 40,
    "colour": 30,
    "year": 4,
    "caution": 100,
    "valid_from": 40,
    "expires_at": 40,
}
"""The fields of an entry, each with its limit in characters."""

EARLIEST_YEAR = 1900
"""The earliest year of a vehicle; the latest is next year, as makers sell a model before its year begins."""

MIN_KNOWN_CHARACTERS = 3
"""The fewest known characters of a partial plate: fewer would match a good part of all traffic."""

MAX_PARTIALS = 1000
"""The most partial plates of one list: each is compared with many reads, and more would match all traffic."""

LONGEST_PARTIAL = timedelta(days=90)
"""The longest time until a partial plate expires: it names no vehicle and serves a recent crime (468.4(c))."""


class EntryFault(ValueRefused):
    """A field of an entry is not acceptable; the fault never repeats a plate."""

    def __init__(self, field: str, problem: ProblemCode, **params: Any) -> None:
        super().__init__(problem, **params)
        self.field = field


class KindRefused(EntryFault):
    """The record kind is known but its import is switched off."""

    def __init__(self, kind: str, why: ValueRefused) -> None:
        super().__init__("record_kind", why.problem, **why.params)
        self.kind = kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry in its normal form."""

    entry_id: UUID
    plate: str
    plate_listed: str
    partial: bool
    region: str | None
    record_kind: str
    reason: str | None
    entering_ori: str
    entering_reference: str | None
    make: str | None
    model: str | None
    colour: str | None
    year: int | None
    """The year of the vehicle."""

    caution: str | None
    """What the entering agency tells officers to be careful of, in its words."""

    valid_from: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedEntry(Entry):
    """An entry of a version, with the time and the person that listed it."""

    entered_at: datetime
    entered_by: str


@dataclass(frozen=True, slots=True)
class Kinds:
    """The import switch of each record kind for one list."""

    known: frozenset[str]
    off: Mapping[str, ValueRefused]
    """The kinds that are switched off, each with the reason."""

    def check(self, text: str) -> str:
        """Return a record kind in its normal form. Raises: EntryFault, KindRefused."""
        kind = re.sub(r"[\s-]+", "_", text.strip().lower())
        if (why := self.off.get(kind)) is not None:
            raise KindRefused(kind, why)
        if kind not in self.known:
            raise EntryFault(
                "record_kind", Code.RECORD_KIND_UNKNOWN, kind=kind[:40], allowed=sorted(self.known)
            )
        return kind


IMMIGRATION_KINDS = (
    "immigration_violator",
    "immigration_violators",
    "immigration_violator_file",
    "immigration",
)


def immigration_kind_in(text: str) -> str | None:
    """Return the kind of NCIC's Immigration Violator file that a text names; None if it names none."""
    words = re.sub(r"[\s-]+", "_", text.lower())
    return max((kind for kind in IMMIGRATION_KINDS if kind in words), key=len, default=None)


def kinds_of(policy: Policy, switched_off: list[str]) -> Kinds:
    """Return the switches of a list: NCIC's Immigration Violator file is off unless the policy ranks it."""
    citation = policy.purposes.prohibited.get(
        "immigration_enforcement", "Government Code 7284.6 (California Values Act)"
    )
    off = {
        kind: ValueRefused(Code.RECORD_KIND_PROHIBITED, kind=kind, citation=citation)
        for kind in IMMIGRATION_KINDS
        if kind not in policy.hotlists.tiers
    }
    off |= {kind: ValueRefused(Code.RECORD_KIND_OFF, kind=kind) for kind in switched_off}
    return Kinds(frozenset(policy.hotlists.tiers), off)


def check_switches(policy: Policy, kinds: list[str]) -> list[str]:
    """Return record kinds to switch off, checked. Raises: InvalidInput naming one that does not exist."""
    for kind in kinds:
        if kind not in policy.hotlists.tiers:
            raise InvalidInput(
                Code.RECORD_KIND_UNKNOWN,
                field="record_kinds_off",
                kind=kind[:40],
                allowed=sorted(policy.hotlists.tiers),
            )
    return sorted(set(kinds))


class Checker:
    """Checks the entries of one list."""

    def __init__(
        self,
        list_id: UUID,
        kinds: Kinds,
        default_ori: str,
        now: datetime,
        *,
        department_state: str,
    ) -> None:
        self._list_id = list_id
        self.kinds = kinds
        """The import switches that apply to the list."""

        self._default_ori = default_ori
        self._now = now
        self._department_state = department_state
        self.regions: dict[str, str] = {}
        """Each short form in the input, with the region that the checker read it as."""

    @classmethod
    def of(
        cls, policy: Policy, list_id: UUID, kinds_off: list[str], *, default_ori: str, now: datetime
    ) -> "Checker":
        """Return the checker of a list under the department's policy.

        Args:
            kinds_off: the record kinds that the list has switched off.
            default_ori: the entering agency of an entry that names none.
        """
        kinds = kinds_of(policy, kinds_off)
        return cls(list_id, kinds, default_ori, now, department_state=policy.department.state)

    def is_off(self, kind: str) -> bool:
        """Whether the import of a record kind is switched off."""
        return kind in self.kinds.off

    def check(self, fields: Mapping[str, str]) -> Entry:
        """Return the entry that `fields` (stripped, empty ones left out) describe.

        Raises: EntryFault naming the field; KindRefused when its kind is switched off.
        """
        for name, text in fields.items():
            if len(text) > LIMITS[name]:
                raise EntryFault(name, Code.ENTRY_FIELD_TOO_LONG, max_characters=LIMITS[name])
            if not text.isprintable():
                raise EntryFault(name, Code.ENTRY_FIELD_UNPRINTABLE)
        if "record_kind" not in fields:
            raise EntryFault("record_kind", Code.ENTRY_KIND_MISSING)
        kind = self.kinds.check(fields["record_kind"])
        plate, partial = plate_of(fields.get("plate", ""))
        region = self._region(fields.get("state"))
        try:
            ori = parse_ori(fields.get("entering_ori", self._default_ori))
        except ValueRefused as exc:
            raise EntryFault("entering_ori", exc.problem, **exc.params) from None
        reference = fields.get("entering_reference")
        valid_from = _time("valid_from", fields.get("valid_from"))
        expires_at = _time("expires_at", fields.get("expires_at"))
        self._check_times(valid_from, expires_at, partial)
        # Derived from the content: an entry keeps its id, and its passes, when the list is refreshed.
        entry_id = derive_id("entry", self._list_id, plate, region, kind, ori, reference)
        return Entry(
            entry_id=entry_id,
            plate=plate,
            plate_listed=fields["plate"],
            partial=partial,
            region=region,
            record_kind=kind,
            reason=fields.get("reason"),
            entering_ori=ori,
            entering_reference=reference,
            make=fields.get("make"),
            model=fields.get("model"),
            colour=fields.get("colour"),
            year=self._year(fields.get("year")),
            caution=fields.get("caution"),
            valid_from=valid_from,
            expires_at=expires_at,
        )

    def _region(self, text: str | None) -> str | None:
        if text is None:
            return None
        try:
            region, short_form = parse_region(text, self._department_state)
        except ValueRefused as exc:
            raise EntryFault("state", exc.problem, **exc.params) from None
        if short_form is not None:
            self.regions[short_form] = region
        return region

    def _year(self, text: str | None) -> int | None:
        if text is None:
            return None
        latest = self._now.year + 1
        if not re.fullmatch("[0-9]{4}", text) or not EARLIEST_YEAR <= int(text) <= latest:
            raise EntryFault(
                "year", Code.ENTRY_YEAR_REFUSED, from_year=EARLIEST_YEAR, to_year=latest
            )
        return int(text)

    def _check_times(
        self, valid_from: datetime | None, expires_at: datetime | None, partial: bool
    ) -> None:
        if expires_at is not None and valid_from is not None and expires_at <= valid_from:
            raise EntryFault("expires_at", Code.ENTRY_EXPIRES_BEFORE_VALID)
        if not partial:
            return
        if expires_at is None:
            raise EntryFault("expires_at", Code.PARTIAL_WITHOUT_END)
        if expires_at - self._now > LONGEST_PARTIAL:
            raise EntryFault("expires_at", Code.PARTIAL_TOO_LONG, max_days=LONGEST_PARTIAL.days)


def plate_of(text: str) -> tuple[str, bool]:
    """Return a plate in its normal form, and whether it is partial. Raises: EntryFault."""
    try:
        pattern = PlatePattern.parse(text)
    except ValueRefused as exc:
        raise EntryFault("plate", exc.problem, **exc.params) from None
    known = pattern.known_characters
    if not pattern.whole and known < MIN_KNOWN_CHARACTERS:
        raise EntryFault(
            "plate", Code.PARTIAL_TOO_OPEN, min_characters=MIN_KNOWN_CHARACTERS, characters=known
        )
    return pattern.text, not pattern.whole


def _time(name: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.utcoffset() is None:
            raise EntryFault(name, Code.ENTRY_TIME_WITHOUT_ZONE)
        moment = moment.astimezone(UTC)  # Postgres stores UTC, so the time must exist in this zone
    except (ValueError, OverflowError) as exc:
        if isinstance(exc, EntryFault):
            raise
        raise EntryFault(name, Code.ENTRY_TIME_UNREADABLE) from None
    if moment < EARLIEST:
        raise EntryFault(name, Code.ENTRY_TIME_TOO_EARLY, from_year=EARLIEST.year)
    return moment
