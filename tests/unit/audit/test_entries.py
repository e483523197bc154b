"""The fields of an entry, and the values that find it."""

import json
import random
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import msgspec
import pytest

from services.audit.actions.preparation import found_in, prepare
from services.audit.domain.named_plates import as_plate
from services.audit.domain.sealing import Unreadable, fields_of, split
from shared.core.hmac_sha256 import HmacSha256
from shared.core.plates import PlatePattern
from shared.events import (
    AccessAttempted,
    Actor,
    DisclosedDay,
    DisclosedRecord,
    FindingRaised,
    HitVerified,
    HoldChanged,
    PurposeDeclared,
    PurposeRecord,
    RecordsDisclosed,
    ReleaseCriteria,
    ReleaseRequested,
    SessionChanged,
)
from shared.kafka.codec import Message, encode

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ACTOR = Actor(person_id="p-7", name="Officer Seven", title="Officer", agency_ori="CA0520100")


def message_of(event, source="retention"):
    record = encode(event, source)
    return Message(record.topic, 0, 0, record.key, record.value, dict(record.headers))


def entry_of(message):
    """Return the entry, sealed under a key of each day that is the same in every test."""
    prepared = prepare(message)
    return prepared.entry({group.day: HmacSha256(bytes(32)) for group in prepared.groups})


def found(event, source="retention"):
    return entry_of(message_of(event, source)).found


def an_attempt(**changes):
    return AccessAttempted(
        **{
            "occurred_at": NOON,
            "attempt_id": UUID(int=9),
            "actor": ACTOR,
            "service": "retention",
            "permission": "record:search",
            "method": "POST",
            "route": "/v1/records/search",
            "elements": {},
            "allowed": True,
            "request_id": "r-1",
            "client_address": "192.0.2.7",
            **changes,
        }
    )


def test_an_entry_is_a_cloudevent_with_the_body_byte_for_byte():
    message = message_of(an_attempt())
    body = b'{ "occurred_at":"2026-06-01T12:00:00Z" ,"n": 1.0,\t"unknown":[1, 2]}'
    entry = entry_of(message._replace(value=body))
    assert entry.content.startswith(b'{"data":' + body + b',"datacontenttype":"application/json"')
    names = list(msgspec.json.decode(entry.content))
    assert names == sorted(names)
    assert {"id", "source", "specversion", "time", "type"} <= set(names)


def test_the_same_message_is_the_same_entry():
    message = message_of(an_attempt())
    other = message._replace(
        partition=3, offset=99, headers=dict(reversed(message.headers.items()))
    )
    assert entry_of(message) == entry_of(other)


def test_an_entrys_index_values_come_only_from_its_bytes():
    entry = entry_of(message_of(an_attempt()))
    assert found_in(entry.content) == entry.found


def test_an_attempt_is_indexed_by_person_purpose_and_plate():
    purpose = PurposeRecord(kind="stolen_plate", call_number="C-5")
    event = an_attempt(purpose=purpose, elements={"body": {"plate": "7abc 12?"}, "limit": "5"})
    by = found(event)
    assert (by.person_id, by.person_name, by.service) == ("p-7", "Officer Seven", "retention")
    assert (by.purpose_kind, by.case_number) == ("stolen_plate", "C-5")
    assert (by.plates, by.allowed, by.attempt_id) == (["7ABC12?"], True, UUID(int=9))
    assert (by.kind, by.permission) == ("access.attempted", "record:search")


def test_plates_are_found_at_any_depth():
    elements = {
        "body": {
            "entries": [{"plate": "A1"}, {"plate": "b-2"}, {"criteria": {"plates": ["C3", 4]}}],
            "plate": None,
            "template": "not a PLATE",
        }
    }
    assert found(an_attempt(elements=elements)).plates == ["A1", "B2", "C3"]


def test_a_plate_is_found_under_a_name_that_is_written_with_escapes():
    message = message_of(an_attempt(elements={"body": {"plate": "7ABC123"}}))
    written = message.value.replace(b'"plate"', b'"pl\\u0061te"')
    assert entry_of(message._replace(value=written)).found.plates == ["7ABC123"]


