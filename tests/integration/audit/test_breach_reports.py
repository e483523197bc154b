"""Breach reports: what an account reached in a period, also of what purges have erased since (Civil Code 1798.29)."""

from datetime import timedelta

import pytest

from shared.events import RecordsDisclosed
from tests.integration.audit.conftest import AUDITOR, OFFICER, a_disclosure, an_actor, an_attempt
from tests.integration.audit.erasing import OLD, READS, purge, sightings

__all__ = ["purge"]

pytestmark = pytest.mark.clause("468.6/breach-report")


@pytest.fixture
def report(client, auditor, clock):
    """Return the report on an account from an hour ago to an hour ahead."""

    async def ask(person_id=OFFICER, status=200, **changes):
        body = {
            "person_id": person_id,
            "occurred_from": (clock.now() - timedelta(hours=1)).isoformat(),
            "occurred_to": (clock.now() + timedelta(hours=1)).isoformat(),
            **changes,
        }
        answer = await client.post("/v1/breach-reports", json=body, headers=auditor())
        assert answer.status_code == status, answer.text
        return answer.json()

    return ask


async def test_a_report_says_when_a_record_was_reached_first_and_last_and_from_where(
    deliver, clock, report
):
    since, shown = clock.now(), []
    for record_ids, address in (
        (["r2"], "192.0.2.7"),
        (["r1"], "192.0.2.8"),
        (["r2"], "192.0.2.8"),
    ):
        attempt = an_attempt(clock, client_address=address)
        shown += [attempt, a_disclosure(clock, attempt, record_ids=record_ids, plates=[])]
        clock.advance(minutes=10)
    refused = an_attempt(clock, allowed=False, client_address="192.0.2.9")
    elsewhere = an_attempt(clock, actor=an_actor("other"), client_address="192.0.2.10")
    await deliver(*shown, refused, elsewhere)
    found = await report()
    assert found["client_addresses"] == {"192.0.2.7": 1, "192.0.2.8": 2, "192.0.2.9": 1}
    times = {
        name: (since + timedelta(minutes=n)).isoformat()
        for name, n in (("1", 0), ("2", 10), ("3", 20))
    }
    of_both = [
        (
            one["record_id"],
            one["times"],
            *(one[name].replace("Z", "+00:00") for name in ("first_at", "last_at")),
        )
        for one in found["records"]
    ]
    assert of_both == [("r2", 2, times["1"], times["3"]), ("r1", 1, times["2"], times["2"])]
    for limit, is_cut in ((1, True), (2, False)):
        part = await report(limit=limit)
        assert (len(part["records"]), part["truncated"]) == (limit, is_cut)
        assert part["records_by_kind"] == {"read": 2}, "the figures cover all"


async def test_a_period_begins_with_its_start_and_ends_before_its_end(deliver, clock, report):
    at = clock.now()
    await deliver(an_attempt(clock))
    hour = timedelta(hours=1)
    for start, end, count in ((at, at + hour, 1), (at - hour, at, 0)):
        found = await report(occurred_from=start.isoformat(), occurred_to=end.isoformat())
        assert found["accesses_allowed"] == count
    backwards = {"occurred_from": at.isoformat(), "occurred_to": at.isoformat()}
    refused = await report(status=422, **backwards)
    assert refused["code"] == "window_backwards"


async def test_a_report_is_on_record_with_the_plates_that_it_showed(
    deliver, clock, report, runtime, bus
):
    attempt = an_attempt(clock, elements={})
    await deliver(a_disclosure(clock, attempt, record_ids=["r1"], plates=["7ABC123"], day=OLD))
    await report()
    await report("a person who reached nothing")
    await runtime.relay.drain()
    full, empty = [e for e in bus.events(RecordsDisclosed) if e.record_kind == "breach_report"]
    assert full.actor.person_id == AUDITOR
    [day] = full.records
    assert (day.captured_on, [one.plates for one in day.shown]) == (OLD, [["7ABC123"]])
    assert empty.all_ids == ["a person who reached nothing"]


async def test_each_erased_record_counts_although_its_group_is_erased_whole(
    deliver, clock, purge, report
):
    attempt = an_attempt(clock, elements={})
    both = a_disclosure(
        clock, attempt, record_ids=[str(READS["gone"]), str(READS["young"])], plates=[], day=OLD
    )
    await deliver(both, *sightings(clock))
    before = await report()
    await purge()
    after = await report()
    assert (before["records_by_kind"], before["erased"]) == ({"read": 6}, 0)
    assert after["erased"] == 4, "two of a group that is gone, and two of groups that are left"
    assert [one["record_id"] for one in after["records"]] != []
    assert str(READS["gone"]) not in str(after)


async def test_what_an_export_contained_counts_although_it_was_erased_since(
    deliver, clock, purge, client, auditor, report
):
    async def exported():
        answer = await client.post("/v1/exports", json={"with_values": True}, headers=auditor())
        assert answer.status_code == 200, answer.text
        await deliver()

    await deliver(*sightings(clock))
    await exported()
    await purge()
    assert (await report(AUDITOR))["erased"] == 5
    clock.advance(hours=2)
    await exported()
    assert (await report(AUDITOR))["erased"] == 0, "erased before"
