"""Auditors ask the log; their questions are in it too. Findings, breach reports, periodic audits."""

import hashlib
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy.exc import DBAPIError

from services.audit.domain.proofs import GENESIS, chained
from services.audit.workers.scheduler import Scheduler
from shared.events import (
    AccessAttempted,
    AccountChanged,
    Actor,
    DeviceSilenced,
    DisclosedDay,
    DisclosedRecord,
    EvidenceCustodyRecorded,
    FindingChanged,
    FindingRaised,
    HitRaised,
    HoldChanged,
    IssuerMisused,
    PurgeMissed,
    PurposeRecord,
    ReadContradicted,
    RecordsDisclosed,
    RefusalsCounted,
    SessionChanged,
)
from shared.events.past import RefusalsCountedV1
from shared.http.models import cursor_of
from shared.testing.reads import FOLDED
from tests.integration.audit.conftest import (
    AUDITOR,
    OFFICER,
    a_disclosure,
    an_actor,
    an_attempt,
)
from tests.integration.locking import locked_while

SUPERVISOR = "00000000-0000-4000-8000-000000000302"


def a_purpose(case_number, kind="criminal_investigation"):
    return PurposeRecord(kind=kind, offence_type="theft", case_number=case_number)


def a_search(clock, plate, case_number="26-001234", **changes):
    return an_attempt(
        clock, elements={"body": {"plate": plate}}, purpose=a_purpose(case_number), **changes
    )


@pytest.fixture
def ask(client, auditor):
    """Search the log as an auditor; return the entries."""

    async def search(**body):
        response = await client.post("/v1/entries/search", json=body, headers=auditor())
        assert response.status_code == 200, response.text
        return response.json()["items"]

    return search


@pytest.fixture
async def some(deliver, clock):
    """A few accesses of two people, an hour apart each."""
    other = an_actor("00000000-0000-4000-8000-000000000008", "Officer Eight")
    events = []
    for plate, actor, case, allowed, kind in (
        ("7ABC123", an_actor(), "26-1", True, "criminal_investigation"),
        ("8XYZ999", an_actor(), "26-2", True, "stolen_plate"),
        ("7ABC123", other, "26-2", True, "stolen_plate"),
        ("4B?C*", other, "26-3", False, "stolen_plate"),
    ):
        attempt = an_attempt(
            clock,
            elements={"body": {"plate": plate}},
            actor=actor,
            purpose=a_purpose(case, kind),
            allowed=allowed,
        )
        events.append(attempt)
        clock.advance(hours=1)
    disclosed = a_disclosure(clock, events[0])
    await deliver(*events, disclosed)
    return [*events, disclosed]


QUESTIONS = [
    ({"person_id": OFFICER}, [0, 1, 4]),
    ({"person_name": "officer eight"}, [2, 3]),
    ({"plate": "7abc 123"}, [0, 2, 4]),
    ({"plate": "4b?c*"}, [3]),
    ({"purpose_kind": "stolen_plate"}, [1, 2, 3]),
    ({"case_number": "26-2"}, [1, 2]),
    ({"outcome": "refused"}, [3]),
    ({"outcome": "allowed", "person_id": OFFICER}, [0, 1]),
    ({"kind": "records.disclosed", "service": "retention"}, [4]),
    ({"person_id": OFFICER, "plate": "8XYZ999", "outcome": "allowed"}, [1]),
    (
        {
            "occurred_from": "2026-06-01T13:00:00Z",
            "occurred_to": "2026-06-01T15:00:00Z",
            "service": "retention",
        },
        [1, 2],
    ),
    ({"occurred_from": "2026-06-01T06:00:00-07:00", "purpose_kind": "stolen_plate"}, [1, 2, 3]),
    ({"service": "retention", "after": cursor_of(3), "limit": 2}, [1, 2]),
    ({"plate": "NOBODY"}, []),
]


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_the_log_is_searched_by_person_plate_purpose_and_time(some, ask):
    for body, expected in QUESTIONS:
        entries = await ask(**body)
        assert [e["seq"] for e in entries] == expected[::-1], body
        assert [e["event_id"] for e in entries] == [str(some[n].event_id) for n in expected[::-1]]


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_an_entry_that_arrived_days_late_is_found_by_its_time_if_it_meets_the_other_conditions(
    deliver, clock, ask
):
    other = an_actor("00000000-0000-4000-8000-000000000008", "Officer Eight")
    days_ago = clock.now() - timedelta(days=3)
    late = [an_attempt(clock, actor=actor, occurred_at=days_ago) for actor in (an_actor(), other)]
    await deliver(*late, an_attempt(clock))
    day = {
        "occurred_from": (days_ago - timedelta(hours=1)).isoformat(),
        "occurred_to": (days_ago + timedelta(hours=1)).isoformat(),
    }
    found = [await ask(person_id=one.actor.person_id, **day) for one in late]
    assert [[entry["person_name"] for entry in entries] for entries in found] == [
        [one.actor.name] for one in late
    ]


async def test_an_entry_is_returned_with_its_event_and_exact_text(some, client, auditor, clock):
    response = await client.get("/v1/entries/0", headers=auditor())
    entry = response.json()
    assert entry["event"]["data"]["elements"] == {"body": {"plate": "7ABC123"}}
    assert msgspec.json.decode(entry["entry"]) == entry["event"]
    told = entry.pop("event")["data"]
    times = [datetime.fromisoformat(entry.pop(name)) for name in ("occurred_at", "appended_at")]
    assert times == [datetime.fromisoformat(told["occurred_at"]), clock.now()]
    leaf = hashlib.sha256(b"\0" + entry.pop("entry").encode()).digest()
    assert entry.pop("leaf_hash") == leaf.hex()
    assert entry.pop("entry_hash") == chained(GENESIS, leaf).hex()
    assert entry == {
        "seq": 0, "event_id": str(some[0].event_id), "kind": "access.attempted", "service": "retention",
        "person_id": OFFICER, "person_name": "Officer Seven", "permission": "record:search", "allowed": True,
        "purpose_kind": "criminal_investigation", "case_number": "26-1", "plates": ["7ABC123"],
        "request_id": some[0].request_id, "values": {}, "disclosures": {}, "erased": [],
    }  # fmt: skip
    assert (await client.get("/v1/entries/999", headers=auditor())).status_code == 404


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_an_auditors_own_questions_are_in_the_log(some, ask, deliver):
    await ask(plate="7ABC123")
    await deliver()
    own = await ask(person_id=AUDITOR)
    assert [e["kind"] for e in own] == ["records.disclosed", "access.attempted"]
    assert [(e["entry"], e["disclosures"]) for e in own] == [(None, {})] * 2, "not asked for"
    disclosed, attempt = (e["event"]["data"] for e in own)
    assert attempt["elements"]["body"] == {"plate": "7ABC123"}
    assert attempt["purpose"]["kind"] == "audit"
    assert disclosed["record_kind"] == "audit_entry"
    assert disclosed["count"] == 4
    values = own[0]["values"]
    shown = [record for value in values.values() for record in value["shown"]]
    assert sorted(record["record_id"] for record in shown) == ["0", "2", "4", "4"]
    assert [record["plates"] for record in shown].count(["7ABC123"]) == 3
    assert {e["seq"] for e in await ask(plate="7ABC123")} > {0, 2, 4}


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_one_entry_that_an_auditor_reads_is_in_the_log(some, client, auditor, runtime, bus):
    response = await client.get("/v1/entries/0", headers=auditor())
    assert response.status_code == 200
    await runtime.relay.drain()
    [disclosed] = bus.events(RecordsDisclosed)
    assert (disclosed.record_kind, disclosed.count) == ("audit_entry", 1)
    assert disclosed.actor.person_id == AUDITOR
    assert [(one.record_id, list(one.plates)) for one in disclosed.all_records] == [
        ("0", ["7ABC123"])
    ]


