"""The searches of people, as the rules read them from the log: attempts, and disclosures that are searches."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.audit.domain.rules import Act
from services.audit.store.log import OFF_TIME
from services.audit.store.said import MARKS, is_disclosed_search

_SEARCHED = (
    "kind = 'access.attempted' AND permission = ANY(:permissions) AND allowed"
    " AND occurred_at >= CASE WHEN plates = '{}' THEN CAST(:since AS timestamptz)"
    " ELSE CAST(:of_plates_since AS timestamptz) END"
)
_HELD = (
    "kind = 'records.disclosed' AND occurred_at >= CAST(:of_plates_since AS timestamptz)"
    " AND ("
    + " OR ".join(f"position(CAST('{mark}' AS bytea) IN entry) > 0" for mark in MARKS)
    + ")"
)
"""Postgres cannot decode each entry, so it leaves some for `is_disclosed_search` to sort out."""

_SEARCH = (
    f"person_id, occurred_at, case_number, plates, seq, CASE WHEN {_HELD} THEN entry END AS content"
)
_SEARCHES = text(
    f"""
    SELECT * FROM (
        SELECT e.* FROM unnest(CAST(:people AS text[])) AS p (person) CROSS JOIN LATERAL
            (SELECT {_SEARCH} FROM entries
            WHERE hashtext(person_id) = hashtext(p.person) AND person_id = p.person
            AND seq + 0 >= :start AND seq + 0 < :end AND ({_SEARCHED} OR {_HELD})) AS e
        UNION ALL SELECT {_SEARCH} FROM entries
            WHERE {OFF_TIME} AND seq < least(:start, :end) AND person_id = ANY(:people)
            AND ({_SEARCHED} OR {_HELD})
            AND occurred_at >= CAST(:of_plates_since AS timestamptz)
        UNION ALL SELECT person_id, occurred_at, case_number, plates, seq, NULL FROM old_entries
            WHERE person_id = ANY(:people) AND {_SEARCHED}
    ) AS searched ORDER BY occurred_at
    """  # noqa: S608 - constants
)
_SEALED_PLATES = text("SELECT seq, plates FROM values_left WHERE seq = ANY(:seqs)")


class Searches:
    """Reads searches for the rules. They are not shown to people, so they leave no disclosure."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def of(
        self,
        people: Sequence[str],
        permissions: Collection[str],
        *,
        since: datetime,
        of_plates_since: datetime,
        start: int,
        end: int,
    ) -> list[tuple[str, Act, list[str]]]:
        """Return the searches that `Stream.searches` promises, of the entries from `start` to before `end`.

        Those that came late may have a lower number than `start`.
        """
        values = {
            "people": list(people),
            "permissions": sorted(permissions),
            "since": since,
            "of_plates_since": of_plates_since,
            "start": start,
            "end": end,
        }
        found = (await self._connection.execute(_SEARCHES, values)).all()
        disclosed = [row.seq for row in found if is_disclosed_search(row.content)]
        sealed = await self.sealed_plates(disclosed)
        return [
            (
                row.person_id,
                Act(row.occurred_at, row.case_number),
                [*row.plates, *sealed.get(row.seq, ())] if row.content else row.plates,
            )
            for row in found
            if row.content is None or is_disclosed_search(row.content)
        ]

    async def sealed_plates(self, seqs: Sequence[int]) -> dict[int, list[str]]:
        """Return the plates in the sealed values of these entries, by entry."""
        plates: dict[int, list[str]] = {}
        if seqs:
            for row in await self._connection.execute(_SEALED_PLATES, {"seqs": list(seqs)}):
                plates.setdefault(row.seq, []).extend(row.plates)
        return plates
