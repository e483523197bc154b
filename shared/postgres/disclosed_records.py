"""How many records a person was shown in a day: counted where they are disclosed, refused past a limit.

Each service counts in a table of its own schema, in the transaction that discloses; audit sums over all
of them from the log (ADR-0040).
"""

from datetime import date, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.core.errors import NotAuthorised
from shared.core.permissions import Permission

PICTURES = frozenset({"crop", "image"})
"""Kinds of disclosures that are pictures of a record, which counted in the answer that offered the picture."""

PUSHED = frozenset({Permission.ALERT_RECEIVE.value})
"""Permissions under which the software, and not the person, chooses what is shown: live alerts."""

LIMIT_CODE = "disclosure_limit"

KEPT = timedelta(days=2)
"""Counts stay until no request of their day can still be open."""

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

    `offered`: an earlier answer showed the record and offered its picture. Whoever has only the id of a record,
    from somewhere else, is shown another record by its picture.
    """
    return not (offered and record_kind in PICTURES) and permission not in PUSHED


async def count(
    connection: AsyncConnection, person_id: str, day: date, records: int, most: int | None
) -> None:
    """Add `records` to what a person was shown on a day (UTC), in the transaction that discloses them.

    Others who disclose to the same person wait until it ends, so that requests at once cannot each
    stay below the limit. `most` is None for who was released from it.
    Raises: DisclosureLimit when the sum is over `most`; then nothing of this may be shown. Also where `most`
    were shown before and there is nothing more to show: else the refusal would tell what there is.
    """
    values = {"person_id": person_id, "day": day, "records": records}
    total = int((await connection.execute(_ADD, values)).scalar_one())
    if most is not None and (total > most or (not records and total == most)):
        raise DisclosureLimit(
            f"no more records are shown to you today: {most} are allowed (policy, limits)."
            " The ALPR administrator can release you for a case: then declare a purpose for it again",
            code=LIMIT_CODE,
        )


async def shut(connection: AsyncConnection, person_id: str, day: date, most: int) -> None:
    """Show a person nothing more on a day: a refusal has told them that there is more than was left to them."""
    await connection.execute(_SHUT, {"person_id": person_id, "day": day, "most": most})


async def drop_old(connection: AsyncConnection, today: date) -> None:
    """Forget counts of days that are over."""
    await connection.execute(_DROP, {"before": today - KEPT})