@pytest.mark.clause("wall/erasing")
async def test_what_an_auditor_reads_of_a_sighting_is_disclosed_under_its_day_and_so_purged_with_it(
    deliver, clock, ask, runtime, bus
):
    attempt, captured_on = an_attempt(clock, elements={}), date(2026, 5, 7)
    listed = DisclosedDay(shown=[DisclosedRecord(record_id="list entry", plates=["8XYZ999"])])
    await deliver(
        a_disclosure(clock, attempt, record_ids=["r1"], plates=["7ABC123"], day=captured_on),
        a_disclosure(clock, attempt, record_kind="hotlist_entry", records=[listed]),
    )
    assert len(await ask(kind="records.disclosed")) == 2
    await runtime.relay.drain()
    [disclosed] = bus.events(RecordsDisclosed)
    shown = {day.captured_on: [r.plates for r in day.shown] for day in disclosed.records}
    assert shown == {captured_on: [["7ABC123"]], None: [["8XYZ999"]]}


@pytest.mark.clause("468.3.1(d)/access-record")
@pytest.mark.parametrize("kind", ["criminal_investigation", "release", None])
async def test_the_log_is_read_for_an_audit_only_and_the_refusal_is_recorded(
    some, client, auditor, runtime, bus, kind
):
    response = await client.post("/v1/entries/search", json={}, headers=auditor(kind=kind))
    assert response.status_code == 403
    assert "purpose" in response.json()["detail"]
    assert "26-1" not in response.text
    await runtime.relay.drain()
    refused = [e for e in bus.events(AccessAttempted) if not e.allowed]
    assert [e.actor.person_id for e in refused] == [AUDITOR]
    assert bus.events(RecordsDisclosed) == []


async def test_a_disclosure_of_very_many_plates_is_split_into_small_events(
    deliver, clock, ask, runtime, bus
):
    plates = [f"{n:07}" for n in range(4000)]
    attempts = [an_attempt(clock) for _ in range(4)]
    await deliver(
        *[a_disclosure(clock, a, plates=[*plates[n:], f"Q{n}"]) for n, a in enumerate(attempts)]
    )
    assert len(await ask(kind="records.disclosed")) == 4
    await runtime.relay.drain()
    told = bus.events(RecordsDisclosed)
    assert [set(e.all_ids) for e in told] == [{"3"}, {"2"}, {"1"}, {"0"}]
    assert all(len(e.all_plates) <= 5000 for e in told)


async def test_an_auditor_of_another_agency_cannot_read_the_log(some, client, auditor):
    response = await client.get("/v1/entries/0", headers=auditor(ori="CA0340100"))
    assert response.status_code == 403


async def test_a_faulty_question_is_refused_by_field(client, auditor):
    for field, body in (
        ("body.occurred_from", {"occurred_from": "2026-06-01T12:00:00"}),
        (
            "body.occurred_from",
            {"occurred_from": "2026-06-02T00:00:00Z", "occurred_to": "2026-06-01T00:00:00Z"},
        ),
        ("body.plate", {"plate": "---"}),
        ("body.limit", {"limit": 501}),
        ("body.person_id", {"person_id": "a\x00b"}),
        ("body.outcome", {"outcome": "perhaps"}),
        ("body.surprise", {"surprise": 1}),
    ):
        response = await client.post("/v1/entries/search", json=body, headers=auditor())
        assert response.status_code == 422, body
        assert response.json()["field"] == field
    response = await client.get("/v1/findings?kind=%00", headers=auditor())
    assert (response.status_code, response.json()["field"]) == (422, "query.kind")


async def test_a_hit_is_found_by_either_of_its_plates(deliver, clock, ask):
    from uuid import uuid4

    hit = HitRaised(
        occurred_at=clock.now(),
        hit_id=uuid4(),
        read_id=uuid4(),
        device_id=uuid4(),
        agency_ori="CA0520100",
        captured_at=clock.now(),
        plate_read="7A8C123",
        plate_listed="7ABC123",
        confidence=0.9,
        list_id=uuid4(),
        list_name="stolen",
        list_version=1,
        entry_id=uuid4(),
        source="state",
        record_kind="stolen_vehicle",
        tier="high",
        list_age_s=60,
    )
    await deliver(hit)
    for plate in ("7A8C123", "7ABC123"):
        assert [e["kind"] for e in await ask(plate=plate)] == ["hit.raised"]


# --- findings ----------------------------------------------------------------------------------


@pytest.mark.clause("468.3.1(c)/monitoring")
async def test_five_refusals_in_fifteen_minutes_are_a_finding_and_four_are_not(
    deliver, findings, clock
):
    for _ in range(4):
        await deliver(an_attempt(clock, allowed=False, reason="training"))
        clock.advance(minutes=3)
    assert await findings() == []
    await deliver(an_attempt(clock, allowed=False, reason="training"))
    [finding] = await findings()
    assert (finding.kind, finding.subject) == ("refused_access", OFFICER)
    assert finding.details == {"count": 5, "minutes": 15}
    assert finding.occurred_at == clock.now()
    await deliver(an_attempt(clock, allowed=False))
    assert await findings() == []  # the same hour's is one finding


