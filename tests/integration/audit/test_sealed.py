"""Values of a sighting lie beside the log: its entry proves them, and auditors find them while they exist."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import date
from hashlib import sha256
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy.exc import DBAPIError

from services.audit.domain.sealing import Unreadable, salter
from shared.core.errors import InternalFault
from shared.events import DisclosedDay, DisclosedRecord, FindingRaised, HitVerified
from shared.kafka.codec import encode
from tests.integration.audit.conftest import a_disclosure, an_actor, an_attempt
from tests.integration.audit.messages import message_of, with_right_mac
from tests.integration.audit.sealed_events import a_hit, verdict

__all__ = ["verdict"]

pytestmark = pytest.mark.clause("wall/sealed-log")


def changed(message, body, source="retention"):
    """Return the message with another body, as its source would have sent it."""
    return with_right_mac(message._replace(value=msgspec.json.encode(body)), source)


def opened(disclosure):
    """Decode a disclosure as an outsider does it."""
    return json.loads(urlsafe_b64decode(disclosure + "=" * (-len(disclosure) % 4)))


def digest(disclosure):
    """Compute its digest as an outsider does it."""
    return urlsafe_b64encode(sha256(disclosure.encode()).digest()).rstrip(b"=").decode()


async def test_an_entry_of_a_hit_contains_no_sighting(deliver, query, clock, verdict):
    hit = a_hit(clock)
    await deliver(hit)
    [row] = await query("SELECT * FROM entries")
    for secret in (
        "7ABC123",
        "7A8C123",
        hit.read_id,
        hit.device_id,
        hit.entry_id,
        "crops/",
        hit.captured_at.isoformat()[:16],
    ):
        assert str(secret).encode() not in row.entry
    assert row.plates == []
    data = msgspec.json.decode(row.entry)["data"]
    assert (data["hit_id"], data["list_name"], data["tier"]) == (str(hit.hit_id), "Stolen", "high")
    [value] = await query("SELECT * FROM sealed_values")
    assert data["_sd"] == {"sighting": digest(value.disclosure)}
    salt, name, said = opened(value.disclosure)
    assert (name, said["plate_read"], said["read_id"]) == ("sighting", "7ABC123", str(hit.read_id))
    assert len(bytes.fromhex(salt)) == 16
    assert (value.captured_on, value.plates) == (date(2026, 6, 1), ["7A8C123", "7ABC123"])
    assert (await verdict()).ok


async def test_a_disclosure_has_a_group_for_each_day_and_a_digest_for_each_record(
    deliver, query, clock, verdict
):
    days = [
        DisclosedDay(captured_on=date(2026, 5, d), shown=[DisclosedRecord(record_id=f"r{d}{n}")])
        for d in (1, 2)
        for n in (1,)
    ]
    undated = DisclosedDay(shown=[DisclosedRecord(record_id="list entry", plates=["8XYZ999"])])
    event = msgspec.structs.replace(
        a_disclosure(clock, an_attempt(clock)), records=[*days, undated], count=3
    )
    await deliver(event)
    [row] = await query("SELECT * FROM entries")
    data = msgspec.json.decode(row.entry)["data"]
    assert set(data["_sd"]) == {"records/2026-05-01", "records/2026-05-02", "records"}
    assert (data["count"], data["actor"]["name"]) == (3, "Officer Seven")
    assert b"8XYZ999" not in row.entry
    assert b"r11" not in row.entry
    values = await query("SELECT * FROM sealed_values ORDER BY name")
    assert [(v.name, v.captured_on, v.sighting) for v in values] == [
        ("records", date(2026, 6, 1), False),
        ("records/2026-05-01", date(2026, 5, 1), True),
        ("records/2026-05-02", date(2026, 5, 2), True),
    ]
    for value in values:
        _, _, said = opened(value.disclosure)
        assert said["shown"] == [{"...": digest(record)} for record in value.records]
        assert digest(value.disclosure) == data["_sd"][value.name]
    assert opened(values[1].records[0])[1] == {"record_id": "r11"}
    assert (await verdict()).ok


async def test_an_unknown_field_is_sealed(app, writer, query, clock, verdict):
    later = msgspec.json.decode(encode(a_hit(clock), "hotlist").value) | {"street": "Solano St"}
    message = changed(message_of(a_hit(clock), "hotlist"), later, "hotlist")
    shown = message_of(a_disclosure(clock, an_attempt(clock)))
    newer = msgspec.json.decode(shown.value) | {"plates_seen": ["9NEW000"]}
    await writer.append([message, changed(shown, newer)])
    rows = await query("SELECT entry FROM entries")
    assert not any(b"Solano" in row.entry or b"9NEW000" in row.entry for row in rows)
    values = await query("SELECT name, captured_on, sighting FROM sealed_values ORDER BY seq, name")
    assert [tuple(v) for v in values] == [
        ("sighting", date(2026, 6, 1), True),
        ("records/2026-05-31", date(2026, 5, 31), True),
        ("unknown", date(2026, 5, 31), True),
    ]
    assert (await verdict()).ok


async def test_ids_and_plates_of_an_event_from_before_are_sealed(app, writer, query, clock):
    body = msgspec.json.decode(encode(a_disclosure(clock, an_attempt(clock)), "x").value)
    del body["records"]
    body |= {"record_ids": ["secret-id"], "plates": ["7ABC123"]}
    message = message_of(a_disclosure(clock, an_attempt(clock)))
    await writer.append([changed(message, body)])
    [row] = await query("SELECT entry FROM entries")
    assert b"7ABC123" not in row.entry
    assert b"secret-id" not in row.entry
    assert await query("SELECT name, plates FROM sealed_values") == [("unknown", ["7ABC123"])]


@pytest.mark.parametrize(
    "records",
    [
        "not a list",
        [{"captured_on": "1999-12-31", "shown": [{"record_id": "a record"}]}],
        [{"captured_on": "2027-01-01", "shown": [{"record_id": "a record"}]}],
        [{"captured_on": "2026-05-01", "shown": [{"record_id": "a record"}]}] * 2,
        [
            {"captured_on": f"2026-05-0{d}", "shown": [{"record_id": "a record"}]}
            for d in range(1, 8)
        ],
        [{"captured_on": "2026-05-01", "shown": [{"record_id": "a record", "plates": "7"}]}],
    ],
)
async def test_records_of_a_wrong_shape_are_sealed_whole_and_logged(
    app, writer, query, clock, verdict, records
):
    message = message_of(a_disclosure(clock, an_attempt(clock)))
    body = msgspec.json.decode(message.value) | {"records": records}
    await writer.append([changed(message, body)])
    [row] = await query("SELECT entry FROM entries")
    assert b"a record" not in row.entry
    assert b"not a list" not in row.entry
    [value] = await query("SELECT name, sighting FROM sealed_values")
    assert tuple(value) == ("unknown", True)
    assert (await verdict()).ok


async def test_a_body_with_its_own_digests_is_refused(app, writer, clock):
    message = message_of(a_hit(clock), "hotlist")
    body = msgspec.json.decode(message.value) | {"_sd": {"sighting": "x"}}
    with pytest.raises(Unreadable):
        await writer.append([changed(message, body)])


async def test_a_value_that_cannot_be_decoded_stops_its_own_event_alone(app, writer, clock, query):
    message = message_of(a_hit(clock), "hotlist")
    odd = message._replace(value=message.value[:-1] + b',"odd":1e999}')
    with pytest.raises(Unreadable):
        await writer.append([with_right_mac(odd, "hotlist")])
    await writer.append([message])
    [(event_id,)] = await query("SELECT event_id FROM entries")
    assert event_id == UUID(message.headers["ce_id"].decode())


async def test_details_of_a_finding_that_describe_a_sighting_are_sealed(deliver, query, clock):
    finding = FindingRaised(
        occurred_at=clock.now(),
        finding_id=uuid4(),
        kind="contradicting_read",
        subject="ingest",
        details={"count": 2, "plate": "7ABC123", "device_name": "Solano St"},
        captured_on=date(2026, 5, 20),
    )
    await deliver(finding)
    [row] = await query("SELECT entry FROM entries")
    assert msgspec.json.decode(row.entry)["data"]["details"] == {"count": 2}
    assert await query("SELECT name, captured_on, plates FROM sealed_values") == [
        ("details", date(2026, 5, 20), ["7ABC123"])
    ]


async def test_a_redelivered_event_has_the_same_leaf(deliver, query, clock, verdict):
    events = [a_hit(clock), a_disclosure(clock, an_attempt(clock))]
    await deliver(*events)
    before = await query("SELECT seq, leaf_hash FROM entries ORDER BY seq")
    await deliver(*events)
    assert await query("SELECT seq, leaf_hash FROM entries ORDER BY seq") == before
    assert (await verdict()).ok


def salts_in_base64url(event_id, keys):
    """Return salts as entries had them until this version: the same halves, 22 characters each."""
    salts = salter(event_id, keys)

    def written(day, name, count):
        halves = [bytes.fromhex(salt.decode()) for salt in salts(day, name, count)]
        return [urlsafe_b64encode(half).rstrip(b"=") for half in halves]

    return written


async def test_an_event_sealed_with_older_salts_is_recognised(
    deliver, writer, query, clock, verdict, monkeypatch
):
    hit, shown = a_hit(clock), a_disclosure(clock, an_attempt(clock))
    with monkeypatch.context() as before_this_version:
        before_this_version.setattr("services.audit.domain.entries.salter", salts_in_base64url)
        await deliver(hit, shown)
    before = await query("SELECT seq, leaf_hash FROM entries ORDER BY seq")
    assert {len(opened(v.disclosure)[0]) for v in await query("SELECT * FROM sealed_values")} == {
        22
    }
    await deliver(hit, shown)
    assert await query("SELECT seq, leaf_hash FROM entries ORDER BY seq") == before
    with pytest.raises(InternalFault, match="with other content"):
        await writer.append(
            [message_of(msgspec.structs.replace(hit, plate_read="8XYZ999"), "hotlist")]
        )
    assert (await verdict()).ok


async def test_a_redelivered_sealed_value_with_other_content_is_refused_and_raises_a_finding(
    deliver, writer, clock, runtime, bus
):
    hit = a_hit(clock)
    await deliver(hit)
    with pytest.raises(InternalFault, match="with other content"):
        await writer.append(
            [message_of(msgspec.structs.replace(hit, plate_read="8XYZ999"), "hotlist")]
        )
    await runtime.relay.drain()
    [finding] = bus.events(FindingRaised)
    assert finding.kind == "contradicting_event"


async def test_equal_values_of_two_events_have_different_digests(deliver, query, clock):
    """With the salt, the holder of an entry cannot try plates until the digest fits."""
    hit = a_hit(clock)
    await deliver(hit, msgspec.structs.replace(hit, event_id=uuid4()))
    one, other = [
        msgspec.json.decode(row.entry)["data"]["_sd"]["sighting"]
        for row in await query("SELECT entry FROM entries")
    ]
    assert one != other


async def test_the_services_role_cannot_change_values_or_keys(deliver, query, clock, ask_as_owner):
    await deliver(a_hit(clock))
    for statement in (
        "UPDATE sealed_values SET disclosure = 'x'",
        "DELETE FROM sealed_values",
        "TRUNCATE sealed_values",
        "DELETE FROM values_2026_06",
        "TRUNCATE values_2026_06",
        "DROP TABLE values_2026_06",
        "UPDATE day_keys SET sealed = NULL, destroyed_at = now()",
        "DELETE FROM day_keys",
        "INSERT INTO erasures VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), '', now())",
    ):
        with pytest.raises(DBAPIError, match=r"permission denied|must be owner"):
            await query(statement)
    for statement in (
        "UPDATE sealed_values SET disclosure = 'x'",
        "DELETE FROM values_2026_06",
        "TRUNCATE sealed_values",
        "DELETE FROM day_keys",
    ):
        with pytest.raises(DBAPIError, match="is refused"):
            await ask_as_owner(statement)


TAMPERING = {
    "a value was changed": (
        "UPDATE sealed_values SET disclosure = replace(disclosure, 'W', 'X') WHERE name = 'sighting'",
        0,
        "not the one that was logged",
    ),
    "a value was deleted": (
        "DELETE FROM sealed_values WHERE name = 'sighting'",
        0,
        "is missing, and no purge erased it",
    ),
    "a record was changed": (
        "UPDATE sealed_values SET records[2] = records[1] WHERE seq = 1",
        1,
        "record 1 of records/2026-05-31 is not the one",
    ),
    "a record was deleted": (
        "UPDATE sealed_values SET records[2] = NULL WHERE seq = 1",
        1,
        "record 1 of records/2026-05-31 is missing, and no purge erased it",
    ),
    "a record was cut off": (
        "UPDATE sealed_values SET records = records[1:1] WHERE seq = 1",
        1,
        "has 2 records; 1 are stored",
    ),
    "a plate was taken out of the index": (
        "UPDATE sealed_values SET plates = '{}' WHERE seq = 1",
        1,
        "is indexed with other plates",
    ),
    "a value was kept from the purge": (
        "UPDATE sealed_values SET sighting = false WHERE seq = 1",
        1,
        "the wrong mark for whether a purge erases it",
    ),
    "a value was put beside an entry that has none": (
        "UPDATE sealed_values SET seq = 2 WHERE seq = 1",
        1,
        "is missing",
    ),
    "values were swapped": (
        "UPDATE sealed_values SET seq = 3 - seq WHERE name <> 'sighting'",
        1,
        "missing",
    ),
}


@pytest.mark.parametrize("what", TAMPERING)
async def test_tampering_with_sealed_values_is_detected(deliver, clock, tamper, verdict, what):
    statement, seq, said = TAMPERING[what]
    attempt = an_attempt(clock)
    await deliver(a_hit(clock), a_disclosure(clock, attempt), attempt)
    assert (await verdict()).ok
    await tamper("sealed_values", statement)
    found = await verdict()
    assert found.first_bad == seq
    assert any(said in fault.what for fault in found.faults), found.faults


async def test_auditors_find_sealed_entries_by_plate(deliver, clock, client, auditor):
    hit = a_hit(clock)
    attempt = an_attempt(clock, elements={})
    verified = HitVerified(
        occurred_at=clock.now(),
        hit_id=hit.hit_id,
        read_id=hit.read_id,
        verified_by=an_actor(),
        method="CLETS",
        reference="x",
        outcome="correct_read",
        captured_on=date(2026, 6, 1),
    )
    await deliver(hit, attempt, a_disclosure(clock, attempt), verified)
    answer = await client.post("/v1/entries/search", json={"plate": "7abc123"}, headers=auditor())
    found = answer.json()["items"]
    assert [entry["seq"] for entry in found] == [2, 0]
    assert found[1]["plates"] == ["7A8C123", "7ABC123"]
    assert found[1]["values"]["sighting"]["read_id"] == str(hit.read_id)
    assert "plate_read" not in found[1]["event"]["data"]
    one = (await client.get("/v1/entries/3", headers=auditor())).json()
    assert one["values"] == {"sighting": {"read_id": str(hit.read_id)}}
    [disclosure] = one["disclosures"]["sighting"]
    assert digest(disclosure) == one["event"]["data"]["_sd"]["sighting"]
