"""The list of findings: which ones, in which order, and what is on record of whom they were shown to."""

from datetime import timedelta

import pytest
from msgspec import structs

from services.audit.domain.findings import a_finding
from services.audit.store.findings import Findings
from shared.events import RecordsDisclosed

pytestmark = pytest.mark.clause("468.3.1(c)/monitoring")

PERSON = "00000000-0000-4000-8000-000000000302"


@pytest.fixture
async def raised(app, runtime, clock):
    """Three findings an hour apart, of two kinds, of one the newer first by id; return their ids, newest first."""
    gap, other, search = sorted(
        [
            a_finding("log_gap", "retention", clock.now(), 1),
            a_finding("log_gap", "hotlist", clock.now(), 2),
            a_finding("repeated_plate_search", "someone", clock.now(), plate="7ABC123"),
        ],
        key=lambda one: (one.kind, -one.finding_id.int),
    )
    found = [
        structs.replace(one, occurred_at=clock.now() + timedelta(hours=hours))
        for hours, one in enumerate((gap, other, search))
    ]
    async with runtime.db.begin() as connection:
        assert await Findings(connection, "audit").raise_all(found) == 3
    return [str(one.finding_id) for one in found[::-1]]


@pytest.fixture
def listed(client, auditor):
    async def ask(**given):
        answer = await client.get("/v1/findings", params=given, headers=auditor())
        assert answer.status_code == 200, answer.text
        return answer.json()

    return ask


def ids(page):
    return [one["finding_id"] for one in page["items"]]


async def test_findings_come_newest_first_page_by_page_and_of_a_kind(raised, listed):
    assert ids(await listed()) == raised
    first = await listed(limit=2)
    assert ids(first) == raised[:2]
    last = await listed(limit=2, after=first["next"])
    assert (ids(last), last["next"]) == (raised[2:], None)
    assert ids(await listed(kind="log_gap")) == raised[1:]
    assert ids(await listed(kind="log_gap", status="open")) == raised[1:]
    assert ids(await listed(kind="log_gap", status="closed")) == []


async def test_each_finding_that_is_shown_is_on_record_with_its_plate_and_day(
    raised, listed, client, auditor, runtime, bus, clock
):
    await listed()
    await client.get(f"/v1/findings/{raised[0]}", headers=auditor())
    await runtime.relay.drain()
    shown = [e for e in bus.events(RecordsDisclosed) if e.record_kind == "finding"]
    assert [sorted(e.all_ids) for e in shown] == [sorted(raised), raised[:1]]
    for one in shown:
        assert one.all_plates == ["7ABC123"]
        assert {day.captured_on for day in one.records} == {clock.now().date()}


async def test_a_comment_keeps_who_a_finding_is_assigned_to_and_so_does_its_closure(
    raised, client, auditor
):
    path, note = f"/v1/findings/{raised[1]}", {"note": "Asked the sergeant"}
    for step, body, status in (
        ("assignment", {"assigned_to": PERSON}, "assigned"),
        ("comments", {}, "assigned"),
        ("closure", {"outcome": "explained"}, "closed"),
    ):
        answer = await client.post(f"{path}/{step}", json={**note, **body}, headers=auditor())
        assert answer.status_code == 200, answer.text
        assert (answer.json()["assigned_to"], answer.json()["status"]) == (PERSON, status)
