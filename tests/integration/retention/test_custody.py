"""Custody of booked copies: acts in an order that can be, corrected by further acts, on file for good."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy.exc import DBAPIError

from shared.events import EvidenceCustodyRecorded, RecordsDisclosed
from tests.integration.retention.conftest import a_read
from tests.integration.retention.exporting import book, download, exported, send
from tests.integration.retention.holding import release
from tests.integration.retention.packaging import NOON

OTHER_ORI = "CA0520000"
COURT = {"party_name": "C. Clerk", "party_organisation": "Superior Court of Tehama"}
ORDER = {"order_reference": "order 26-17"}


async def act(retention, booking, kind, status=201, *, key=None, claims=None, **body):
    """Record an act with a booked copy."""
    path = f"/v1/evidence-exports/{booking['export_id']}/custody-acts"
    body = {"booking_id": booking["booking_id"], "kind": kind, **body}
    return await send(retention, path, body, status, key=key, **(claims or {}))


async def acts(retention, export, **claims):
    path = f"/v1/evidence-exports/{export['export_id']}/custody-acts"
    return (await retention.get(path, **claims)).json()["items"]


@pytest.fixture
async def export(retention):
    await retention.store(a_read("7ABC123", NOON))
    _, export = await exported(retention, plate="7ABC123")
    return export


@pytest.mark.clause("468.5/custody")
async def test_what_becomes_of_a_copy_is_on_file_with_person_and_time(retention, export):
    await download(retention, export)
    booking = await book(retention, export)
    earlier = (NOON - timedelta(hours=1)).isoformat()
    await act(retention, booking, "handed_over", acted_at=earlier, **COURT)
    await act(retention, booking, "returned", **COURT)
    same = await act(retention, booking, "checked", sha256=export["sha256"])
    other = await act(retention, booking, "checked", sha256="0" * 64, note="scratched")
    await release(retention, {"hold_id": export["hold_id"]})
    await act(retention, booking, "destroyed", **ORDER)
    found = await acts(retention, export)
    assert [(one["kind"], one["matches"]) for one in found] == [
        ("downloaded", None),
        ("handed_over", None),
        ("returned", None),
        ("checked", True),
        ("checked", False),
        ("destroyed", None),
    ]
    assert found[1]["party_organisation"] == "Superior Court of Tehama"
    assert found[1]["acted_at"] == "2026-06-01T11:00:00Z"
    assert found[1]["recorded_at"] == "2026-06-01T12:00:00Z"
    assert {one["recorded_by"]["name"] for one in found} == {"Officer Seven"}
    assert (same["matches"], other["matches"]) == (True, False)
    told = await retention.emitted(EvidenceCustodyRecorded)
    assert [(event.act, event.matches) for event in told] == [
        ("handed_over", None),
        ("returned", None),
        ("checked", True),
        ("checked", False),
        ("destroyed", None),
    ]
    assert {event.case_number for event in told} == {"26-001234"}
    kinds = {event.record_kind for event in await retention.emitted(RecordsDisclosed)}
    assert "custody_act" in kinds


@pytest.mark.clause("468.5/custody")
async def test_acts_follow_each_other_as_they_can(retention, export):
    booking = await book(retention, export)
    await act(retention, booking, "returned", 409, **COURT)
    first = await act(retention, booking, "handed_over", **COURT)
    await act(retention, booking, "handed_over", 409, **COURT)
    await act(retention, booking, "destroyed", 409, **ORDER)
    await act(retention, booking, "checked", sha256=export["sha256"])  # where it is
    await act(retention, booking, "returned", **COURT)
    early = {"corrects": first["act_id"], "note": "it was read back", "sha256": export["sha256"]}
    await act(retention, booking, "checked", 409, **early)  # later acts rest on the first
    destroyed = await act(retention, booking, "destroyed", **ORDER)
    await act(retention, booking, "checked", 409, sha256=export["sha256"])
    second = await book(retention, export, media_serial="MID-0418")
    await act(retention, second, "checked", sha256=export["sha256"])  # another copy
    wrong = {"corrects": destroyed["act_id"], "sha256": export["sha256"]}
    await act(retention, booking, "checked", 422, **wrong)
    await act(retention, second, "checked", 409, **wrong, note="of the other copy")
    await act(retention, booking, "checked", **wrong, note="it was the other medium")
    await act(retention, booking, "checked", 409, **wrong, note="a second time")
    await act(retention, booking, "handed_over", **COURT)
    assert [one["kind"] for one in await acts(retention, export) if one["corrected_by"]] == [
        "destroyed"
    ]


@pytest.mark.clause("468.5/custody")
async def test_a_corrected_booking_takes_the_acts_of_its_copy_along(retention, export):
    booking = await book(retention, export)
    await act(retention, booking, "handed_over", **COURT)
    corrected = await book(
        retention, export, corrects=booking["booking_id"], note="number", evidence_number="E26-5"
    )
    await act(retention, booking, "returned", 409, **COURT)
    await act(retention, corrected, "handed_over", 409, **COURT)
    await act(retention, corrected, "returned", **COURT)


@pytest.mark.parametrize(
    ("kind", "body", "field"),
    [
        ("handed_over", {"party_name": "C. Clerk"}, "party_organisation"),
        ("returned", {"party_organisation": "Court"}, "party_name"),
        ("checked", {}, "sha256"),
        ("destroyed", {"note": "shredded"}, "order_reference"),
        ("destroyed", {**ORDER, "sha256": "0" * 64}, "sha256"),
        ("checked", {"sha256": "0" * 64, "acted_at": "2026-06-01T12:00:01Z"}, "acted_at"),
        ("downloaded", {}, "kind"),
    ],
)
@pytest.mark.clause("468.5/custody")
async def test_an_act_without_its_particulars_is_refused(retention, export, kind, body, field):
    booking = await book(retention, export)
    problem = await act(retention, booking, kind, 422, **body)
    assert field in problem["field"]
    assert await acts(retention, export) == []


@pytest.mark.clause("468.5/custody")
async def test_a_repeated_act_is_one_act_and_nothing_changes_it(retention, export):
    booking = await book(retention, export)
    first = await act(retention, booking, "handed_over", key="clerk-took-it", **COURT)
    retention.clock.advance(seconds=60)
    again = await act(retention, booking, "handed_over", key="clerk-took-it", **COURT)
    assert first == again
    other = {**COURT, "party_name": "D. Attorney"}
    await act(retention, booking, "handed_over", 409, key="clerk-took-it", **other)
    await act(retention, booking, "returned", 409, key="clerk-took-it", **COURT)
    assert len(await retention.emitted(EvidenceCustodyRecorded)) == 1
    for change in ("UPDATE custody_acts SET note = 'x'", "DELETE FROM custody_acts"):
        with pytest.raises(DBAPIError):
            await retention.fetch(change)


async def test_acts_are_of_the_own_agency_and_of_booked_copies(retention, export):
    booking = await book(retention, export)
    unknown = {**booking, "booking_id": str(uuid4())}
    await act(retention, unknown, "handed_over", 409, **COURT)
    await act(retention, booking, "handed_over", 404, claims={"ori": OTHER_ORI}, **COURT)
    path = f"/v1/evidence-exports/{export['export_id']}/custody-acts"
    await retention.get(path, 404, ori=OTHER_ORI)