@pytest.mark.parametrize(
    "wrong",
    [b'"7ABC\xff23"', b'"7ABC\\x23"', b'"7ABC\\ud800"', b"7ABC123", b'{"a":01}', b'"a\x01"'],
)
def test_sealed_values_must_be_valid_json(wrong):
    event = RecordsDisclosed(
        occurred_at=NOON,
        attempt_id=UUID(int=9),
        actor=ACTOR,
        service="retention",
        permission="record:search",
        record_kind="read",
        records=[
            DisclosedDay(
                captured_on=NOON.date(), shown=[DisclosedRecord(record_id="r", plates=["WRONG"])]
            )
        ],
        count=1,
        request_id="r-1",
    )
    message = message_of(event)
    assert prepare(message).groups
    with pytest.raises(Unreadable):
        prepare(message._replace(value=message.value.replace(b'"WRONG"', wrong)))


def test_deep_nesting_does_not_stop_the_log():
    deep = "plate"
    for _ in range(80):
        deep = {"inner": deep}
    assert found(an_attempt(elements=deep)).plates == []


@pytest.mark.parametrize("depth", [2000, 100_000])
@pytest.mark.parametrize("sealed", [False, True])
def test_what_is_nested_too_deeply_to_read_is_refused_and_does_not_stop_the_log(depth, sealed):
    event = an_attempt(elements={"it": "DEEP"})
    if sealed:
        event = FindingRaised(
            occurred_at=NOON,
            finding_id=UUID(int=9),
            kind="refused_access",
            subject="p-7",
            details={"it": "DEEP"},
        )
    message = message_of(event)
    deep = message.value.replace(b'"DEEP"', b"[" * depth + b"]" * depth)
    with pytest.raises(Unreadable):
        prepare(message._replace(value=deep))


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (an_attempt(allowed=False), False),
        (SessionChanged(occurred_at=NOON, actor=ACTOR, change="refused"), False),
        (SessionChanged(occurred_at=NOON, actor=ACTOR, change="opened"), None),
        (
            PurposeDeclared(
                occurred_at=NOON,
                actor=ACTOR,
                purpose=PurposeRecord(kind="personal_use"),
                accepted=False,
            ),
            False,
        ),
    ],
)
def test_a_refused_action_is_indexed_as_refused(event, expected):
    assert found(event).allowed is expected


def test_the_verifier_of_a_hit_is_its_person():
    event = HitVerified(
        occurred_at=NOON,
        hit_id=uuid4(),
        read_id=uuid4(),
        verified_by=ACTOR,
        method="CLETS",
        reference="x",
        outcome="correct_read",
    )
    assert found(event, "hotlist").person_id == "p-7"
    assert found(event, "hotlist").service == "hotlist"


def test_holds_and_requests_are_found_by_case_and_plate():
    hold = HoldChanged(
        occurred_at=NOON,
        actor=ACTOR,
        hold_id=uuid4(),
        change="placed",
        basis="evidence",
        case_number="26-9",
        criteria={"plate": "7ABC123"},
    )
    assert (found(hold).case_number, found(hold).plates) == ("26-9", ["7ABC123"])
    request = ReleaseRequested(
        occurred_at=NOON,
        actor=ACTOR,
        request_id=UUID(int=5),
        agency_ori="CA0520000",
        agency_name="Sheriff",
        requester_name="Dana Ruiz",
        requester_title="Detective",
        purpose="Locate the vehicle",
        purpose_kind="criminal_investigation",
        case_number="T-1",
        criteria=ReleaseCriteria(captured_from=NOON, captured_to=NOON, plate="4B?C*"),
    )
    by = found(request)
    assert (by.purpose_kind, by.case_number) == ("criminal_investigation", "T-1")
    assert (by.plates, by.request_id) == (["4B?C*"], str(UUID(int=5)))


@pytest.mark.parametrize(
    ("given", "plate"),
    [
        ("7abc-123", "7ABC123"),
        ("\uff17\uff21\uff22", "7AB"),
        (" 4b?c**", "4B?C*"),
        ("\x00ä", ""),
        ("ß7", ""),
        ("A" * 60, "A" * 40),
    ],
)
def test_a_searched_plate_has_the_form_of_stored_plates(given, plate):
    assert as_plate(given) == plate


