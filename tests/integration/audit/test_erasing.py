"""A purge erases the log's values of its records; entries, proofs and checkpoints do not change."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.audit.actions.commands import said
from services.audit.store.values import Values
from services.audit.workers.erasing import Eraser
from shared.core.errors import InternalFault
from shared.events import (
    DisclosedDay,
    FindingRaised,
    ValuesErased,
)
from shared.postgres.restores import Restore, Restores
from tests.integration.audit.conftest import a_disclosure, an_attempt
from tests.integration.audit.erasing import (
    BEFORE,
    LAST,
    OLD,
    READS,
    YOUNG,
    a_disclosed,
    certified,
    purge,
    sightings,
)
from tests.integration.audit.messages import message_of
from tests.integration.audit.sealed_events import a_hit, verdict

__all__ = ["purge", "verdict"]

pytestmark = pytest.mark.clause("wall/erasing")


async def test_erasing_removes_purged_records_and_keeps_held_ones(
    deliver, clock, purge, query, verdict
):
    await deliver(*sightings(clock))
    await purge()
    stored = str(await query("SELECT * FROM sealed_values")) + str(
        await query("SELECT opened(r) FROM sealed_values, unnest(records || disclosure) r")
    )
    for name, plate in (("gone", "1GONE11"), ("of_last_day", "3GONE33")):
        assert plate not in stored
        assert str(READS[name]) not in stored
    for name, plate in (("held", "2HELD22"), ("after_noon", "4LATE44"), ("young", "5YOUNG5")):
        assert plate in stored
        assert str(READS[name]) in stored
    assert "entry 7" in stored
    found = await verdict()
    assert found.ok, found.faults
    [erased] = found.erased
    assert erased.groups == 5


async def test_erasing_changes_no_leaf_proof_or_checkpoint(
    deliver, writer, clock, purge, query, verdict
):
    await deliver(*sightings(clock))
    await writer.sign_if_grown()
    everything = "SELECT * FROM entries WHERE seq < 6 ORDER BY seq"
    before = await query(everything), await query("SELECT * FROM checkpoints")
    [kept] = (await query("SELECT note FROM checkpoints"))[0]
    await purge()
    assert (await query(everything), await query("SELECT * FROM checkpoints")) == before
    await writer.sign_if_grown()
    assert (await verdict(kept)).ok


async def test_an_erasing_is_logged_with_its_purge_and_counts(
    deliver, clock, purge, query, runtime, bus
):
    await deliver(*sightings(clock))
    purged = await purge()
    [row] = await query("SELECT entry FROM entries WHERE kind = 'values.erased'")
    said = msgspec.json.decode(row.entry)["data"]
    assert said["run_id"] == str(purged.run_id)
    assert said["purged_event_id"] == str(purged.event_id)
    assert (said["groups"], said["records"]) == (5, 2)
    assert (said["captured_from"], said["captured_to"]) == ("2025-04-20", "2025-04-27")
    assert said["purged_root"] == purged.purge_list.purged_root
    assert said["certificate_sha256"] == "c1" * 32
    await runtime.relay.drain()
    assert len(bus.events(ValuesErased)) == 1
    await deliver()  # its own event comes back from Kafka
    assert len(await query("SELECT 1 FROM entries WHERE kind = 'values.erased'")) == 1


@pytest.mark.clause("468.5/restored")
async def test_the_log_stays_closed_after_a_restore_until_values_are_erased(
    deliver, clock, purge, runtime, writer, client, auditor, as_owner
):
    await deliver(*sightings(clock))
    async with as_owner("audit") as connection:
        await Restores(connection).add(Restore(uuid4(), "backup", clock.now(), BEFORE))
    await purge(follow=False)
    await runtime.restored.load()
    refused = await client.get("/v1/entries/0", headers=auditor())
    assert (refused.status_code, refused.json()["code"]) == (503, "restored_unpurged")
    assert (await client.get("/v1/checkpoint")).status_code != 503  # open to the public
    assert await Eraser(runtime, writer).catch_up() == 1
    await runtime.restored.load()
    assert (await client.get("/v1/entries/0", headers=auditor())).status_code == 200


@pytest.mark.clause("468.5/restored")
async def test_the_log_stays_closed_until_a_purge_reaches_what_the_restore_brought_back(
    deliver, clock, purge, runtime, as_owner
):
    await deliver(*sightings(clock))
    due = BEFORE - timedelta(days=1)
    async with as_owner("audit") as connection:
        await Restores(connection).add(Restore(uuid4(), "backup", clock.now(), due))
    await purge(before=due - timedelta(days=1))
    await runtime.restored.load()
    assert runtime.restored.waits
    await purge(before=due)
    await runtime.restored.load()
    assert not runtime.restored.waits


async def test_erasing_twice_has_no_further_effect(
    deliver, clock, purge, query, runtime, writer, verdict
):
    await deliver(*sightings(clock))
    await purge(follow=False)
    await asyncio.gather(*(Eraser(runtime, writer).catch_up() for _ in range(3)))
    assert await Eraser(runtime, writer).catch_up() == 0
    assert len(await query("SELECT 1 FROM erasures")) == 1
    assert (await verdict()).ok


async def test_an_erasing_that_another_worker_ended_meanwhile_is_done(
    deliver, clock, purge, query, runtime, monkeypatch
):
    await deliver(*sightings(clock))
    await purge()
    [erased] = await query("SELECT purged_event FROM erasures")
    asked = []

    async def is_erased(self, purged):
        asked.append(purged)
        return len(asked) > 1 and await known(self, purged)

    known = Values._is_erased
    monkeypatch.setattr(Values, "_is_erased", is_erased)
    async with runtime.db.begin() as connection:
        assert await Values(connection).list_erased(erased[0], [], [], 100) is False
        assert asked == [erased[0]] * 2
        assert await Values(connection).logged() == [], "the transaction can go on"


async def test_records_of_an_ended_hold_are_erased_by_the_next_purge(
    deliver, clock, purge, query, verdict
):
    await deliver(*sightings(clock))
    await purge()
    await purge(purged=("held", "after_noon"), held=(), before=BEFORE + timedelta(days=1))
    assert await query("SELECT name, captured_on FROM sealed_values ORDER BY name") == [
        ("records", date(2026, 6, 1)),
        ("records/2025-04-28", YOUNG),
    ]
    found = await verdict()
    assert found.ok, found.faults


async def test_keys_of_completely_purged_days_are_destroyed(deliver, clock, purge, query):
    await deliver(*sightings(clock))
    await purge()
    rows = await query("SELECT day, number, sealed IS NULL, destroyed_at IS NULL FROM day_keys")
    assert {row.day: tuple(row)[1:] for row in rows} == {
        OLD: (0, True, False),
        LAST: (0, False, True),
        YOUNG: (0, False, True),
        date(2026, 6, 1): (0, False, True),
    }


async def test_a_redelivery_does_not_bring_back_what_was_erased(
    deliver, clock, purge, query, verdict
):
    events = sightings(clock)
    await deliver(*events)
    await purge()
    stored = "SELECT * FROM sealed_values ORDER BY seq, name"
    before = await query(stored), await query("SELECT count(*) FROM entries")
    await deliver(*events)
    assert (await query(stored), await query("SELECT count(*) FROM entries")) == before
    assert (await verdict()).ok


async def test_a_redelivery_with_other_content_is_refused_after_erasing_too(
    deliver, writer, clock, purge, runtime, bus
):
    events = sightings(clock)
    _, disclosed, _, held, *_ = events
    await deliver(*events)
    await purge()
    longer = msgspec.structs.replace(
        disclosed,
        records=[msgspec.structs.replace(disclosed.records[0], shown=[]), *disclosed.records[1:]],
    )
    later = DisclosedDay(
        captured_on=YOUNG + timedelta(days=1), shown=[a_disclosed("young", "6MORE66")]
    )
    wider = msgspec.structs.replace(disclosed, records=[*disclosed.records, later])
    for event, source in (
        (msgspec.structs.replace(disclosed, count=9), "retention"),
        (longer, "retention"),
        (wider, "retention"),
        (msgspec.structs.replace(held, plate_listed="9OTHER9"), "hotlist"),
    ):
        with pytest.raises(InternalFault, match="with other content"):
            await writer.append([message_of(event, source)])
    await runtime.relay.drain()
    assert {e.kind for e in bus.events(FindingRaised)} == {"contradicting_event"}


async def test_a_held_record_disclosed_after_the_purge_is_sealed_under_a_new_key(
    deliver, clock, purge, query, verdict
):
    await deliver(*sightings(clock))
    await purge()
    day = DisclosedDay(captured_on=OLD, shown=[a_disclosed("held", "2HELD22")])
    again = msgspec.structs.replace(
        a_disclosure(clock, an_attempt(clock)), event_id=uuid4(), records=[day], count=1
    )
    await deliver(again, again)
    rows = await query(
        f"SELECT number, sealed IS NULL FROM day_keys WHERE day = '{OLD}' ORDER BY 1"
    )
    assert [tuple(row) for row in rows] == [(0, True), (1, False)]
    assert (await verdict()).ok
    await purge(held=(), purged=("held",), before=BEFORE + timedelta(days=1))
    rows = await query(f"SELECT number FROM day_keys WHERE day = '{OLD}' AND sealed IS NOT NULL")
    assert rows == []
    assert (await verdict()).ok


async def test_a_value_whose_key_was_destroyed_meanwhile_is_sealed_under_a_new_key(
    app, writer, clock, purge, deliver, query, runtime, verdict
):
    """Another process erases between sealing and appending."""
    late = a_hit(clock, read_id=READS["held"], captured_at=datetime(2025, 4, 20, 9, tzinfo=UTC))
    await deliver(a_hit(clock, captured_at=datetime(2025, 4, 20, 9, tzinfo=UTC)))
    await purge(follow=False)
    stale = await writer._keys.of({OLD})
    other = type(writer)(runtime, runtime.settings)
    await Eraser(runtime, other).catch_up()
    writer._keys._known, writer._keys._epoch = dict(stale.by_day), stale.epoch
    await writer.append([message_of(late, "hotlist")])
    rows = await query("SELECT number FROM day_keys WHERE sealed IS NOT NULL")
    assert (1,) in [tuple(row) for row in rows]
    assert writer._keys._known[OLD] != stale.by_day[OLD]
    assert (await verdict()).ok


async def test_details_of_findings_are_erased_with_the_purge(deliver, clock, purge, query, runtime):
    from services.audit.store.findings import Findings

    finding = FindingRaised(
        occurred_at=clock.now(),
        finding_id=uuid4(),
        kind="contradicting_read",
        subject="ingest",
        details={"count": 2, "plate": "1GONE11"},
        captured_on=OLD,
    )
    async with runtime.db.begin() as connection:
        await Findings(connection, "audit").raise_once(finding)
    await deliver()
    assert "1GONE11" in str(await query("SELECT * FROM findings"))
    await purge()
    assert await query("SELECT details, sealed FROM findings") == [({"count": 2}, None)]
    assert await query("SELECT 1 FROM sealed_values WHERE name = 'details'") == []


async def test_values_are_erased_only_after_the_purge_is_certified(
    deliver, clock, purge, query, runtime, writer, bus
):
    await deliver(*sightings(clock))
    purged = await purge(certify=False, follow=False)
    others = (
        certified(clock, uuid4()),
        certified(clock, purged.run_id, change="executed"),
        certified(clock, purged.run_id, details={"certificate_sha256": "none"}),
        certified(clock, purged.run_id, details={}),
    )
    await deliver(*others)
    before = await query("SELECT * FROM sealed_values ORDER BY seq, name")
    assert await Eraser(runtime, writer).catch_up() == 0
    with pytest.raises(DBAPIError, match="was certified"):
        await query(CALL.format(purged=purged.event_id))
    assert await query("SELECT * FROM sealed_values ORDER BY seq, name") == before
    await deliver(certified(clock, purged.run_id), certified(clock, purged.run_id, "dd" * 32))
    assert await Eraser(runtime, writer).catch_up() == 1
    assert await query("SELECT encode(certificate_sha256, 'hex') FROM erasures") == [("c1" * 32,)]
    await runtime.relay.drain()
    assert bus.events(FindingRaised) == []


async def test_a_purge_without_a_certificate_for_two_days_raises_a_finding(
    deliver, clock, purge, runtime, writer, bus
):
    await deliver(*sightings(clock))
    ago = clock.now() - timedelta(days=3)  # it came to the log late, and its certificate may, too
    purged = await purge(certify=False, follow=False, occurred_at=ago)
    clock.advance(days=2)
    assert await Eraser(runtime, writer).catch_up() == 0
    await runtime.relay.drain()
    assert bus.events(FindingRaised) == []
    clock.advance(seconds=1)
    assert await Eraser(runtime, writer).catch_up() == 0
    await runtime.relay.drain()
    [finding] = bus.events(FindingRaised)
    assert (finding.kind, finding.details["why"]) == (
        "not_erased",
        "the purge is not certified after 2 days",
    )
    await deliver(certified(clock, purged.run_id))
    assert await Eraser(runtime, writer).catch_up() == 1


async def test_the_verifier_prints_the_certificate_of_what_was_erased(
    deliver, clock, purge, verdict, client, auditor, writer, runtime
):
    await deliver(*sightings(clock))
    purged = await purge()
    found = await verdict()
    assert [(one.run_id, one.certificate) for one in found.erased] == [
        (str(purged.run_id), "c1" * 32)
    ]
    answer = said(found, [runtime.settings.signers[0].verifier])
    assert answer.status == 0
    line = f"erased       5 values under purge {purged.run_id}, certificate {'c1' * 32}"
    assert line in answer.text.splitlines()
    shown = (await client.get("/v1/entries/2", headers=auditor())).json()
    assert [one["certificate_sha256"] for one in shown["erased"]] == ["c1" * 32]


async def test_an_erasing_under_another_certificate_than_the_logs_is_detected(
    deliver, clock, purge, query, tamper, verdict
):
    """The owner of the tables could write it: the entry and the stored certificate agree with each other."""
    await deliver(*sightings(clock))
    await purge()
    await tamper(
        "erasures", "UPDATE erasures SET certificate_sha256 = decode(repeat('dd', 32), 'hex')"
    )
    await tamper(
        "entries",
        "UPDATE entries SET entry = convert_to(replace(convert_from(entry, 'UTF8'),"
        f" '{'c1' * 32}', '{'dd' * 32}'), 'UTF8') WHERE kind = 'values.erased'",
    )
    faults = [fault.what for fault in (await verdict()).faults]
    assert any("another certificate" in what for what in faults), faults


# --- no other way -------------------------------------------------------------------------------

CALL = "SELECT * FROM erase_values('{purged}', gen_random_uuid(), '{{}}', '{{}}')"


async def test_values_are_erased_only_for_a_purge_that_is_in_the_log(deliver, clock, query):
    attempt = an_attempt(clock)
    await deliver(attempt, *sightings(clock))
    before = await query("SELECT * FROM sealed_values ORDER BY seq, name")
    for event_id in (uuid4(), attempt.event_id):
        with pytest.raises(DBAPIError, match="no entry of this log says"):
            await query(CALL.format(purged=event_id))
    assert await query("SELECT * FROM sealed_values ORDER BY seq, name") == before


async def test_values_are_erased_only_with_an_entry_of_the_erasing(deliver, clock, purge, query):
    await deliver(*sightings(clock))
    purged = await purge(follow=False)
    before = await query("SELECT * FROM sealed_values ORDER BY seq, name")
    with pytest.raises(DBAPIError, match="only with an entry of the log"):
        await query(CALL.format(purged=purged.event_id))
    assert await query("SELECT * FROM sealed_values ORDER BY seq, name") == before


async def test_a_purge_cannot_erase_values_twice(deliver, clock, purge, query):
    await deliver(*sightings(clock))
    purged = await purge()
    with pytest.raises(DBAPIError, match="were erased before"):
        await query(CALL.format(purged=purged.event_id))


async def test_a_role_without_the_right_cannot_call_the_function(app, as_owner):
    async with as_owner("audit") as connection:
        rows = await connection.execute(
            text(
                "SELECT has_function_privilege('public',"
                " 'erase_values(uuid, uuid, text[], text[])', 'EXECUTE')"
            )
        )
        assert rows.scalar_one() is False


@pytest.mark.parametrize(
    "what", ["below the floor", "names no list", "no list", "a list that was changed"]
)
async def test_an_invalid_purge_erases_no_value_and_raises_a_finding(
    deliver, clock, purge, query, objects, runtime, writer, bus, what
):
    await deliver(*sightings(clock))
    if what == "below the floor":
        await purge(before=clock.now() - timedelta(days=100), follow=False)
    elif what == "names no list":
        await purge(listed=False, follow=False)
    else:
        purged = await purge(follow=False)
        manifest = purged.purge_list.key
        if what == "no list":
            await objects.delete(manifest)
        else:
            await objects.put(manifest.replace("manifest.json", "held-000000.txt"), b"")
    before = await query("SELECT * FROM sealed_values ORDER BY seq, name")
    for _ in range(2):
        assert await Eraser(runtime, writer).catch_up() == 0
    assert await query("SELECT * FROM sealed_values ORDER BY seq, name") == before
    await runtime.relay.drain()
    assert [e.kind for e in bus.events(FindingRaised)] == ["not_erased"]


TAMPERING = {
    "the list of what was erased was made longer": (
        "erased",
        "INSERT INTO erased SELECT purged_event, 3, 'sighting', NULL FROM erasures",
    ),
    "the list of what was erased was made shorter": (
        "erased",
        "DELETE FROM erased WHERE seq = 2",
    ),
    "the record of the erasing was changed": (
        "erasures",
        "UPDATE erasures SET erased_event = gen_random_uuid()",
    ),
    "a held value was deleted as if it were erased": (
        "sealed_values",
        "DELETE FROM sealed_values WHERE seq = 3",
    ),
    "an erased value was put back": (
        "sealed_values",
        "INSERT INTO sealed_values SELECT 2, name, captured_on, sighting, disclosure, records, plates"
        " FROM sealed_values WHERE seq = 3",
    ),
}


@pytest.mark.parametrize("what", TAMPERING)
async def test_tampering_after_an_erasing_is_detected(deliver, clock, purge, tamper, verdict, what):
    await deliver(*sightings(clock))
    await purge()
    assert (await verdict()).ok
    table, statement = TAMPERING[what]
    await tamper(table, statement)
    assert not (await verdict()).ok


@pytest.mark.clause("468.5/schedule")
async def test_an_erasing_removes_erased_plates_from_the_planners_statistics(
    deliver, clock, purge, sampled
):
    await deliver(*sightings(clock))
    assert "1GONE11" in await sampled("audit", anew=True)
    await purge()
    found = await sampled("audit")
    assert "GONE" not in found
    assert "2HELD22" in found


@pytest.mark.clause("468.5/schedule")
async def test_a_month_whose_values_are_all_erased_leaves_none_in_the_planners_statistics(
    deliver, clock, purge, sampled, query, verdict
):
    attempt = an_attempt(clock, elements={})
    day = DisclosedDay(captured_on=date(2025, 3, 10), shown=[a_disclosed("gone", "1GONE11")])
    disclosed = msgspec.structs.replace(a_disclosure(clock, attempt), records=[day], count=1)
    await deliver(attempt, disclosed)
    assert "1GONE11" in await sampled("audit", anew=True)
    await purge(held=())
    assert "GONE" not in await sampled("audit")
    assert await query("SELECT count(*) FROM sealed_values") == [(0,)]
    assert (await verdict()).ok


async def test_an_erased_value_that_was_put_back_is_detected(
    deliver, clock, purge, tamper, verdict
):
    await deliver(*sightings(clock))
    await tamper("entries", "CREATE TABLE copies AS SELECT * FROM sealed_values WHERE seq = 2")
    await purge()
    await tamper("sealed_values", "INSERT INTO sealed_values SELECT * FROM copies")
    [fault] = (await verdict()).faults
    assert fault.what == "entry 2: sighting was erased, but is present"


async def test_a_deleted_record_of_an_erasing_is_detected_though_it_erased_no_value(
    clock, purge, tamper, verdict
):
    purged = await purge()
    assert (await verdict()).ok
    await tamper("erasures", "DELETE FROM erasures")
    [fault] = (await verdict()).faults
    assert fault.what == f"the list of values erased for {purged.event_id} is missing"


async def test_an_erased_record_that_was_put_back_is_detected(
    deliver, clock, purge, query, tamper, verdict
):
    await deliver(*sightings(clock))
    group = {"name": f"records/{OLD.isoformat()}"}
    [(record,)] = await query(
        "SELECT records[1] FROM sealed_values WHERE seq = 1 AND name = :name", **group
    )
    await purge()
    await tamper(
        "sealed_values",
        "UPDATE sealed_values SET records[1] = :record, plates = array_append(plates, '1GONE11')"
        " WHERE seq = 1 AND name = :name",
        record=record,
        **group,
    )
    [fault] = (await verdict()).faults
    assert fault.what == f"entry 1: record 0 of {group['name']} was erased, but is present"


async def test_a_purge_whose_time_has_no_zone_is_found_and_does_not_stop_the_erasing_of_others(
    deliver, clock, purge, query
):
    """A service in an attacker's hands publishes it."""
    await deliver(*sightings(clock))
    await purge(before=BEFORE.replace(tzinfo=None), follow=False)
    await purge()
    assert await query("SELECT count(*) FROM findings WHERE kind = 'not_erased'") == [(1,)]
