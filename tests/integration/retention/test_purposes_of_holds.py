"""Holds, exports and bookings are shown for a declared purpose, and every access to them is on record."""

from uuid import uuid4

import pytest

from shared.core.permissions import Permission
from shared.events import RecordsDisclosed
from tests.integration.retention.conftest import a_read
from tests.integration.retention.exporting import request
from tests.integration.retention.holding import place
from tests.integration.retention.purging import NOON

KEY = {"Idempotency-Key": "drawn-once-1"}


@pytest.fixture
async def hold(retention):
    """A hold on a plate, with an export of it."""
    await retention.store(a_read("7ABC123", NOON))
    hold = await place(retention, plate="7ABC123")
    headers = retention.authority.headers() | KEY
    body = {"hold_id": hold["hold_id"]}
    asked = await retention.client.post("/v1/evidence-exports", json=body, headers=headers)
    assert asked.status_code == 202, asked.text
    await retention.emitted(RecordsDisclosed)
    retention.bus.records.clear()
    return hold | {"export_id": asked.json()["export_id"]}


def routes_to(hold):
    """Return each route to them: the path, the kind of record, its id and its plates."""
    hold_id, export_id = hold["hold_id"], hold["export_id"]
    return [
        ("/v1/holds", "hold", [hold_id], ["7ABC123"]),
        (f"/v1/holds/{hold_id}", "hold", [hold_id], ["7ABC123"]),
        ("/v1/evidence-exports", "evidence_export", [export_id], ["7ABC123"]),
        (f"/v1/evidence-exports/{export_id}", "evidence_export", [export_id], ["7ABC123"]),
        (f"/v1/evidence-exports/{export_id}/bookings", "evidence_booking", [], []),
    ]


@pytest.mark.clause("468.4(a)/plates-by-purpose")
async def test_no_part_of_a_hold_is_returned_without_a_purpose(retention, hold):
    headers = retention.authority.headers(Permission.HOLD_READ, purpose=False)
    for path, *_ in routes_to(hold):
        answer = await retention.client.get(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "purpose_missing"), path
        assert "7ABC123" not in answer.text
    assert await retention.emitted(RecordsDisclosed) == []


@pytest.mark.clause("468.4(a)/purpose-opens")
@pytest.mark.parametrize("kind", ["release", "audit", "system_maintenance"])
async def test_a_hold_is_refused_for_a_purpose_of_another_kind(retention, hold, kind):
    headers = retention.authority.headers(Permission.HOLD_READ, purpose=kind)
    for path, *_ in routes_to(hold):
        answer = await retention.client.get(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "purpose_does_not_open"), path
        assert f"the purpose {kind} does not open hold:read; these do: " in answer.text
        assert "7ABC123" not in answer.text
    assert await retention.emitted(RecordsDisclosed) == []


@pytest.mark.clause("468.3.1(d)/every-door")
async def test_every_access_to_a_hold_an_export_or_a_booking_is_recorded(retention, hold):
    for path, kind, ids, plates in routes_to(hold):
        retention.bus.records.clear()
        await retention.get(path)
        told = [e for e in await retention.emitted(RecordsDisclosed) if e.record_kind == kind]
        assert len(told) == 1, path
        assert (told[0].all_ids, told[0].all_plates) == (ids, plates), path
        assert told[0].purpose.case_number == "26-001234"


@pytest.mark.clause("468.3.1(d)/every-door")
async def test_an_access_to_a_hold_of_reads_by_id_names_these_reads(retention):
    read = a_read("7ABC123", NOON)
    await retention.store(read)
    hold = await place(retention, read_ids=[str(read.read_id)])
    export = await request(retention, hold)
    routes = routes_to(hold | {"export_id": export["export_id"]})
    for path, kind, ids, _ in routes[:4]:
        await retention.emitted(RecordsDisclosed)
        retention.bus.records.clear()
        await retention.get(path)
        told = [e for e in await retention.emitted(RecordsDisclosed) if e.record_kind == kind]
        [record] = [record for event in told for record in event.all_records]
        assert (record.record_id, record.read_ids) == (*ids, [str(read.read_id)]), path


@pytest.mark.clause("468.4(a)/waiting")
async def test_holds_are_counted_without_a_purpose_or_a_plate(retention, hold):
    retention.clock.advance(hours=1)
    later = await place(retention, plate="7ABC12*")
    await request(retention, later)
    lifted = await place(retention, plate="8XYZ999")
    await retention.post(
        f"/v1/holds/{lifted['hold_id']}/release",
        {"reason": "appeal time over"},
        account_id=str(uuid4()),
    )
    retention.bus.records.clear()
    headers = retention.authority.headers(Permission.HOLD_READ, purpose=False)
    answer = await retention.client.get("/v1/holds/waiting", headers=headers)
    found = answer.json()
    assert (found["in_force"], found["unbooked"]) == (2, 2)
    assert found["oldest_placed_at"] == hold["placed_at"]
    assert found["oldest_requested_at"] == hold["placed_at"]
    assert "7ABC123" not in answer.text
    assert "26-001234" not in answer.text
    other = retention.authority.headers(
        Permission.HOLD_READ, purpose=False, ori="CA0999900", account_id=str(uuid4())
    )
    elsewhere = (await retention.client.get("/v1/holds/waiting", headers=other)).json()
    assert elsewhere == {
        "in_force": 0,
        "oldest_placed_at": None,
        "overdue": 0,
        "overdue_since": None,
        "unbooked": 0,
        "oldest_requested_at": None,
    }