@pytest.mark.parametrize("value", [b"", b"[]", b"{", b'{"a":"\xfe"}', b"null", None])
def test_a_body_that_is_not_an_object_is_malformed(value):
    with pytest.raises(Unreadable):
        entry_of(message_of(an_attempt())._replace(value=value))


def test_an_event_of_another_topic_is_malformed():
    with pytest.raises(Unreadable, match="topic"):
        entry_of(message_of(an_attempt())._replace(topic=HoldChanged.TOPIC))


@pytest.mark.parametrize("written", ["{{{0}}}", "urn:uuid:{0}"])
def test_an_event_id_in_another_notation_is_the_same_id(written):
    message = message_of(an_attempt())
    plain = message.headers["ce_id"].decode()
    headers = {**message.headers, "ce_id": written.format(plain).encode()}
    entry = entry_of(message._replace(headers=headers))
    assert str(entry.found.event_id) == plain
    assert found_in(entry.content) == entry.found


@pytest.mark.parametrize("header", ["content-type", "ce_source", "ce_subject"])
def test_a_header_that_is_not_utf_8_is_logged(header):
    headers = {**message_of(an_attempt()).headers, header: b"caf\xe9"}
    entry = entry_of(message_of(an_attempt())._replace(headers=headers))
    assert "caf\ufffd" in msgspec.json.decode(entry.content).values()
    assert found_in(entry.content) == entry.found


ODD = [
    None, True, False, 0, 10**25, 1.5, "", "7ABC123", "x" * 200, "é" * 201, "a\x00b", "refused", '"\\',
    "00000000-0000-4000-8000-000000000001", "{00000000000040008000000000000001}", [], {}, ["7ABC", 4],
    {"person_id": "p-1", "name": "N"}, {"person_id": 7}, {"kind": "k", "call_number": "C-1"},
    {"plate": "8XYZ999"}, [{"plates": ["A1", "A1"]}], {"inner": [{"plate_read": "b 2", "plate": None}]},
]  # fmt: skip
NAMES = [
    "service", "actor", "verified_by", "disposed_by", "permission", "allowed", "accepted", "change",
    "purpose", "purpose_kind", "case_number", "request_id", "attempt_id", "client_address", "elements",
    "plate", "plates", "pl\u0061te_listed", "plate_as", "unknown",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_index_values_match_the_bytes_of_any_body(seed):
    draw = random.Random(seed)
    message = message_of(an_attempt())
    for _ in range(50):
        pairs = [(draw.choice(NAMES), draw.choice(ODD)) for _ in range(draw.randrange(12))]
        written = ",".join(
            f"{json.dumps(name)}:{json.dumps(value, ensure_ascii=draw.random() < 0.5)}"
            for name, value in pairs  # a name may come twice
        )
        entry = entry_of(message._replace(value=f"{{{written}}}".encode()))
        assert found_in(entry.content) == entry.found


def test_a_time_beyond_the_calendar_is_malformed():
    body = msgspec.json.decode(message_of(an_attempt()).value) | {
        "occurred_at": "0001-01-01T00:00:00+14:00"
    }
    with pytest.raises(Unreadable):
        prepare(message_of(an_attempt())._replace(value=msgspec.json.encode(body)))


@pytest.mark.parametrize("text", ["7abc123", "ABCDEFGHJKLM", "O0O0", "7"])
def test_a_plain_plate_has_the_form_of_its_pattern(text):
    assert as_plate(text) == PlatePattern.parse(text).text


@pytest.mark.clause("wall/erasing")
@pytest.mark.parametrize("days", [("2026-05-28", "2026-05-30"), ("2026-05-30", "2026-05-28")])
def test_what_is_sealed_beside_records_goes_with_the_earliest_of_their_days(days):
    records = [{"captured_on": day, "shown": []} for day in days]
    body = msgspec.json.encode({"records": records, "of_a_newer_version": "7ABC123"})
    sealing = RecordsDisclosed.SEALED
    groups = {g.name: g for g in split(sealing, fields_of(body), date(2026, 6, 1)).groups}
    assert len(groups) == 3
    assert groups[sealing.group].day == date(2026, 5, 28)