@pytest.mark.clause("468.3.1(c)/device-silence")
async def test_a_camera_that_fell_silent_is_a_finding(deliver, findings, clock):
    device = uuid4()
    silence = DeviceSilenced(
        occurred_at=clock.now(),
        device_id=device,
        device_name="Main St",
        last_heard_at=clock.now() - timedelta(hours=5),
        silent_after_s=4 * 3600,
    )
    await deliver(silence)
    [finding] = await findings()
    assert (finding.kind, finding.subject) == ("device_silence", f"device {device}")
    assert finding.details == {
        "seq": 0,
        "device_name": "Main St",
        "last_heard_at": msgspec.to_builtins(silence.last_heard_at),
    }
    assert finding.occurred_at == silence.occurred_at
    assert await findings() == []
    again = {"event_id": uuid4(), "last_heard_at": clock.now() - timedelta(hours=4)}
    await deliver(msgspec.structs.replace(silence, **again))
    assert len(await findings()) == 1, "it sent in between"


@pytest.mark.clause("468.5/hold-reviews")
async def test_a_neglected_hold_is_a_finding_once_for_each_date_and_owner(
    deliver, findings, clock, query
):
    first, actor = clock.now(), an_actor(OFFICER)
    due = HoldChanged(
        occurred_at=clock.now(),
        actor=actor,
        hold_id=uuid4(),
        change="review_due",
        basis="evidence",
        case_number="26-001234",
        owner=actor,
        review_by=first,
    )

    async def said(change, review_by=first):
        again = {"event_id": uuid4(), "change": change, "review_by": review_by}
        await deliver(msgspec.structs.replace(due, **again))
        found = await findings()
        [entry] = await query("SELECT max(seq) AS seq FROM entries WHERE kind = 'hold.changed'")
        about = f"hold {due.hold_id}", {"seq": entry.seq}
        assert [(one.subject, one.details) for one in found] == [about] * len(found)
        return [finding.kind for finding in found]

    assert await said("placed") == []
    assert await said("review_due") == ["hold_review_due"]
    assert await said("review_due") == []
    assert await said("extended") == []
    assert await said("review_due", first + timedelta(days=365)) == ["hold_review_due"]
    assert await said("owner_left") == ["hold_owner_left"]
    assert await said("owner_left") == []


def a_check_that_differs(clock):
    """Return the check of a booked copy whose digest is not that of its package."""
    return EvidenceCustodyRecorded(
        occurred_at=clock.now(),
        actor=an_actor(OFFICER),
        act_id=uuid4(),
        booking_id=uuid4(),
        export_id=uuid4(),
        hold_id=uuid4(),
        case_number="26-001234",
        act="checked",
        acted_at=clock.now(),
        sha256="0" * 64,
        matches=False,
    )


@pytest.mark.clause("468.5/custody")
async def test_a_copy_that_differs_from_its_package_is_a_finding_for_each_check(
    deliver, findings, clock
):
    checked = a_check_that_differs(clock)

    async def said(**changes):
        await deliver(msgspec.structs.replace(checked, event_id=uuid4(), **changes))
        return await findings()

    [finding] = await said()
    assert (finding.kind, finding.subject) == (
        "copy_differs",
        f"evidence export {checked.export_id}",
    )
    assert finding.details == {"seq": 0, "booking_id": str(checked.booking_id)}
    assert await said() == [], "the same check"
    assert await said(act_id=uuid4(), matches=True) == []
    assert await said(act_id=uuid4(), act="handed_over", matches=None, sha256=None) == []
    assert len(await said(act_id=uuid4())) == 1, "another check"


@pytest.mark.clause("468.5/custody")
async def test_a_finding_of_a_check_names_its_correction_and_stays_open(
    deliver, findings, clock, client, auditor, query
):
    checked = a_check_that_differs(clock)

    async def said(**changes):
        await deliver(msgspec.structs.replace(checked, event_id=uuid4(), **changes))
        return await findings()

    async def steps(of):
        shown = (await client.get(f"/v1/findings/{of.finding_id}", headers=auditor())).json()
        assert shown["status"] == "open"
        return [(step["by"]["person_id"], step["note"]) for step in shown["steps"]]

    async def entries(name, value):
        said = (
            f"SELECT seq FROM entries WHERE encode(entry, 'escape') LIKE '%\"{name}\":\"{value}%'"
        )
        return [row[0] for row in await query(said)]

    [finding] = await said()
    again = {"act_id": uuid4(), "corrects": checked.act_id, "matches": True}
    assert await said(**again) == []
    [by] = await entries("act_id", again["act_id"])
    right = f"entry {by} corrects this check: its digest is that of the package"
    assert await steps(finding) == [("system:audit", right)]
    await query("UPDATE cursors SET seq = 0 WHERE name = 'entries' RETURNING seq")
    await findings()
    assert await steps(finding) == [("system:audit", right)], "each correction once"
    last = {"act_id": uuid4(), "corrects": again["act_id"]}
    [second] = await said(**last)
    assert second.finding_id != finding.finding_id
    assert len(await steps(finding)) == 1, "that is a correction of another check"
    closure = {"note": "The digest was mistyped", "outcome": "explained"}
    path = f"/v1/findings/{second.finding_id}/closure"
    assert (await client.post(path, json=closure, headers=auditor())).status_code == 200
    await said(act_id=uuid4(), corrects=last["act_id"], matches=True)
    assert len(await entries("change", "commented")) == 1, "a closed finding stays as it is"
    one, other = uuid4(), uuid4()
    await deliver(
        msgspec.structs.replace(checked, event_id=uuid4(), act_id=one),
        msgspec.structs.replace(checked, event_id=uuid4(), act_id=other, corrects=one),
    )
    third, _ = await findings()
    [by] = await entries("act_id", other)
    wrong = f"entry {by} corrects this check: its digest is not that of the package either"
    assert await steps(third) == [("system:audit", wrong)], "checked and corrected at once"


@pytest.mark.clause("468.3.1(c)/device-late")
async def test_a_camera_of_which_all_comes_late_is_a_finding_of_its_own(deliver, findings, clock):
    device, since = uuid4(), clock.now() - timedelta(hours=1)
    late = DeviceSilenced(
        occurred_at=clock.now(),
        device_id=device,
        device_name="Main St",
        last_heard_at=clock.now(),
        silent_after_s=3600,
        late_since=since,
    )
    await deliver(late)
    [finding] = await findings()
    assert (finding.kind, finding.subject) == ("device_late", f"device {device}")
    assert finding.details.pop("why").startswith("its clock may be wrong")
    assert finding.details == {
        "seq": 0,
        "device_name": "Main St",
        "late_since": msgspec.to_builtins(since),
    }
    moved = {"event_id": uuid4(), "last_heard_at": clock.now() - timedelta(minutes=1)}
    await deliver(msgspec.structs.replace(late, **moved))
    assert await findings() == [], "the same stretch"
    again = {"event_id": uuid4(), "late_since": clock.now()}
    await deliver(msgspec.structs.replace(late, **again))
    assert len(await findings()) == 1, "another stretch"


