"""Compares the sealed values with the digests in their entries, and the missing values with the recorded erasures."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from services.audit.domain.recount import ErasedSum, Faults
from services.audit.domain.sealing import (
    DIGESTS,
    RECORDS,
    UNDECODABLE,
    Stored,
    Value,
    faults_of,
    plates_of,
)
from services.audit.store.values import Erased

ERASED_TYPE = "alpr.values.erased."
CERTIFIED_TYPE = "alpr.purge.changed."
MARKS = ERASED_TYPE.encode(), CERTIFIED_TYPE.encode()
"""Texts of which an entry has one if it logs an erasing or a certificate."""

_DIGESTS_MARK = f'"{DIGESTS}":'.encode()


class Gone(NamedTuple):
    """The portion of a group that a purge erased: the records at `places`, or the whole group if that is None."""

    purged_event: str
    places: frozenset[int] | None


class ValuePart(msgspec.Struct, frozen=True):
    """The sums of a check over a part of the log."""

    compared: int
    used: Mapping[str, tuple[int, int]]
    """The first and last entry with groups that a purge erased, by the event id of the purge's entry."""
    groups: Mapping[str, int]
    """The number of these groups."""


def digests_of(entry: Any) -> Mapping[str, str]:
    """Return the digest of each group of a decoded entry, by name."""
    try:
        digests = entry["data"].get(DIGESTS, {})
    except (LookupError, TypeError, AttributeError):
        return {}  # the recount reports a text that is no entry
    return digests if isinstance(digests, dict) else {}


