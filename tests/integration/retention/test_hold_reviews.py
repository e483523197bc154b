"""Reviews of holds: each has an owner and a date, which is on record once it is past; nothing is released by itself."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from shared.events import HoldChanged
from tests.integration.retention.conftest import a_read
from tests.integration.retention.holding import place, release
from tests.integration.retention.packaging import NOON

OTHER_ORI = "CA0520000"
YEAR = timedelta(days=365)
SUCCESSOR = {"account_id": "00000000-0000-4000-8000-0000000000f1", "name": "Det. Successor"}
PLACER = "00000000-0000-4000-8000-000000000007"


def at(moment):
    return moment.isoformat().replace("+00:00", "Z")


async def review(retention, hold, review_by, status=200, **claims):
    path = f"/v1/holds/{hold['hold_id']}/review"
    body = {"review_by": at(review_by), "reason": "the appeal is not decided"}
    return await retention.post(path, body, status, **claims)


async def become_owner(retention, hold, status=200, **claims):
    path = f"/v1/holds/{hold['hold_id']}/owner"
    return await retention.post(path, {"reason": "has the case now"}, status, **claims)


async def reported(retention):
    """Have the worker run, and return all that the software recorded of holds."""
    await retention.running.reviewer.work()
    events = await retention.emitted(HoldChanged)
    return [(e.change, str(e.hold_id)) for e in events if e.actor.person_id.startswith("system:")]


@pytest.mark.clause("468.5/hold-reviews")
async def test_a_hold_has_an_owner_and_a_date_and_stays_past_it(retention):
    await retention.store(a_read("7ABC123", NOON))
    hold = await place(retention, plate="7ABC123")
    assert hold["owner"]["name"] == "Officer Seven"
    assert hold["review_by"] == at(NOON + YEAR)
    assert await reported(retention) == []
    retention.clock.advance(days=365)
    overdue = [("review_due", hold["hold_id"])]
    assert await reported(retention) == overdue
    assert await reported(retention) == overdue, "once for this date"
    [listed] = (await retention.get("/v1/holds?overdue=true")).json()["items"]
    assert (listed["hold_id"], listed["in_force"]) == (hold["hold_id"], True)
    waiting = (await retention.get("/v1/holds/waiting")).json()
    assert (waiting["overdue"], waiting["overdue_since"]) == (1, at(NOON + YEAR))
    extended = await review(retention, hold, NOON + YEAR + timedelta(days=10))
    assert extended["review_by"] == at(NOON + YEAR + timedelta(days=10))
    assert extended["review_reason"] == "the appeal is not decided"
    assert extended["reviewed_by"]["name"] == "Officer Seven"
    assert (await retention.get("/v1/holds?overdue=true")).json()["items"] == []
    assert await reported(retention) == overdue
    retention.clock.advance(days=10)
    assert await reported(retention) == overdue * 2
    [event] = [e for e in await retention.emitted(HoldChanged) if e.change == "extended"]
    assert (event.reason, event.review_by) == (
        "the appeal is not decided",
        NOON + YEAR + timedelta(days=10),
    )


@pytest.mark.clause("468.5/hold-reviews")
async def test_the_next_date_is_ahead_and_within_the_policys_time(retention):
    hold = await place(retention, plate="7ABC123")
    for wrong in (NOON, NOON - YEAR, NOON + YEAR + timedelta(seconds=1)):
        problem = await review(retention, hold, wrong, 422)
        assert problem["field"] == "review_by"
    await review(retention, hold, NOON + YEAR)
    await review(retention, hold, NOON + YEAR, 404, ori=OTHER_ORI)
    await release(retention, hold)
    await review(retention, hold, NOON + YEAR, 409)
    await become_owner(retention, hold, 409, **SUCCESSOR)
    retention.clock.advance(days=365)
    assert await reported(retention) == []


@pytest.mark.clause("468.5/hold-reviews")
async def test_an_owner_who_leaves_is_recorded_once_and_another_person_takes_over(retention):
    hold = await place(retention, plate="7ABC123")
    await become_owner(retention, hold, 409)
    people = retention.authority.people
    people.know(retention.authority.account(PLACER, "locked", retention.clock.now()))
    assert await reported(retention) == []
    people.know(retention.authority.account(PLACER, "separated", retention.clock.now()))
    assert await reported(retention) == [("owner_left", hold["hold_id"])]
    assert len(await reported(retention)) == 1
    taken = await become_owner(retention, hold, **SUCCESSOR)
    assert (taken["owner"]["name"], taken["placed_by"]["name"]) == (
        "Det. Successor",
        "Officer Seven",
    )
    assert taken["review_by"] == hold["review_by"]
    assert len(await reported(retention)) == 1
    [event] = [e for e in await retention.emitted(HoldChanged) if e.change == "taken_over"]
    assert (event.owner.name, event.reason) == ("Det. Successor", "has the case now")


async def test_a_hold_that_a_former_version_placed_has_an_owner_and_a_date(retention, as_owner):
    hold = await place(retention, plate="7ABC123")
    async with as_owner("retention") as connection:
        await connection.execute(text("DELETE FROM hold_reviews"))
    shown = (await retention.get(f"/v1/holds/{hold['hold_id']}")).json()
    assert (shown["owner"], shown["review_by"]) == (hold["owner"], hold["review_by"])
    retention.clock.advance(days=365)
    assert await reported(retention) == [("review_due", hold["hold_id"])]
    assert len(await reported(retention)) == 1
    await become_owner(retention, hold, **SUCCESSOR)
    assert len(await reported(retention)) == 1