@pytest.mark.clause("468.3.1(f)/overdue")
async def test_records_left_later_than_the_schedule_says_are_a_finding(deliver, findings, clock):
    missed = PurgeMissed(
        occurred_at=clock.now(), oldest_on=date(2025, 4, 12), schedule_days=400, overdue_days=14
    )
    await deliver(missed)
    [finding] = await findings()
    assert (finding.kind, finding.subject) == ("purge_overdue", "retention")
    assert finding.details.pop("why").endswith("begun within 14 days")
    assert finding.details == {"seq": 0, "since": "2025-04-12", "due_after_days": 400}
    again = msgspec.structs.replace(missed, event_id=uuid4())
    await deliver(again)
    assert await findings() == [], "the same stretch"
    await deliver(msgspec.structs.replace(again, event_id=uuid4(), oldest_on=date(2025, 6, 1)))
    assert len(await findings()) == 1, "another stretch"


@pytest.mark.clause("wall/keys")
async def test_an_event_in_the_name_of_identity_is_a_finding(deliver, findings, clock):
    misused = IssuerMisused(
        occurred_at=clock.now(), what="key", subject="a key", fault="unknown", verified=True
    )
    await deliver(misused)
    [finding] = await findings()
    assert (finding.kind, finding.subject) == ("issuer_misused", "entry 0")
    assert finding.details == {"seq": 0}
    assert await findings() == []


def an_account_change(clock, account, change, **details):
    return AccountChanged(
        occurred_at=clock.now(),
        actor=Actor.software("identity", "CA0520100"),
        account_id=account,
        status="active",
        tokens_valid_from=clock.now(),
        change=change,
        details=details,
        account_number=1,
        number=1,
    )


@pytest.mark.clause("468.3/exclusive-roles")
async def test_an_account_with_roles_that_exclude_each_other_is_a_finding(deliver, findings, clock):
    account, pairs = uuid4(), [["auditor", "officer"]]
    await deliver(an_account_change(clock, account, "updated", pairs=pairs))
    assert await findings() == []
    await deliver(an_account_change(clock, account, "exclusive_roles_found", pairs=pairs))
    [finding] = await findings()
    assert (finding.kind, finding.subject) == ("exclusive_roles", str(account))
    assert finding.details == {"pairs": ["auditor and officer"]}
    await deliver(an_account_change(clock, account, "exclusive_roles_found", pairs=pairs))
    assert await findings() == []  # announced again at each start; one finding


@pytest.mark.clause("468.3/deliverer")
async def test_an_enrolment_beside_an_account_that_had_the_invitation_raises_a_finding(
    deliver, findings, clock
):
    account = uuid4()
    await deliver(an_account_change(clock, account, "enrolled"))
    assert await findings() == []
    beside = {OFFICER: "browser", AUDITOR: "address"}
    await deliver(an_account_change(clock, account, "enrolled", beside=beside))
    found = {f.subject: f for f in await findings()}
    assert {f.kind for f in found.values()} == {"enrolled_beside"}
    assert {s: f.details for s, f in found.items()} == {
        OFFICER: {"account_id": str(account), "why": "the same browser"},
        AUDITOR: {"account_id": str(account), "why": "the same address"},
    }
    again = an_account_change(clock, account, "enrolled", beside={OFFICER: "browser"})
    await deliver(msgspec.structs.replace(again, account_number=2))
    assert [f.subject for f in await findings()] == [OFFICER], "after a second invitation"


@pytest.mark.clause("468.6(a)/break-glass")
@pytest.mark.parametrize("change", ["created", "invitation_delivered"])
async def test_what_the_host_does_for_the_first_people_is_a_finding_beside_others(
    deliver, findings, clock, change
):
    await deliver(an_account_change(clock, uuid4(), change))
    assert await findings() == [], "the first of a department"
    account = uuid4()
    await deliver(an_account_change(clock, account, change, beside_people=True))
    [finding] = await findings()
    assert (finding.kind, finding.subject) == ("released_on_host", str(account))
    assert finding.details == {"why": change}


@pytest.mark.clause("468.6(a)/break-glass")
@pytest.mark.parametrize("change", ["unlocked", "reinvited"])
async def test_a_release_on_the_host_raises_a_finding_that_its_subject_cannot_close(
    deliver, findings, clock, client, auditor, change
):
    by = Actor(person_id=OFFICER, name="A", title="T", agency_ori="CA0520100")
    plain = an_account_change(clock, UUID(AUDITOR), change)
    await deliver(msgspec.structs.replace(plain, event_id=uuid4(), actor=by))
    assert await findings() == []
    await deliver(plain)
    [finding] = await findings()
    assert (finding.kind, finding.subject) == ("released_on_host", AUDITOR)
    assert finding.details == {"why": change}
    path = f"/v1/findings/{finding.finding_id}/closure"
    body = {"outcome": "explained", "note": "it was the last administrator"}
    own = await client.post(path, json=body, headers=auditor())
    assert (own.status_code, own.json()["code"]) == (403, "finding_worked_by_subject")
    other = await client.post(path, json=body, headers=auditor(account_id=OFFICER))
    assert other.status_code == 200
    await deliver(msgspec.structs.replace(plain, event_id=uuid4(), account_number=9))
    assert [one.subject for one in await findings()] == [AUDITOR], (
        "a second release is another finding"
    )


def a_contradiction(clock, device, **changes):
    """Return two reads of one moment that name two plates, as retention announces them."""
    fields = {
        "occurred_at": clock.now(),
        "device_id": device,
        "captured_on": clock.now().date(),
        "count": 2,
        "read_ids": [uuid4(), uuid4()],
        "plates": ["1AAA001", "1HIT002"],
    }
    return ReadContradicted(**(fields | changes))


@pytest.mark.clause("468.3.1(c)/contradicting-reads")
async def test_reads_that_contradict_each_other_are_a_finding(deliver, findings, clock, query):
    device, yesterday = uuid4(), clock.now().date() - timedelta(days=1)
    told = a_contradiction(clock, device, captured_on=yesterday)
    await deliver(told)
    [finding] = await findings()
    assert (finding.kind, finding.captured_on) == ("contradicting_read", yesterday)
    assert finding.details["device_id"] == str(device)
    assert finding.details["read_ids"] == [str(read_id) for read_id in told.read_ids]
    assert finding.details["plates"] == ["1AAA001", "1HIT002"]
    [row] = await query("SELECT subject, details, sealed FROM findings")
    assert row.details == {"count": 2, "seq": finding.details["seq"]}
    assert row.sealed.keys() == {"device_id", "read_ids", "plates"}


