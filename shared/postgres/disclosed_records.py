"""Counts the records that a person is shown in a day, where they are disclosed, and refuses past a limit.

Each service counts in a table of its own schema, in the transaction that discloses; audit adds up all
services from the log (ADR-0040).
"""

from datetime import date, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.core.errors import NotAuthorised
from shared.core.permissions import Permission
from shared.core.problem_codes import Common

PICTURES = frozenset({"crop", "image"})
"""Record kinds that are pictures of a record; the answer that offered the picture already counted the record."""

SEARCHED_HOLD = "searched_hold"
"""The kind of a hold whose records a person looked at or fetched. It names the plate of the hold's criteria and counts
no record: audit counts it as a search (ADR-0100)."""

LISTED_PLATES = "listed_plates"
"""The kind of the plates that a person brought into force on a hot list, which is a search of them from then on
(ADR-0115). It counts no record."""

AS_SEARCHES = frozenset({SEARCHED_HOLD, LISTED_PLATES})
"""Kinds of disclosures that audit counts as searches."""

PUSHED = frozenset({Permission.ALERT_RECEIVE.value})
"""Permissions under which the software, and not the person, chooses what is shown: live alerts."""

COUNT_RETENTION = timedelta(days=2)
"""Counts stay until every request of their day has ended."""

_ADD = text(
    "INSERT INTO disclosed_counts AS c (person_id, day, records) VALUES (:person_id, :day, :records)"
    " ON CONFLICT (person_id, day) DO UPDATE SET records = c.records + excluded.records"
    " RETURNING records"
)
_SHUT = text(
    "INSERT INTO disclosed_counts AS c (person_id, day, records) VALUES (:person_id, :day, :most)"
    " ON CONFLICT (person_id, day) DO UPDATE SET records = greatest(c.records, excluded.records)"
)
_DROP = text("DELETE FROM disclosed_counts WHERE day < :before")


class DisclosureLimit(NotAuthorised):
    """A person would be shown more records in a day than the policy allows."""


def is_counted(permission: str, record_kind: str, *, offered: bool = False) -> bool:
    """Whether a disclosure counts towards what a person was shown in a day.

    `offered`: an earlier answer showed the record and offered its picture. Without such an answer, the picture
    discloses a further record.
    """
    counts = not (offered and record_kind in PICTURES) and permission not in PUSHED
    return counts and record_kind not in AS_SEARCHES


async def count(
    connection: AsyncConnection, person_id: str, day: date, records: int, most: int | None
) -> None:
    """Add `records` to a person's count of a day (UTC), in the transaction that discloses them.

    Other disclosures to the same person wait until it ends, so that concurrent requests cannot each stay
    below the limit. `most` is None for a person released from the limit.
    Raises: DisclosureLimit if the sum exceeds `most`; the caller then discloses no record. Also if the count
    already equals `most` and `records` is 0: otherwise the refusal would reveal whether records match.
    """
    values = {"person_id": person_id, "day": day, "records": records}
    total = int((await connection.execute(_ADD, values)).scalar_one())
    if most is not None and (total > most or (not records and total == most)):
        raise DisclosureLimit(Common.DISCLOSURE_LIMIT, most=most)


async def shut(connection: AsyncConnection, person_id: str, day: date, most: int) -> None:
    """Set a person's count of a day to the limit: a refusal revealed that more records match than were left."""
    await connection.execute(_SHUT, {"person_id": person_id, "day": day, "most": most})


async def drop_old(connection: AsyncConnection, today: date) -> None:
    """Delete counts older than two days."""
    await connection.execute(_DROP, {"before": today - COUNT_RETENTION})
