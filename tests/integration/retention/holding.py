"""Holds as tests place and release them."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from services.retention.store.holds import Hold, Holds
from services.retention.store.locks import HOLDS
from shared.events import (
    Actor,
)
from shared.testing import eventually
from tests.integration.retention.conftest import ORI
from tests.integration.retention.purging import NOON

LONG_AGO = datetime(2025, 2, 10, 12, tzinfo=UTC)  # its month is due whole


OTHER = UUID("00000000-0000-4000-8000-00000000d002")


async def work_while_a_hold_is_placed(retention, criteria):
    """Have the purger work while a hold is placed and not yet committed; it is seen to wait for it."""
    hold = Hold(
        hold_id=uuid4(),
        agency_ori=ORI,
        basis="discovery",
        case_number="26-7",
        description="placed in the midst",
        criteria=criteria,
        placed_by=Actor(person_id="p", name="n", title="t", agency_ori=ORI),
        placed_at=NOON,
        owner=Actor(person_id="p", name="n", title="t", agency_ori=ORI),
        review_by=NOON + timedelta(days=365),
    )

    async def waits_for_the_hold():
        return await retention.fetch(
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            " AND classid = :holds AND database = (SELECT oid FROM pg_database"
            " WHERE datname = current_database())",
            holds=HOLDS,
        )

    async with retention.runtime.db.begin() as connection:
        await Holds(connection).place(hold)
        working = asyncio.create_task(retention.running.purger.work())
        await eventually(waits_for_the_hold)
    await working


async def place(retention, status=201, **criteria):
    body = {
        "basis": "criminal_action",
        "case_number": "26-001234",
        "description": "homicide on Solano Street",
        "criteria": criteria,
    }
    return await retention.post("/v1/holds", body, status)


RELEASER = {
    "account_id": "00000000-0000-4000-8000-0000000000c2",
    "name": "C. Other",
    "title": "Custodian of Records",
}


async def release(retention, hold, status=200, **claims):
    """Release a hold, by another person than placed it."""
    path = f"/v1/holds/{hold['hold_id']}/release"
    body = {"reason": "case closed, appeal time over"}
    return await retention.post(path, body, status, **{**RELEASER, **claims})