@pytest.mark.clause("468.3.1(c)/contradicting-reads")
async def test_a_camera_and_day_have_one_open_finding_at_a_time(
    deliver, findings, clock, client, auditor, query
):
    device, other = uuid4(), uuid4()
    await deliver(a_contradiction(clock, device), a_contradiction(clock, device))
    [finding] = await findings()
    [first] = await query("SELECT min(seq) AS seq FROM entries WHERE kind = 'read.contradicted'")
    assert finding.details["seq"] == first.seq
    await deliver(a_contradiction(clock, device))
    assert await findings() == []
    await deliver(a_contradiction(clock, other))
    assert [f.details["device_id"] for f in await findings()] == [str(other)]
    yesterday = clock.now().date() - timedelta(days=1)
    await deliver(a_contradiction(clock, device, captured_on=yesterday))
    assert len(await findings()) == 1
    closed = {"note": "Two vehicles in one frame", "outcome": "explained"}
    path = f"/v1/findings/{finding.finding_id}/closure"
    answer = await client.post(path, json=closed, headers=auditor())
    assert answer.status_code == 200, answer.text
    await deliver(a_contradiction(clock, device))
    assert len(await findings()) == 1


@pytest.mark.clause("wall/sealed-log")
async def test_the_entry_of_a_contradiction_contains_no_sighting(deliver, clock, query, ask):
    told = a_contradiction(clock, uuid4())
    await deliver(told)
    [row] = await query("SELECT entry FROM entries WHERE kind = 'read.contradicted'")
    for named in ("1AAA001", "1HIT002", *map(str, [told.device_id, *told.read_ids])):
        assert named.encode() not in row.entry
    assert [e["event"]["type"] for e in await ask(plate="1HIT002")][-1:] == [
        "alpr.read.contradicted.v1"
    ]


@pytest.mark.clause("468.3.1(c)/monitoring")
async def test_refused_sign_ins_and_unknown_callers_count_as_well(deliver, findings, clock):
    refused = [
        SessionChanged(
            occurred_at=clock.now(), actor=an_actor(), change="refused", client_address="192.0.2.9"
        )
        for _ in range(5)
    ]
    unknown = [
        an_attempt(clock, actor=None, allowed=False, client_address="192.0.2.66") for _ in range(5)
    ]
    unnamed = [a_count(clock, 1, client_address="") for _ in range(5)]
    await deliver(*refused, *unknown, *unnamed)
    subjects = {f.subject for f in await findings()}
    assert subjects == {OFFICER, "address 192.0.2.66"}


def a_count(clock, count, client_address="2001:db8::/64"):
    """Return refusals that a service has counted."""
    return RefusalsCounted(
        occurred_at=clock.now(),
        service="ingest",
        client_address=client_address,
        route="guard",
        count=count,
        since=clock.now() - timedelta(seconds=30),
        until=clock.now(),
        allowed=False,
    )


@pytest.mark.clause("468.3.1(c)/monitoring")
async def test_refusals_that_were_counted_are_a_finding_once_an_hour(deliver, findings, clock, ask):
    await deliver(a_count(clock, 4))
    assert await findings() == []
    await deliver(a_count(clock, 4711), a_count(clock, 900, client_address=""))
    found = {f.subject: f for f in await findings()}
    assert found.keys() == {"address 2001:db8::/64", "many addresses"}
    flood = found["address 2001:db8::/64"]
    assert flood.kind == "refused_access"
    assert flood.details == {"count": 4711, "minutes": 1, "service": "ingest", "route": "guard"}
    clock.advance(minutes=1)
    await deliver(a_count(clock, 4711))
    assert await findings() == []
    clock.advance(hours=1)
    await deliver(a_count(clock, 5))
    assert len(await findings()) == 1
    entries = await ask(outcome="refused", kind="refusals.counted")
    assert [entry["event"]["data"]["count"] for entry in entries] == [5, 4711, 900, 4711, 4]


@pytest.mark.clause("468.3.1(c)/monitoring")
async def test_a_count_in_its_former_version_is_a_finding_too(deliver, findings, clock):
    count = msgspec.structs.asdict(a_count(clock, 4711))
    await deliver(RefusalsCountedV1(door=count.pop("route"), **count))
    [flood] = await findings()
    assert (flood.details["route"], flood.details["count"]) == ("guard", 4711)


@pytest.mark.clause("468.3.1(c)/monitoring")
async def test_many_searches_in_an_hour_are_a_finding(deliver, findings, clock):
    plates = [f"1AAA{n:03}" for n in range(61)]
    await deliver(*[a_search(clock, plate) for plate in plates[:60]])
    assert await findings() == []
    await deliver(a_search(clock, plates[60]))
    [finding] = await findings()
    assert (finding.kind, finding.subject) == ("many_searches", OFFICER)
    assert finding.details == {"count": 61, "limit": 60}


@pytest.mark.clause("468.3.1(c)/monitoring")
async def test_an_export_counts_as_a_search(deliver, findings, clock):
    plates = [f"1AAA{n:03}" for n in range(60)]
    await deliver(*[a_search(clock, plate) for plate in plates])
    await deliver(a_search(clock, "2BBB222", permission="record:export"))
    assert [f.kind for f in await findings()] == ["many_searches"]
    for case in ("26-1", "26-2"):
        await deliver(a_search(clock, "7ABC123", case))
    await deliver(a_search(clock, "7ABC123", "26-3", permission="record:export"))
    assert [f.kind for f in await findings()] == ["repeated_plate_search"]


@pytest.mark.clause("468.3.1(c)/monitoring")
async def test_one_plate_searched_for_three_cases_is_a_finding(deliver, findings, clock):
    for case in ("26-1", "26-1", "26-2"):
        await deliver(a_search(clock, "7ABC123", case))
        clock.advance(days=5)
    await deliver(a_search(clock, "7ABC123", "26-3", actor=an_actor("other")))
    assert await findings() == []
    await deliver(a_search(clock, "7ABC123", "26-3"))
    [finding] = await findings()
    assert (finding.kind, finding.subject) == ("repeated_plate_search", OFFICER)
    assert finding.details == {
        "plate": "7ABC123",
        "count": 4,
        "cases": ["26-1", "26-2", "26-3"],
        "days": 30,
    }


