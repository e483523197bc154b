"""Compares what lies beside the log with the digests in its entries, and what is missing with what was erased."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from services.audit.domain.recount import ErasedSum, Faults
from services.audit.domain.sealing import DIGESTS, RECORDS, Stored, Value, faults_of, plates_of
from services.audit.store.values import Erased

ERASED_TYPE = "alpr.values.erased."
CERTIFIED_TYPE = "alpr.purge.changed."
_MARKS = tuple(mark.encode() for mark in (f'"{DIGESTS}":', ERASED_TYPE, CERTIFIED_TYPE))


class Gone(NamedTuple):
    """That a purge erased a group: all of it, or the records at `places`."""

    purged_event: str
    places: frozenset[int] | None


class ValueCheck:
    """Takes entries in order, with what lies beside each; then what was erased on record."""

    def __init__(self, faults: Faults, *, start: int = 0) -> None:
        """`start`: number of the first entry that is taken; certificates before it are not seen."""
        self._faults = faults
        self._start = start
        self._logged: dict[str, Mapping[str, Any]] = {}
        """Data of `values.erased` entries, by the id of the purge's entry."""
        self._used: dict[str, tuple[int, int]] = {}
        """First and last entry of which a purge erased something."""
        self._groups = Counter[str]()
        self._certificates: dict[str, str] = {}
        self._sums = list[ErasedSum]()
        self.compared = 0
        """Groups that were there."""

    def check_entry(
        self,
        seq: int,
        content: bytes,
        values: Sequence[Value],
        erased: Mapping[tuple[int, str], Sequence[Erased]],
    ) -> None:
        """Compare one entry of a database with its values, and each that is missing with what was erased."""
        digests = self.digests(seq, content)
        gone = {
            name: [Gone(str(one.purged_event), one.places) for one in erased.get((seq, name), ())]
            for name in digests
        }
        self.against(seq, digests, values, gone)
        for value in values:
            if value.name in digests and not any(faults_of(value, digests[value.name])):
                self._filed(seq, value)

    def against(
        self,
        seq: int,
        digests: Mapping[str, str],
        values: Sequence[Stored],
        gone: Mapping[str, Sequence[Gone]],
    ) -> None:
        """Compare an entry's digests with the values beside it and with what was erased of them."""
        there = {value.name: value for value in values}
        for name in sorted(there.keys() - digests.keys()):
            self._faults.add(
                f"entry {seq}: a value of {name} lies beside it, which it has not", seq
            )
        for name, digest in digests.items():
            erased = gone.get(name, ())
            for one in erased:
                self.erased_of(one.purged_event, seq)
                self._groups[one.purged_event] += 1
            if name in there:
                self.compared += 1
                self._compare(seq, there[name], digest, erased)
            elif not any(one.places is None for one in erased):
                what = f"entry {seq}: the value of {name} is missing, and no purge erased it"
                self._faults.add(what, seq)

    def erased_of(self, purged_event: str, seq: int) -> None:
        """Note that something of an entry is in the list of what was erased for a purge."""
        first, last = self._used.get(purged_event, (seq, seq))
        self._used[purged_event] = min(first, seq), max(last, seq)

    def digests(self, seq: int, content: bytes) -> Mapping[str, str]:
        """Return the digest of each group of an entry; note what the entry says of erasing."""
        if not any(mark in content for mark in _MARKS):
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
            digests = data.get(DIGESTS, {})
        except (msgspec.DecodeError, LookupError, TypeError, AttributeError):
            return {}  # that its text is no entry is a fault elsewhere
        return digests if isinstance(digests, dict) else {}

    def _add_erased(self, seq: int, data: Mapping[str, Any]) -> None:
        """Note what was erased, and compare the certificate with the one that the log has of the run."""
        run_id = str(data["run_id"])
        self._logged[str(data["purged_event_id"])] = data
        certified = self._certificates.get(run_id)
        if certified != data.get("certificate_sha256") and (certified or not self._start):
            what = f"entry {seq}: values were erased under another certificate of run {run_id}"
            self._faults.add(f"{what} than the log has", seq)

    def _compare(self, seq: int, value: Stored, digest: str, gone: Sequence[Gone]) -> None:
        for fault in faults_of(value, digest):
            self._faults.add(f"entry {seq}: {fault}", seq)
            return
        if any(one.places is None for one in gone):
            self._faults.add(f"entry {seq}: {value.name} was erased, and is there again", seq)
        taken = {place for one in gone for place in one.places or ()}
        missing = _missing(value)
        for place in sorted(missing - taken):
            what = f"entry {seq}: record {place} of {value.name} is missing, and no purge erased it"
            self._faults.add(what, seq)
        for place in sorted(taken - missing):
            what = f"entry {seq}: record {place} of {value.name} was erased, and is there again"
            self._faults.add(what, seq)

    def _filed(self, seq: int, value: Value) -> None:
        """Compare what a value that matches is filed under with what it says."""
        if value.sighting == (value.name == RECORDS):
            self._faults.add(
                f"entry {seq}: {value.name} is filed as what a purge takes, or not", seq
            )
        plates, filed = set(plates_of(value)), set(value.plates)
        if filed - plates or (plates != filed and not _missing(value)):
            self._faults.add(
                f"entry {seq}: {value.name} is filed under other plates than it says", seq
            )

    def list_of(
        self, purged_event: str, sha256: str, *, on_record: tuple[str, str] | None = None
    ) -> None:
        """Check the list of what was erased, by the SHA-256 of its lines, against the log's entry.

        `on_record`: id of that entry and digest of the certificate, where a database has them too.
        """
        said = self._logged.pop(purged_event, None)
        used = self._used.pop(purged_event, None)
        if said is None:
            self._erased_wrongly(
                f"values were erased for {purged_event}, and no entry says so", used
            )
            return
        logged = (str(said.get("event_id")), str(said.get("certificate_sha256")))
        if said.get("list_sha256") != sha256 or on_record not in (None, logged):
            what = f"what was erased for {purged_event} is not what its entry says"
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
        """Return the purges that entries say were followed, and whose list was not checked yet."""
        return [*self._logged]

    def ended(self, strays: Iterable[tuple[int, str]] = ()) -> list[ErasedSum]:
        """Return what was erased, once all was taken. `strays` are values of entries that are not there."""
        for seq, name in strays:
            self._faults.add(f"a value of {name} belongs to entry {seq}, which is not there", seq)
        for purged_event, used in self._used.items():
            what = f"nothing is on record of what was erased for {purged_event}"
            self._erased_wrongly(what, used)
        for purged_event in self._logged:
            self._faults.add(f"the list of what was erased for {purged_event} is missing")
        return self._sums


def _missing(value: Stored) -> set[int]:
    return {place for place, one in enumerate(value.records or ()) if one is None}