class ValueCheck:
    """Checks entries in the log's order, each with its values; then the lists of erased groups."""

    def __init__(self, faults: Faults, *, start: int = 0) -> None:
        """`start`: number of the first entry to check. Certificates in earlier entries are unknown."""
        self._faults = faults
        self._start = start
        self._logged: dict[str, Mapping[str, Any]] = {}
        """Data of `values.erased` entries, by the event id of the purge's entry."""
        self._used: dict[str, tuple[int, int]] = {}
        """The first and last entry with groups that a purge erased, by the event id of the purge's entry."""
        self._groups = Counter[str]()
        self._certificates: dict[str, str] = {}
        self._sums = list[ErasedSum]()
        self.compared = 0
        """The number of groups that are present, whole or in part."""

    def check_entry(
        self,
        seq: int,
        digests: Mapping[str, str],
        values: Sequence[Value],
        erased: Mapping[tuple[int, str], Sequence[Erased]],
    ) -> None:
        """Compare the digests of one entry of a database with its values, and missing values with the erasures."""
        gone = {
            name: [Gone(str(one.purged_event), one.places) for one in erased.get((seq, name), ())]
            for name in digests
        }
        intact = self.against(seq, digests, values, gone)
        for value in values:
            if value.name in intact:
                self._filed(seq, value)

    def add_part(self, part: "ValuePart") -> None:
        """Add the sums over a part of the log, which another check compared."""
        self.compared += part.compared
        self._groups.update(part.groups)
        for purged_event, (first, last) in part.used.items():
            self.erased_of(purged_event, first)
            self.erased_of(purged_event, last)

    @property
    def part(self) -> "ValuePart":
        """The sums so far."""
        return ValuePart(self.compared, dict(self._used), dict(self._groups))

    def against(
        self,
        seq: int,
        digests: Mapping[str, str],
        values: Sequence[Stored],
        gone: Mapping[str, Sequence[Gone]],
    ) -> set[str]:
        """Compare an entry's digests with its values and with their erasures, `gone`, by group name.

        Return the names of the groups that are present and match their digests.
        """
        intact = set[str]()
        there = {value.name: value for value in values}
        for name in sorted(there.keys() - digests.keys()):
            self._faults.add(
                f"entry {seq}: it has no digest of {name}, but there is a value of it", seq
            )
        for name, digest in digests.items():
            erased = gone.get(name, ())
            for one in erased:
                self.erased_of(one.purged_event, seq)
                self._groups[one.purged_event] += 1
            if name in there:
                self.compared += 1
                if self._compare(seq, there[name], digest, erased):
                    intact.add(name)
            elif not any(one.places is None for one in erased):
                what = f"entry {seq}: the value of {name} is missing, and no purge erased it"
                self._faults.add(what, seq)
        return intact

    def erased_of(self, purged_event: str, seq: int) -> None:
        """Record that a purge's list of erased groups names an entry."""
        first, last = self._used.get(purged_event, (seq, seq))
        self._used[purged_event] = min(first, seq), max(last, seq)

    def digests(self, seq: int, content: bytes) -> Mapping[str, str]:
        """Return the digest of each group of an entry, by name; record an erasing or a certificate that it logs."""
        if not any(mark in content for mark in (_DIGESTS_MARK, *MARKS)):
            return {}
        try:
            entry = msgspec.json.decode(content)
            data, kind = entry["data"], str(entry["type"])
            if kind.startswith(ERASED_TYPE):
                self._add_erased(seq, data)
            elif kind.startswith(CERTIFIED_TYPE) and data.get("change") == "certified":
                details = data.get("details") or {}
                if "certificate_sha256" in details:
                    digest = str(details["certificate_sha256"])
                    self._certificates.setdefault(str(data["run_id"]), digest)
        except (*UNDECODABLE, LookupError, TypeError, AttributeError):
            return {}  # the recount reports a text that is no entry
        return digests_of(entry)

    def _add_erased(self, seq: int, data: Mapping[str, Any]) -> None:
        """Record an erasing, and compare its certificate with the run's certificate in the log."""
        run_id = str(data["run_id"])
        self._logged[str(data["purged_event_id"])] = data
        certified = self._certificates.get(run_id)
        if certified != data.get("certificate_sha256") and (certified or not self._start):
            what = f"entry {seq}: values were erased under another certificate of run {run_id}"
            self._faults.add(f"{what} than the log has", seq)

    def _compare(self, seq: int, value: Stored, digest: str, gone: Sequence[Gone]) -> bool:
        """Compare a value with its digest and its erasures; return whether it matches the digest."""
        for fault in faults_of(value, digest):
            self._faults.add(f"entry {seq}: {fault}", seq)
            return False
        if any(one.places is None for one in gone):
            self._faults.add(f"entry {seq}: {value.name} was erased, but is present", seq)
        erased = {place for one in gone for place in one.places or ()}
        missing = _missing(value)
        for place in sorted(missing - erased):
            what = f"entry {seq}: record {place} of {value.name} is missing, and no purge erased it"
            self._faults.add(what, seq)
        for place in sorted(erased - missing):
            what = f"entry {seq}: record {place} of {value.name} was erased, but is present"
            self._faults.add(what, seq)
        return True

    def _filed(self, seq: int, value: Value) -> None:
        """Compare the index columns of a value, which matches its digest, with its content."""
        if value.sighting == (value.name == RECORDS):
            self._faults.add(
                f"entry {seq}: {value.name} has the wrong mark for whether a purge erases it", seq
            )
        plates, filed = set(plates_of(value)), set(value.plates)
        if filed - plates or (plates != filed and not _missing(value)):
            self._faults.add(
                f"entry {seq}: {value.name} is indexed with other plates than it has", seq
            )

    def list_of(
        self, purged_event: str, sha256: str, *, on_record: tuple[str, str] | None = None
    ) -> None:
        """Compare a purge's list of erased groups, by the SHA-256 of its lines, with the log's entry.

        `on_record`: the entry's event id and the certificate's digest in a database; None for an export.
        """
        said = self._logged.pop(purged_event, None)
        used = self._used.pop(purged_event, None)
        if said is None:
            self._erased_wrongly(
                f"values were erased for {purged_event}, but no entry records it", used
            )
            return
        logged = (str(said.get("event_id")), str(said.get("certificate_sha256")))
        if said.get("list_sha256") != sha256 or on_record not in (None, logged):
            what = f"the values erased for {purged_event} are not those of its entry"
            self._erased_wrongly(what, used)
            return
        self._sums.append(
            ErasedSum(
                run_id=str(said["run_id"]),
                groups=self._groups[purged_event],
                certificate=str(said.get("certificate_sha256")),
            )
        )

    def _erased_wrongly(self, what: str, used: tuple[int, int] | None) -> None:
        if used is None:
            self._faults.add(what)
        else:
            self._faults.among(what, *used)

    def unlisted(self) -> list[str]:
        """Return the purges with a `values.erased` entry whose list is not checked yet, by event id."""
        return [*self._logged]

    def ended(self, unlisted: Iterable[tuple[int, str]] = ()) -> list[ErasedSum]:
        """Return the erasures, after the last entry and list. `unlisted` are the values without an entry."""
        for seq, name in unlisted:
            self._faults.add(f"a value of {name} belongs to entry {seq}, which is missing", seq)
        for purged_event, used in self._used.items():
            what = f"values were erased for {purged_event}, but their list is missing"
            self._erased_wrongly(what, used)
        for purged_event in self._logged:
            self._faults.add(f"the list of values erased for {purged_event} is missing")
        return self._sums


def _missing(value: Stored) -> set[int]:
    return {place for place, one in enumerate(value.records or ()) if one is None}