@pytest.mark.clause("468.3.1(c)/monitoring")
async def test_one_plate_searched_ten_times_for_one_case_is_a_finding(deliver, findings, clock):
    await deliver(*[a_search(clock, "7ABC123") for _ in range(9)])
    assert await findings() == []
    await deliver(a_search(clock, "7ABC123"))
    assert [f.kind for f in await findings()] == ["repeated_plate_search"]


@pytest.mark.clause("468.3.1(c)/one-plate")
async def test_patterns_that_match_one_plate_count_as_one_plate(deliver, findings, clock):
    patterns = ["7ABC12*", "7ABC1?3", "7AB?123", "7ABC12?", "*ABC123", "7*BC123", "7ABC123"]
    await deliver(*[a_search(clock, plate) for plate in [*patterns, "7A?C123", "7?BC123"]])
    assert await findings() == []
    await deliver(a_search(clock, "??BC123"))
    [finding] = await findings()
    assert (finding.kind, finding.subject) == ("repeated_plate_search", OFFICER)
    assert (finding.details["plate"], finding.details["count"]) == ("7ABC123", 10)


@pytest.mark.clause("468.3.1(c)/one-plate")
async def test_patterns_of_one_plate_for_three_cases_are_a_finding(deliver, findings, clock):
    for plate, case in (("7ABC12*", "26-1"), ("7ABC1?3", "26-2"), ("7ABC1*3", "26-3")):
        assert await findings() == []
        await deliver(a_search(clock, plate, case))
    [finding] = await findings()
    assert finding.details["cases"] == ["26-1", "26-2", "26-3"]


@pytest.mark.clause("468.3.1(c)/one-plate")
@pytest.mark.parametrize(
    "others",
    [
        [f"7ABC1{n}*" for n in range(9)],  # each another car's
        [
            "7AB*",
            "*199",
            "?AB?1*",
            "7*9",
            "*AB*",
            "*BC1*",
            "7A*9",
            "7*B*",
            "*99",
        ],  # little is known
        [f"8XY{n}123" for n in range(9)],
    ],
)
async def test_patterns_of_other_plates_do_not_count_as_one_plate(deliver, findings, clock, others):
    assert len(others) == 9
    await deliver(*[a_search(clock, plate) for plate in ["7ABC199", *others]])
    assert await findings() == []


def disclosing(clock, count, **changes):
    """Return a disclosure of so many records."""
    attempt = an_attempt(clock)
    return attempt, a_disclosure(clock, attempt, **{"count": count, **changes})


@pytest.mark.clause("468.3.1(c)/disclosed")
async def test_more_than_2000_records_a_day_by_all_services_are_a_finding(deliver, findings, clock):
    await deliver(
        *disclosing(clock, 1500), *disclosing(clock, 500, service="hotlist", record_kind="hit")
    )
    assert await findings() == []
    await deliver(*disclosing(clock, 1, service="release", record_kind="release_request"))
    [finding] = await findings()
    assert (finding.kind, finding.subject) == ("many_disclosed", OFFICER)
    assert finding.details == {"count": 2001, "limit": 2000, "since": "2026-06-01"}
    await deliver(*disclosing(clock, 7999))
    assert await findings() == []
    await deliver(*disclosing(clock, 1))
    assert [f.details["limit"] for f in await findings()] == [10000]
    await deliver(*disclosing(clock, 1))
    assert await findings() == []
    await deliver(*disclosing(clock, 2**63, actor=an_actor("other")))
    assert [f.details["limit"] for f in await findings()] == [2000, 10000]


@pytest.mark.clause("468.3.1(c)/disclosed")
async def test_disclosed_records_are_counted_for_each_day_and_person_separately(
    deliver, findings, clock
):
    await deliver(*disclosing(clock, 2000))
    await deliver(*disclosing(clock, 2000, actor=an_actor("other")))
    late = disclosing(clock, 1, actor=an_actor("other"))
    clock.advance(days=1)
    await deliver(*disclosing(clock, 2000))
    assert await findings() == []
    await deliver(*late)
    found = {f.kind: f for f in await findings()}
    assert found["many_disclosed"].details["since"] == "2026-06-01", "it counts on its own day"


@pytest.mark.clause("468.3.1(c)/disclosed")
@pytest.mark.parametrize(
    "uncounted",
    [
        {"record_kind": "hit", "permission": "alert:receive"},
        {"actor": an_actor("system:retention")},
    ],
    ids=str,
)
async def test_live_alerts_and_software_reads_do_not_count_as_disclosed(
    deliver, findings, clock, uncounted
):
    await deliver(*disclosing(clock, 2000), *disclosing(clock, 5000, **uncounted))
    assert await findings() == []


@pytest.mark.clause("468.3.1(c)/disclosed")
@pytest.mark.parametrize("kind", ["crop", "image"])
async def test_a_picture_counts_unless_its_attempt_disclosed_the_record(
    deliver, findings, clock, kind
):
    attempt, answer = disclosing(clock, 2000)
    await deliver(attempt, answer, a_disclosure(clock, attempt, count=1, record_kind=kind))
    assert await findings() == []
    await deliver(*disclosing(clock, 1, record_kind=kind))
    [finding] = await findings()
    assert (finding.kind, finding.details["count"]) == ("many_disclosed", 2001)


@pytest.mark.clause("468.3.1(c)/monitoring")
async def test_entries_that_arrive_late_raise_a_finding(deliver, findings, clock):
    early = an_attempt(clock)
    clock.advance(minutes=31)
    await deliver(early, an_attempt(clock))
    [finding] = await findings()
    assert (finding.kind, finding.subject) == ("late_entries", "retention")
    assert finding.details == {"first_seq": 0, "delay_s": 31 * 60}


@pytest.mark.clause("468.3.1(c)/monitoring")
async def test_a_disclosure_without_its_attempt_is_a_gap(deliver, findings, clock, query):
    known, lost = an_attempt(clock), an_attempt(clock)
    await deliver(known, a_disclosure(clock, known), a_disclosure(clock, lost))
    assert await findings() == []  # the attempt may still come
    clock.advance(minutes=16)
    [finding] = await findings()
    [entry] = await query("SELECT max(seq) AS seq FROM entries WHERE kind = 'records.disclosed'")
    assert (finding.kind, finding.subject) == ("log_gap", "retention")
    assert finding.details == {"seq": entry.seq, "attempt_id": str(lost.attempt_id)}
    assert await findings() == []


