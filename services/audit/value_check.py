"""Compares what lies beside the log with the digests in its entries, and what is missing with what was erased."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from services.audit.recount import ErasedSum, Faults
from services.audit.sealing import DIGESTS, RECORDS, Value, faults_of, plates_of
from services.audit.store.values import Erased

ERASED_TYPE = "alpr.values.erased."
CERTIFIED_TYPE = "alpr.purge.changed."
_MARK = f'"{DIGESTS}":'.encode()


class ValueCheck:
    """Takes entries in order, with what lies beside each; then what was erased on record."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._logged: dict[str, Mapping[str, Any]] = {}
        """Data of `values.erased` entries, by the id of the purge's entry."""
        self._used: dict[str, int] = {}
        self._groups = Counter[str]()
        self._certificates: dict[str, str] = {}
        self._sums = list[ErasedSum]()

    def take(
        self,
        seq: int,
        content: bytes,
        values: Sequence[Value],
        erased: Mapping[tuple[int, str], Sequence[Erased]],
    ) -> None:
        """Compare one entry with its values, and each that is missing with what was erased."""
        digests: Mapping[str, str] = {}
        if (
            _MARK in content
            or ERASED_TYPE.encode() in content
            or CERTIFIED_TYPE.encode() in content
        ):
            digests = self._read(seq, content)
        there = {value.name: value for value in values}
        for name in there.keys() - digests.keys():
            self._faults.add(
                f"entry {seq}: a value of {name} lies beside it, which it has not", seq
            )
        for name, digest in digests.items():
            gone = erased.get((seq, name), ())
            for one in gone:
                purged = str(one.purged_event)
                self._used.setdefault(purged, seq)
                self._groups[purged] += 1
            if name in there:
                self._compare(seq, there[name], digest, gone)
            elif not any(one.places is None for one in gone):
                what = f"entry {seq}: the value of {name} is missing, and no purge erased it"
                self._faults.add(what, seq)

    def _read(self, seq: int, content: bytes) -> Mapping[str, str]:
        try:
            entry = msgspec.json.decode(content)
            data, kind = entry["data"], str(entry["type"])
            if kind.startswith(ERASED_TYPE):
                self._logged[str(data["purged_event_id"])] = data
            elif kind.startswith(CERTIFIED_TYPE) and data.get("change") == "certified":
                details = data.get("details") or {}
                if "certificate_sha256" in details:
                    self._certificates[str(data["run_id"])] = str(details["certificate_sha256"])
            digests = data.get(DIGESTS, {})
        except (msgspec.DecodeError, LookupError, TypeError, AttributeError):
            return {}  # that its text is no entry is a fault elsewhere
        return digests if isinstance(digests, dict) else {}

    def _compare(self, seq: int, value: Value, digest: str, gone: Sequence[Erased]) -> None:
        for fault in faults_of(value, digest):
            self._faults.add(f"entry {seq}: {fault}", seq)
            return
        if value.sighting == (value.name == RECORDS):
            self._faults.add(
                f"entry {seq}: {value.name} is filed as what a purge takes, or not", seq
            )
        if any(one.places is None for one in gone):
            self._faults.add(f"entry {seq}: {value.name} was erased, and is there again", seq)
        taken = {place for one in gone for place in one.places or ()}
        missing = {place for place, one in enumerate(value.records or ()) if one is None}
        for place in sorted(missing - taken):
            what = f"entry {seq}: record {place} of {value.name} is missing, and no purge erased it"
            self._faults.add(what, seq)
        for place in sorted(taken - missing):
            what = f"entry {seq}: record {place} of {value.name} was erased, and is there again"
            self._faults.add(what, seq)
        plates = set(plates_of(value))
        filed = set(value.plates)
        if filed - plates or (plates != filed and not missing):
            self._faults.add(
                f"entry {seq}: {value.name} is filed under other plates than it says", seq
            )

    def list_of(self, purged_event: str, erased_event: str, sha256: str) -> None:
        """Check the list of what was erased, by the SHA-256 of its lines, against the log's entry."""
        said = self._logged.pop(purged_event, None)
        at = self._used.pop(purged_event, None)
        if said is None:
            what = f"values were erased for {purged_event}, and no entry says so"
            self._faults.add(what, at)
        elif (said.get("list_sha256"), said.get("event_id")) != (sha256, erased_event):
            what = f"what was erased for {purged_event} is not what its entry says"
            self._faults.add(what, at)
        else:
            self._sums.append(
                ErasedSum(
                    run_id=str(said["run_id"]),
                    groups=self._groups[purged_event],
                    purged_root=str(said["purged_root"]),
                    certificate=self._certificates.get(str(said["run_id"])),
                )
            )

    def ended(self, strays: Iterable[tuple[int, str]] = ()) -> list[ErasedSum]:
        """Return what was erased, once all was taken. `strays` are values of entries that are not there."""
        for seq, name in strays:
            self._faults.add(f"a value of {name} belongs to entry {seq}, which is not there", seq)
        for purged_event, seq in self._used.items():
            self._faults.add(f"nothing is on record of what was erased for {purged_event}", seq)
        for purged_event in self._logged:
            self._faults.add(f"the list of what was erased for {purged_event} is missing")
        return self._sums
