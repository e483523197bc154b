"""What came of a hit is a code of a closed list; hits are found and counted by it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from shared.core.permissions import Permission
from shared.events import HitDisposed, RecordsDisclosed

VERIFIED = {"method": "CLETS", "reference": "T26-1", "outcome": "correct_read"}
REASON = {"unverified_reason": "it was leaving"}


async def raised(hotlist, count=1, plate="7ABC123"):
    for _ in range(count):
        hotlist.clock.advance(seconds=1)
        await hotlist.see(hotlist.read(plate, device=uuid4()))
    return (await hotlist.hits())[:count]


async def dispose(hotlist, hit, *, status=200, **body):
    path = f"/v1/hits/{hit['hit_id']}/disposition"
    return await hotlist.call("POST", path, json={"enforcement": False, **body}, status=status)


@pytest.mark.clause("468.4(f)/results")
async def test_what_came_of_a_hit_is_a_code_and_the_latest_counts(hotlist):
    await hotlist.listed("7ABC123")
    [hit] = await raised(hotlist)
    assert hit["result"] is None
    await dispose(hotlist, hit, result="surveillance_only")
    whole = await dispose(hotlist, hit, result="arrest", enforcement=True, **REASON)
    assert whole["result"] == "arrest"
    assert [(one["result"], one["disposition"]) for one in whole["dispositions"]] == [
        ("surveillance_only", "surveillance only"),
        ("arrest", "arrest"),
    ]
    assert (await hotlist.hits())[0]["result"] == "arrest"
    told = [(e.result, e.disposition) for e in await hotlist.announced(HitDisposed)]
    assert told == [("surveillance_only", "surveillance only"), ("arrest", "arrest")]


async def test_other_needs_words_and_words_alone_are_other(hotlist):
    await hotlist.listed("7ABC123")
    [hit] = await raised(hotlist)
    for body in ({"result": "other"}, {}):
        problem = await dispose(hotlist, hit, status=422, **body)
        assert (problem["code"], problem["field"]) == ("hit_result_without_words", "disposition")
    for body in ({"result": "found"}, {"result": None}, {"result": "Arrest"}):
        problem = await dispose(hotlist, hit, status=422, **body)
        assert problem["field"] == "body.result"
    whole = await dispose(hotlist, hit, disposition="towed for the owner")
    assert (whole["result"], whole["dispositions"][0]["result"]) == ("other", "other")


@pytest.mark.clause("468.4(f)/results")
@pytest.mark.parametrize(
    ("result", "enforcement"),
    [
        ("arrest", False),
        ("stopped_released", False),
        ("no_contact", True),
        ("surveillance_only", True),
    ],
)
async def test_a_result_that_contradicts_the_enforcement_is_refused(hotlist, result, enforcement):
    """Else an arrest on an unverified hit would need no reason."""
    await hotlist.listed("7ABC123")
    [hit] = await raised(hotlist)
    body = {"result": result, "enforcement": enforcement, **REASON}
    problem = await dispose(hotlist, hit, status=422, **body)
    assert (problem["code"], problem["field"]) == ("hit_result_contradicted", "enforcement")
    assert await hotlist.announced(HitDisposed) == []
    await dispose(hotlist, hit, **{**body, "enforcement": not enforcement})


async def test_hits_are_found_and_counted_by_what_was_found_and_what_came_of_them(hotlist):
    await hotlist.listed("7ABC123")
    await hotlist.listed("8XYZ999", source="state")
    right, wrong, idle = await raised(hotlist, 3)
    [theirs] = await raised(hotlist, plate="8XYZ999")
    for hit, outcome in ((right, "correct_read"), (wrong, "misread"), (theirs, "misread")):
        body = {**VERIFIED, "outcome": outcome}
        await hotlist.call("POST", f"/v1/hits/{hit['hit_id']}/verification", json=body)
    await dispose(hotlist, right, result="vehicle_recovered")
    await dispose(hotlist, theirs, result="no_contact")

    async def found(**query):
        return {hit["hit_id"] for hit in await hotlist.hits(**query)}

    assert await found(outcome="misread") == {wrong["hit_id"], theirs["hit_id"]}
    assert await found(result="vehicle_recovered") == {right["hit_id"]}
    assert await found(outcome="misread", result="no_contact") == {theirs["hit_id"]}
    assert await found(status="unverified") == {idle["hit_id"]}
    await hotlist.call("GET", "/v1/hits", params={"outcome": "confirmed"}, status=422)

    before = len(await hotlist.announced(RecordsDisclosed))
    given = hotlist.headers(Permission.HIT_READ, purpose=False, sources=["department"])
    counts = await hotlist.call("GET", "/v1/hits/outcomes", headers=given)
    assert (counts["hits"], counts["unverified"]) == (3, 1)
    assert counts["outcomes"] == {"correct_read": 1, "misread": 1}
    assert counts["results"] == {"vehicle_recovered": 1}
    assert len(await hotlist.announced(RecordsDisclosed)) == before, "counts show no hit"
    hotlist.clock.advance(days=30, seconds=1)
    counts = await hotlist.call("GET", "/v1/hits/outcomes")
    assert counts["hits"] == 0
    counts = await hotlist.call("GET", "/v1/hits/outcomes", params={"days": 31})
    assert counts["hits"] == 4


async def test_the_yield_of_a_list_counts_what_came_of_its_hits_by_its_own_index(hotlist):
    list_id = await hotlist.listed("7ABC123")
    await hotlist.listed("8XYZ999")
    arrested, again, _ = await raised(hotlist, 3)
    [other] = await raised(hotlist, plate="8XYZ999")
    for hit in (arrested, other):
        await dispose(hotlist, hit, result="arrest", enforcement=True, **REASON)
    for result in ("surveillance_only", "no_contact"):
        await dispose(hotlist, again, result=result)
    path = f"/v1/lists/{list_id}/yield"
    found = await hotlist.call("GET", path)
    assert (found["hits"], found["enforcement"]) == (3, 1)
    assert found["results"] == {"arrest": 1, "no_contact": 1}
    since = (hotlist.clock.now() + timedelta(days=1)).isoformat()
    assert (await hotlist.call("GET", path, params={"since": since}))["results"] == {}
    async with hotlist.runtime.db.begin() as connection:
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = await connection.execute(
            text("EXPLAIN SELECT tier FROM hits WHERE list_id = :list_id AND raised_at >= :since"),
            {"list_id": list_id, "since": hotlist.clock.now()},
        )
        assert "hits_of_list_raised" in " ".join(plan.scalars())