@pytest.mark.clause("468.3.1(c)/monitoring")
async def test_a_stopped_log_raises_a_finding_within_minutes(
    app, runtime, writer, clock, bus, query
):
    scheduler = Scheduler(runtime, runtime.settings, writer)
    bus.down = True
    await scheduler.check_consumer()
    clock.advance(minutes=4)
    await scheduler.check_consumer()
    assert await query("SELECT count(*) FROM findings") == [(0,)]
    clock.advance(minutes=2)
    for _ in range(3):
        await scheduler.check_consumer()
    [row] = await query("SELECT kind, details FROM findings")
    assert row.kind == "log_failure"
    assert row.details["since"] == "2026-06-01T12:00:00+00:00"
    bus.down = False
    await scheduler.check_consumer()
    await runtime.relay.drain()
    assert [f.kind for f in bus.events(FindingRaised)] == ["log_failure"]
    bus.down = True
    await scheduler.check_consumer()
    clock.advance(minutes=5)
    await scheduler.check_consumer()
    assert await query("SELECT count(*) FROM findings") == [(2,)], "another stop, another finding"


@pytest.mark.clause("468.6(c)/scheduled-audits")
@pytest.mark.clause("468.6(c)/audits")
async def test_an_overdue_audit_is_a_finding(deliver, findings, clock):
    await deliver(an_attempt(clock))
    since = clock.now()
    clock.advance(days=89, hours=23, minutes=59)
    assert await findings() == []
    clock.advance(minutes=1)
    [finding] = await findings()
    assert (finding.kind, finding.subject) == ("audit_overdue", "audit")
    assert datetime.fromisoformat(finding.details.pop("since")) == since
    assert finding.details == {"due_after_days": 90}
    assert await findings() == []


@pytest.mark.clause("468.3.1(c)/monitoring")
async def test_a_finding_is_assigned_commented_on_and_closed_by_others_than_its_subject(
    deliver, findings, clock, client, auditor, runtime, bus
):
    await deliver(*[an_attempt(clock, allowed=False) for _ in range(5)])
    [raised] = await findings()
    path = f"/v1/findings/{raised.finding_id}"
    subject = auditor(account_id=OFFICER)
    note = {"note": "Asked the sergeant"}
    steps = (
        ("assignment", {**note, "assigned_to": SUPERVISOR}, "assigned"),
        ("comments", note, "assigned"),
        ("closure", {**note, "outcome": "explained"}, "closed"),
    )
    for step, body, _ in steps:
        response = await client.post(f"{path}/{step}", json=body, headers=subject)
        assert (response.status_code, response.json()["code"]) == (
            403,
            "finding_worked_by_subject",
        ), step
    for own, status in ((OFFICER, 403), (OFFICER.replace("-", ""), 403), ("the officer", 422)):
        to_subject = {**note, "assigned_to": own}
        response = await client.post(f"{path}/assignment", json=to_subject, headers=auditor())
        assert response.status_code == status, own
    clock.advance(minutes=1)
    worked_at = clock.now()
    people = (AUDITOR, SUPERVISOR, AUDITOR)
    for (step, body, status), who in zip(steps, people, strict=True):
        response = await client.post(f"{path}/{step}", json=body, headers=auditor(account_id=who))
        assert response.status_code in (200, 201), response.text
        assert response.json()["status"] == status
        clock.advance(minutes=1)
    assert (await client.post(f"{path}/comments", json=note, headers=auditor())).status_code == 409
    shown = (await client.get(path, headers=auditor())).json()
    named = {"name": "Alex Auditor", "title": "Auditor", "agency_ori": "CA0520100"}
    by = [{"person_id": who, **named} for who in people]
    times = [datetime.fromisoformat(one.pop("at")) for one in shown["steps"]]
    assert times == [worked_at + timedelta(minutes=number) for number in range(3)]
    assert shown["steps"] == [
        {"change": "assigned", "by": by[0], **note, "assigned_to": SUPERVISOR, "outcome": None},
        {"change": "commented", "by": by[1], **note, "assigned_to": None, "outcome": None},
        {"change": "closed", "by": by[2], **note, "assigned_to": None, "outcome": "explained"},
    ]
    del shown["steps"]
    assert datetime.fromisoformat(shown.pop("raised_at")) == raised.occurred_at
    assert shown == {
        "finding_id": str(raised.finding_id), "kind": "refused_access", "subject": OFFICER,
        "details": {"count": 5, "minutes": 15}, "status": "closed", "assigned_to": SUPERVISOR,
        "outcome": "explained",
    }  # fmt: skip
    listed = await client.get("/v1/findings?status=closed", headers=auditor())
    assert [f["finding_id"] for f in listed.json()["items"]] == [str(raised.finding_id)]
    assert (await client.get("/v1/findings?status=open", headers=auditor())).json()["items"] == []
    for person, count in ((SUPERVISOR, 1), (OFFICER, 0)):
        listed = await client.get(f"/v1/findings?assigned_to={person}", headers=auditor())
        assert len(listed.json()["items"]) == count, person
    await runtime.relay.drain()
    told = bus.events(FindingChanged)
    assert [e.change for e in told] == ["assigned", "commented", "closed"]
    assert [e.details for e in told] == [
        {**note, "assigned_to": SUPERVISOR},
        note,
        {**note, "outcome": "explained"},
    ]
    assert [(e.occurred_at, e.finding_id, msgspec.to_builtins(e.actor)) for e in told] == [
        (at, raised.finding_id, who) for at, who in zip(times, by, strict=True)
    ]


@pytest.mark.clause("468.3.1(c)/monitoring")
async def test_a_finding_that_two_people_close_at_once_is_closed_once(
    deliver, findings, clock, client, auditor, runtime
):
    await deliver(*[an_attempt(clock, allowed=False) for _ in range(5)])
    [raised] = await findings()
    path = f"/v1/findings/{raised.finding_id}/closure"
    body = {"note": "Asked the sergeant", "outcome": "explained"}
    answers = await locked_while(
        runtime.db,
        f"SELECT FROM findings WHERE finding_id = '{raised.finding_id}' FOR UPDATE",
        *(
            client.post(path, json=body, headers=auditor(account_id=who))
            for who in (AUDITOR, SUPERVISOR)
        ),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]


@pytest.mark.parametrize(
    ("step", "more", "other", "status"),
    [
        ("assignment", {"assigned_to": SUPERVISOR}, {"assigned_to": AUDITOR}, 200),
        ("comments", {}, {"note": "Asked the chief"}, 200),
        ("closure", {"outcome": "explained"}, {"outcome": "misuse"}, 409),
    ],
)
async def test_a_step_of_a_finding_that_is_sent_twice_is_recorded_once(
    deliver, findings, clock, client, auditor, runtime, bus, step, more, other, status
):
    await deliver(*[an_attempt(clock, allowed=False) for _ in range(5)])
    [raised] = await findings()
    path = f"/v1/findings/{raised.finding_id}/{step}"
    body = {"note": "Asked the sergeant", **more}
    answers = await locked_while(
        runtime.db,
        f"SELECT FROM findings WHERE finding_id = '{raised.finding_id}' FOR UPDATE",
        *(client.post(path, json=body, headers=auditor()) for _ in range(2)),
    )
    assert [(one.status_code, len(one.json()["steps"])) for one in answers] == [(200, 1)] * 2
    for words, who in ((body | other, AUDITOR), (body, SUPERVISOR)):
        answer = await client.post(path, json=words, headers=auditor(account_id=who))
        assert answer.status_code == status, "another word, or another person's"
    await runtime.relay.drain()
    assert len(bus.events(FindingChanged)) == (3 if status == 200 else 1)


