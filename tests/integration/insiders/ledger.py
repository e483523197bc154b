"""The audit log's entries, read from its tables, and the times of its findings."""

import asyncio
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from services.audit.domain.sealing import remaining_of
from services.audit.store.values import Values
from shared.service.api_runtime import ApiRuntime
from tests.integration.insiders.department import monotonic

_ENTRIES = text(
    "SELECT seq, kind, person_id, permission, allowed, request_id, attempt_id,"
    " convert_from(entry, 'UTF8')::jsonb -> 'data' AS said FROM entries WHERE seq >= :start ORDER BY seq"
)
_FINDINGS = text(
    "SELECT finding_id, kind, subject, details || coalesce(sealed, '{}') AS details FROM findings"
)


@dataclass(frozen=True)
class Entry:
    """One entry of the log, with its sealed values opened."""

    seq: int
    kind: str
    person_id: str | None
    permission: str | None
    allowed: bool | None
    request_id: str | None
    attempt_id: str | None
    said: dict[str, Any]
    plates: frozenset[str]
    record_ids: frozenset[str]


@dataclass
class Ledger:
    """The log as it grows."""

    runtime: ApiRuntime
    entries: list[Entry] = field(default_factory=list)
    by_request: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    by_attempt: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))

    async def read(self) -> None:
        """Read the entries appended since."""
        start = self.entries[-1].seq + 1 if self.entries else 0
        async with self.runtime.db.begin() as connection:
            rows = list((await connection.execute(_ENTRIES, {"start": start})).mappings())
            values = await Values(connection).of([row["seq"] for row in rows]) if rows else {}
        for row in rows:
            parts = [part for value in values.get(row["seq"], ()) for part in remaining_of(value)]
            entry = Entry(
                **{**row, "attempt_id": str(row["attempt_id"]) if row["attempt_id"] else None},
                plates=frozenset(plate for part in parts for plate in part.plates),
                record_ids=frozenset(
                    str(part.said["record_id"]) for part in parts if "record_id" in part.said
                ),
            )
            self.entries.append(entry)
            if entry.request_id:
                self.by_request[entry.request_id].append(entry)
            if entry.attempt_id:
                self.by_attempt[entry.attempt_id].append(entry)

    def attempts(self, request_id: str) -> list[Entry]:
        """Return the attempts of a request."""
        return [e for e in self.by_request[request_id] if e.kind == "access.attempted"]

    def disclosed(self, request_id: str) -> list[Entry]:
        """Return the records disclosed to a request, by its attempts too (links and packages)."""
        return [e for e in self.by_request[request_id] if e.kind == "records.disclosed"]

    def of_attempt(self, attempt_id: str) -> list[Entry]:
        """Return the records disclosed to an attempt."""
        return [e for e in self.by_attempt[attempt_id] if e.kind == "records.disclosed"]

    @property
    def of_the_software(self) -> list[Entry]:
        """The attempts that the software made on a person's behalf."""
        attempts = [e for e in self.entries if e.kind == "access.attempted"]
        return [e for e in attempts if e.said["method"] == "EVENT"]

    def deeds(self, person_id: str, kind: str) -> list[Entry]:
        """Return the administrative entries of a kind that name a person as who did it."""
        found = [e for e in self.entries if e.kind == kind]
        return [e for e in found if person_id in (e.person_id, *_actors(e.said))]


def _actors(said: dict[str, Any]) -> Iterable[str]:
    for value in said.values():
        if isinstance(value, dict) and "person_id" in value:
            yield str(value["person_id"])


@dataclass
class Findings:
    """Looks for findings as an auditor would, again and again; remembers when each was first there."""

    runtime: ApiRuntime
    seen: dict[tuple[str, str, str], float] = field(default_factory=dict)
    """When, by kind, subject, and the limit or plate that it is about."""

    _task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Findings":
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            await self.read_findings()
            await asyncio.sleep(0.5)

    async def read_findings(self) -> None:
        """Look once."""
        async with self.runtime.db.begin() as connection:
            rows = list((await connection.execute(_FINDINGS)).mappings())
        for row in rows:
            details = row["details"]
            details = json.loads(details) if isinstance(details, str) else details
            about = details.get("plate") or details.get("limit") or ""
            if row["kind"] == "many_searches":
                about = ""
            self.seen.setdefault((row["kind"], row["subject"], str(about)), monotonic())