async def test_a_finding_is_not_worked_by_an_auditor_of_another_agency(
    deliver, findings, clock, client, auditor
):
    await deliver(*[an_attempt(clock, allowed=False) for _ in range(5)])
    [raised] = await findings()
    path, note = f"/v1/findings/{raised.finding_id}", {"note": "Asked the sergeant"}
    for step, more in (
        ("assignment", {"assigned_to": SUPERVISOR}),
        ("comments", {}),
        ("closure", {"outcome": "explained"}),
    ):
        refused = await client.post(
            f"{path}/{step}", json={**note, **more}, headers=auditor(ori="CA0340100")
        )
        assert refused.status_code == 403, step
    assert (await client.get(path, headers=auditor())).json()["steps"] == []


@pytest.mark.clause("468.4(a)/plates-by-purpose")
async def test_a_finding_that_names_a_plate_needs_a_purpose(
    deliver, findings, clock, client, auditor
):
    await deliver(*[a_search(clock, "7ABC123") for _ in range(10)])
    [raised] = await findings()
    path = f"/v1/findings/{raised.finding_id}"
    note = {"note": "Asked the sergeant"}
    for step, body in (
        ("assignment", {**note, "assigned_to": SUPERVISOR}),
        ("comments", note),
        ("closure", {**note, "outcome": "explained"}),
    ):
        refused = await client.post(f"{path}/{step}", json=body, headers=auditor(kind=None))
        assert (refused.status_code, refused.json()["code"]) == (403, "purpose_missing"), step
        assert "7ABC123" not in refused.text
        worked = await client.post(f"{path}/{step}", json=body, headers=auditor())
        assert worked.json()["details"]["plate"] == "7ABC123", worked.text


@pytest.mark.clause("468.4(a)/purpose-opens")
async def test_a_finding_cannot_be_worked_for_a_case(deliver, findings, clock, client, auditor):
    await deliver(*[a_search(clock, "7ABC123") for _ in range(10)])
    [raised] = await findings()
    path, note = f"/v1/findings/{raised.finding_id}/comments", {"note": "Asked the sergeant"}
    refused = await client.post(path, json=note, headers=auditor(kind="criminal_investigation"))
    assert (refused.status_code, refused.json()["code"]) == (403, "purpose_does_not_open")
    assert "does not open audit:work; these do: audit" in refused.json()["detail"]
    assert "7ABC123" not in refused.text


@pytest.mark.clause("468.3.1(c)/monitoring")
async def test_findings_are_kept(deliver, findings, clock, query, ask_as_owner):
    await deliver(*[an_attempt(clock, allowed=False) for _ in range(5)])
    assert await findings()
    await ask_as_owner("UPDATE findings SET status = 'closed', outcome = 'explained'")
    await ask_as_owner(
        "INSERT INTO finding_steps SELECT gen_random_uuid(), finding_id, 'closed', '{}', now(), 'x' FROM findings"
    )
    for statement in (
        "DELETE FROM findings",
        "UPDATE findings SET subject = 'x'",
        "UPDATE findings SET status = 'open'",
        "UPDATE findings SET outcome = 'false_alarm'",
        "TRUNCATE findings CASCADE",
        "UPDATE finding_steps SET note = 'y'",
        "DELETE FROM finding_steps",
    ):
        with pytest.raises(DBAPIError, match="is refused"):
            await ask_as_owner(statement)
        with pytest.raises(DBAPIError, match=r"permission denied|is refused"):
            await query(statement)


# --- breach reports and periodic audits ---------------------------------------------------------


@pytest.mark.clause("468.6/breach-report")
async def test_a_breach_report_lists_what_an_account_reached(deliver, clock, client, auditor):
    since = clock.now()
    attempts = [an_attempt(clock) for _ in range(3)]
    await deliver(
        *attempts,
        an_attempt(clock, allowed=False),
        a_disclosure(clock, attempts[0]),
        a_disclosure(clock, attempts[1], record_ids=["r2", "r3"], plates=["7ABC123"]),
        a_disclosure(clock, attempts[2], record_kind="image", record_ids=["r1"], plates=[]),
        a_disclosure(clock, an_attempt(clock, actor=an_actor("other")), record_ids=["r9"]),
    )
    clock.advance(days=1)
    late = an_attempt(clock)
    await deliver(late, a_disclosure(clock, late, record_ids=["r7"]))
    body = {
        "person_id": OFFICER,
        "occurred_from": since.isoformat(),
        "occurred_to": (since + timedelta(hours=1)).isoformat(),
    }
    response = await client.post("/v1/breach-reports", json=body, headers=auditor())
    report = response.json()
    assert response.status_code == 200, report
    assert (report["accesses_allowed"], report["accesses_refused"]) == (3, 1)
    assert report["client_addresses"] == {"192.0.2.7": 4}
    window = [datetime.fromisoformat(report[f"occurred_{name}"]) for name in ("from", "to")]
    assert (report["person_id"], window) == (OFFICER, [since, since + timedelta(hours=1)])
    assert report["records_by_kind"] == {"read": 3, "image": 1}
    assert report["plates"] == {"7ABC123": 2, "8XYZ999": 1}
    assert {(r["record_kind"], r["record_id"]): r["times"] for r in report["records"]} == {
        ("read", "r1"): 1,
        ("read", "r2"): 2,
        ("read", "r3"): 1,
        ("image", "r1"): 1,
    }
    assert report["truncated"] is False
    short = await client.post("/v1/breach-reports", json={**body, "limit": 2}, headers=auditor())
    assert (len(short.json()["records"]), short.json()["truncated"]) == (2, True)


@pytest.mark.clause("wall/plates-as-typed")
async def test_a_log_search_refuses_a_letter_that_folds_into_others(client, auditor):
    for folded in FOLDED:
        refused = await client.post("/v1/entries/search", json={"plate": folded}, headers=auditor())
        assert (refused.status_code, refused.json()["field"]) == (422, "body.plate"), folded
