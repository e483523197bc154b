"""Periodic audits: the plan sets the periods, the log fixes them, and no person can steer the samples."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy.exc import DBAPIError

from deploy.roles import ACTS
from services.audit.__main__ import COMMANDS
from services.audit.actions.redraw import Redraw
from services.audit.domain.sampling import draw, sample_size, seed_of
from services.audit.spec import SPEC
from services.audit.store.checkpoints import Checkpoints
from services.audit.workers.scheduler import Scheduler
from services.audit.workers.watch import Watch
from shared.core.permissions import Permission
from shared.core.signed_notes import Signer
from shared.events import AccessAttempted, Actor, AuditChanged, FindingRaised, RecordsDisclosed
from shared.service.command import status_of
from tests.integration.audit.conftest import (
    AUDITOR,
    DRAWER,
    OFFICER,
    SEED,
    SUPERVISOR,
    an_actor,
    an_attempt,
)
from tests.integration.locking import locked_while

OTHER_SUPERVISOR = "00000000-0000-4000-8000-000000000304"
PERSON = {"name": "Alex Auditor", "title": "Auditor", "agency_ori": "CA0520100"}
VERIFIER = Signer("plateward.local/audit/2", SEED).verifier
JUNE, JULY, AUGUST = (datetime(2026, month, 1, tzinfo=UTC) for month in (6, 7, 8))


@pytest.mark.clause("468.6(c)/audit-periods")
async def test_periods_are_whole_months_without_gap_or_overlap_and_the_log_fixes_them(
    deliver, clock, fix, periods, writer, query, go_to, verdict
):
    await deliver(an_attempt(clock))
    go_to(JULY - timedelta(seconds=1))
    assert await writer.fix_period(1) is None
    await fix(JULY)
    await fix(AUGUST)
    assert await writer.fix_period(1) is None
    found = await periods()
    assert [(p["occurred_from"], p["occurred_to"]) for p in found] == [
        ("2026-07-01T00:00:00Z", "2026-08-01T00:00:00Z"),
        ("2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z"),
    ]
    entries = await query("SELECT seq FROM entries WHERE kind = 'period.fixed' ORDER BY seq DESC")
    assert [p["seq"] for p in found] == [row.seq for row in entries]
    await deliver()  # the records that return over Kafka are in the log already
    assert len(await query("SELECT seq FROM entries WHERE kind = 'period.fixed'")) == 2
    assert (await verdict()).ok


async def test_a_log_that_was_stopped_fixes_each_ended_month(
    deliver, clock, writer, runtime, go_to, periods, client, auditor
):
    await deliver(an_attempt(clock))
    go_to(AUGUST + timedelta(days=3))
    assert await Scheduler(runtime, runtime.settings, writer).fix_periods() == 2
    ended = await periods()
    assert [p["occurred_to"] for p in ended] == ["2026-08-01T00:00:00Z", "2026-07-01T00:00:00Z"]
    path = "/v1/audits/periods?limit=1"
    newest = (await client.get(path, headers=auditor())).json()
    older = (await client.get(f"{path}&after={newest['next']}", headers=auditor())).json()
    assert [*newest["items"], *older["items"]] == ended, "their entries follow one another"


@pytest.mark.clause("468.6(c)/audits")
@pytest.mark.clause("468.6(c)/audit-periods")
async def test_periods_are_fixed_by_the_log_and_each_is_drawn_once(
    deliver, clock, fix, periods, draw_of, client, auditor
):
    await deliver(*[an_attempt(clock) for _ in range(5)])
    await fix(JULY)
    free = {"occurred_from": "2026-06-01T00:00:00.000001Z", "occurred_to": "2026-07-01T00:00:00Z"}
    response = await client.post("/v1/audits", json=free, headers=auditor())
    assert response.status_code == 422
    [period] = await periods()
    assert (await draw_of(period["seq"] - 1)).status_code == 404
    assert (await draw_of(period["seq"])).status_code == 201
    assert (await draw_of(period["seq"], account_id=AUDITOR)).status_code == 409
    assert (await periods())[0]["audit_id"]


@pytest.mark.clause("468.6(c)/audits")
@pytest.mark.clause("468.6(c)/audit-periods")
async def test_the_seed_is_the_second_checkpoint_signed_after_the_period_was_fixed(
    deliver, clock, writer, fix, periods, draw_of, signed, runtime
):
    await deliver(*[an_attempt(clock) for _ in range(40)])
    await writer.sign_if_grown()
    await fix(JULY, checkpoints=0)
    [period] = await periods()
    for _ in range(2):
        assert period["drawable"] is False
        assert (await draw_of(period["seq"])).status_code == 409
        await signed()
        [period] = await periods()
    assert period["drawable"] is True
    await signed()
    audit = (await draw_of(period["seq"])).json()
    async with runtime.db.begin() as connection:
        first, second, *_ = await Checkpoints(connection).between(period["seq"], 1 << 40)
    assert audit["log_size"] == second.size > first.size
    seed = seed_of(second.note, JUNE, JULY)
    assert [i["seq"] for i in audit["items"]] == draw(seed, 40, sample_size(40))


@pytest.mark.clause("468.6(c)/audit-periods")
async def test_a_sample_is_of_requests_that_people_made(deliver, clock, fix, periods, draw_of):
    software = Actor(person_id="system:x", name="x", title="software", agency_ori="CA0520100")
    await deliver(
        an_attempt(clock),
        an_attempt(clock, allowed=False),
        an_attempt(clock, method="EVENT", route="release approved"),
        an_attempt(clock, actor=software),
        an_attempt(clock, actor=None),
        an_attempt(clock, occurred_at=JULY),
        an_attempt(clock),
    )
    await fix(JULY)
    [period] = await periods()
    audit = (await draw_of(period["seq"])).json()
    assert audit["population"] == 2
    assert sorted(i["seq"] for i in audit["items"]) == [0, 6]


@pytest.mark.clause("468.6(c)/audit-periods")
async def test_an_access_that_came_to_the_log_late_is_in_the_next_period(
    deliver, clock, fix, periods, draw_of, query
):
    soon = an_attempt(clock, occurred_at=JULY + timedelta(seconds=1))
    await deliver(an_attempt(clock), soon)
    late = an_attempt(clock)
    await fix(JULY)
    await deliver(late)
    await fix(AUGUST)
    august, july = await periods()
    first, second = [(await draw_of(p["seq"])).json() for p in (july, august)]
    assert (first["population"], second["population"]) == (1, 2)
    ids = {str(row.event_id): row.seq for row in await query("SELECT event_id, seq FROM entries")}
    expected = {ids[str(event.event_id)] for event in (late, soon)}
    assert {i["seq"] for i in second["items"]} == expected


@pytest.mark.clause("468.6(c)/audit-periods")
async def test_a_period_not_drawn_within_a_day_raises_a_finding(
    deliver, clock, fix, periods, draw_of, watch, runtime, bus
):
    async def findings():
        bus.records.clear()
        await watch.catch_up()
        await runtime.relay.drain()
        return [e for e in bus.events(FindingRaised) if e.kind == "audit_not_drawn"]

    await deliver(an_attempt(clock))
    await fix(JULY)
    clock.advance(hours=23)
    assert await findings() == []
    clock.advance(hours=1)
    [raised] = await findings()
    [period] = await periods()
    assert datetime.fromisoformat(raised.details.pop("since")) == datetime.fromisoformat(
        period["fixed_at"]
    )
    assert (raised.subject, raised.details) == ("audit", {"seq": period["seq"], "limit": 24})
    assert await findings() == []
    await fix(AUGUST)
    await draw_of((await periods())[0]["seq"])
    clock.advance(hours=25)
    assert await findings() == []


@pytest.mark.clause("468.6(c)/audits")
@pytest.mark.clause("468.6(c)/audit-periods")
async def test_an_outsider_redraws_population_and_order_from_an_export(
    deliver, clock, fix, periods, draw_of, exported, capsys, query
):
    await deliver(*[an_attempt(clock) for _ in range(400)], an_attempt(clock, method="EVENT"))
    await fix(JULY)
    [period] = await periods()
    audit = (await draw_of(period["seq"])).json()
    assert len(audit["items"]) == sample_size(400) < 400
    await fix(AUGUST)
    later = (await periods())[0]
    path = await exported()
    assert status_of(SPEC, COMMANDS, ["redraw", str(path), "--vkey", VERIFIER.vkey]) == 0
    said = capsys.readouterr().out.splitlines()
    assert json.loads(said[-1]) == {"ok": True, "periods": 2, "drawn": 1, "faults": 0}
    sample = ",".join(str(i["seq"]) for i in audit["items"])
    [drawn] = await query("SELECT seq FROM entries WHERE kind = 'audit.changed'")
    assert said[-7:-4] == [
        "period       2026-06-01 to 2026-07-01",
        f"             400 accesses, fixed in entry {period['seq']}, drawn in entry {drawn.seq}",
        f"sample       {sample}",
    ]
    assert said[-4] == "period       2026-07-01 to 2026-08-01"
    assert said[-3].endswith(f"accesses, fixed in entry {later['seq']}, NOT DRAWN")


REDRAWN = {
    "another population": lambda d: d | {"population": "39"},
    "another order": lambda d: d | {"entries": ",".join(sorted(d["entries"].split(","))[::-1])},
    "other entries": lambda d: d | {"entries": d["entries"].replace("1", "2")},
    "another period": lambda d: d | {"period_seq": "3"},
    "no period": lambda d: {"population": d["population"], "sample": d["sample"]},
}


@pytest.mark.clause("468.6(c)/audits")
@pytest.mark.parametrize("change", REDRAWN.values(), ids=REDRAWN)
async def test_a_redraw_detects_a_differently_drawn_sample(
    deliver, clock, fix, periods, draw_of, exported, change
):
    await deliver(*[an_attempt(clock) for _ in range(40)])
    await fix(JULY)
    [period] = await periods()
    assert (await draw_of(period["seq"])).status_code == 201
    lines = []
    for line in (await exported()).read_bytes().splitlines():
        said = msgspec.json.decode(line)
        if '"type":"alpr.audit.changed' in said.get("entry", ""):
            entry = msgspec.json.decode(said["entry"])
            entry["data"]["details"] = change(entry["data"]["details"])
            said["entry"] = msgspec.json.encode(entry).decode()
        lines.append(msgspec.json.encode(said))
    redraw = Redraw()
    redraw.add_lines(lines)
    assert redraw.faults


@pytest.mark.clause("468.6(c)/audits")
async def test_an_audit_is_reviewed_and_signed_off_by_another(
    deliver, clock, client, auditor, runtime, bus, fix, periods, draw_of
):
    await deliver(*[an_attempt(clock) for _ in range(40)], an_attempt(clock, allowed=False))
    await fix(JULY)
    [period] = await periods()
    clock.advance(minutes=1)
    response = await draw_of(period["seq"])
    audit = response.json()
    assert response.status_code == 201, audit
    assert (audit["population"], len(audit["items"])) == (40, sample_size(40))
    drawer = {"person_id": DRAWER, **PERSON}
    assert datetime.fromisoformat(audit["drawn_at"]) == clock.now()
    assert {name: audit[name] for name in audit if name not in ("items", "drawn_at")} == {
        "audit_id": audit["audit_id"], "period_seq": period["seq"], "occurred_from": period["occurred_from"],
        "occurred_to": period["occurred_to"], "log_size": audit["log_size"], "old_log": False,
        "root_hash": audit["root_hash"], "seed": audit["seed"], "population": 40, "drawn_by": drawer,
        "signed_off_by": None, "signed_off_at": None, "statement": None, "reviewed": 0,
    }  # fmt: skip
    path = f"/v1/audits/{audit['audit_id']}"
    statement = {"statement": "Reviewed in full"}
    early = await client.post(f"{path}/sign-off", json=statement, headers=auditor())
    assert early.status_code == 409
    review = {"outcome": "proper", "note": "Case file agrees"}
    own = auditor(account_id=OFFICER)
    response = await client.post(f"{path}/items/1/review", json=review, headers=own)
    assert response.status_code == 403
    clock.advance(minutes=1)
    reviewed_at = clock.now()
    for item in audit["items"]:
        judged = review | ({"outcome": "improper"} if item["number"] == 2 else {})
        response = await client.post(
            f"{path}/items/{item['number']}/review", json=judged, headers=auditor()
        )
        assert response.status_code == 200, response.text
    again = await client.post(f"{path}/items/1/review", json=review, headers=auditor())
    assert again.status_code == 409
    for part in (auditor(account_id=DRAWER), auditor()):  # who drew it, who reviewed it
        same = await client.post(f"{path}/sign-off", json=statement, headers=part)
        assert (same.status_code, same.json()["code"]) == (403, "audit_signed_by_subject")
    clock.advance(minutes=1)
    signed = await client.post(
        f"{path}/sign-off", json=statement, headers=auditor(account_id=SUPERVISOR)
    )
    shown = signed.json()
    assert shown["signed_off_by"] == {"person_id": SUPERVISOR, **PERSON}
    assert datetime.fromisoformat(shown["signed_off_at"]) == clock.now()
    assert (shown["statement"], shown["drawn_by"]) == (statement["statement"], drawer)
    assert shown["reviewed"] == len(audit["items"])
    for item, shown_item in zip(audit["items"], shown["items"], strict=True):
        assert datetime.fromisoformat(shown_item.pop("reviewed_at")) == reviewed_at
        assert shown_item == {
            "number": item["number"], "seq": item["seq"],
            "outcome": "improper" if item["number"] == 2 else "proper", "note": review["note"],
            "reviewed_by": {"person_id": AUDITOR, **PERSON},
        }  # fmt: skip
    twice = await client.post(
        f"{path}/sign-off", json=statement, headers=auditor(account_id=OTHER_SUPERVISOR)
    )
    assert (twice.status_code, twice.json()["code"]) == (409, "audit_signed_off")
    late = await client.post(f"{path}/items/1/review", json=review, headers=auditor())
    assert (late.status_code, late.json()["code"]) == (409, "audit_signed_off")
    await runtime.relay.drain()
    [drawn, *reviewed, end] = bus.events(AuditChanged)
    assert (drawn.change, end.change, end.details) == ("drawn", "signed_off", statement)
    numbers = ",".join(str(item["seq"]) for item in audit["items"])
    assert drawn.details == {
        "population": "40", "sample": str(len(audit["items"])), "period_seq": str(period["seq"]),
        "entries": numbers,
    }  # fmt: skip
    assert {e.actor.person_id for e in reviewed} == {AUDITOR}
    assert (drawn.actor.person_id, end.actor.person_id) == (DRAWER, SUPERVISOR)
    assert {str(e.audit_id) for e in (drawn, *reviewed, end)} == {audit["audit_id"]}
    assert [(e.change, e.details) for e in reviewed] == [
        ("item_reviewed", {"number": str(n), "outcome": "improper" if n == 2 else "proper"})
        for n in range(1, len(audit["items"]) + 1)
    ]
    [finding] = bus.events(FindingRaised)
    assert (finding.kind, finding.subject) == ("improper_access", OFFICER)
    assert finding.details == {"audit_id": audit["audit_id"], "seq": audit["items"][1]["seq"]}
    listed = (await client.get("/v1/audits", headers=auditor())).json()["items"]
    assert [UUID(a["audit_id"]) for a in listed] == [UUID(audit["audit_id"])]


@pytest.mark.clause("468.6(c)/audits")
async def test_a_sample_with_an_access_of_its_reviewer_takes_three_auditors(
    deliver, clock, client, auditor, fix, periods, draw_of
):
    own_access = an_attempt(clock, actor=an_actor(DRAWER))
    await deliver(own_access, *[an_attempt(clock) for _ in range(3)])
    await fix(JULY)
    first, second, third = (auditor(account_id=one) for one in (DRAWER, AUDITOR, SUPERVISOR))
    [period] = await periods()
    audit = (await draw_of(period["seq"])).json()
    path, signed = f"/v1/audits/{audit['audit_id']}", {"statement": "Reviewed in full"}
    reviews = [f"{path}/items/{item['number']}/review" for item in audit["items"]]
    proper = {"outcome": "proper"}
    done = {one: await client.post(one, json=proper, headers=first) for one in reviews}
    [own] = [one for one, answer in done.items() if answer.status_code == 403]
    assert (await client.post(own, json=proper, headers=second)).status_code == 200
    answers = [
        await client.post(f"{path}/sign-off", json=signed, headers=one)
        for one in (first, second, third)
    ]
    assert [answer.status_code for answer in answers] == [403, 403, 200]
    [act] = [act for act in ACTS if act.code == "audit_signed_by_subject"]
    assert len(act.permissions) == 3, "docs/roles.md says how many auditors a department needs"


@pytest.mark.clause("468.6(c)/audits")
@pytest.mark.parametrize(
    ("outcome", "status"), [("proper", 200), ("improper", 422), ("unclear", 422)]
)
async def test_only_a_proper_access_is_reviewed_without_a_note(
    deliver, clock, client, auditor, fix, periods, draw_of, outcome, status
):
    await deliver(*[an_attempt(clock) for _ in range(5)])
    await fix(JULY)
    [period] = await periods()
    audit = (await draw_of(period["seq"])).json()
    path = f"/v1/audits/{audit['audit_id']}/items/1/review"
    answer = await client.post(path, json={"outcome": outcome}, headers=auditor())
    assert answer.status_code == status, answer.text
    if status == 200:
        assert answer.json()["items"][0]["note"] is None
    else:
        assert (answer.json()["code"], answer.json()["field"]) == ("item_note_missing", "note")


@pytest.mark.clause("468.6(c)/audits")
async def test_a_drawn_and_reviewed_audit_cannot_be_changed(
    deliver, clock, client, auditor, query, ask_as_owner, fix, periods, draw_of
):
    await deliver(*[an_attempt(clock) for _ in range(5)])
    await fix(JULY)
    [period] = await periods()
    audit = (await draw_of(period["seq"])).json()
    review = {"outcome": "proper", "note": "Case file agrees"}
    await client.post(
        f"/v1/audits/{audit['audit_id']}/items/1/review", json=review, headers=auditor()
    )
    for statement in (
        "UPDATE audits SET seed = ''",
        "UPDATE audits SET period_seq = NULL",
        "UPDATE audit_items SET seq = seq + 1 WHERE outcome IS NULL",
        "UPDATE audit_items SET outcome = 'improper' WHERE outcome IS NOT NULL",
        "DELETE FROM audit_items",
    ):
        with pytest.raises(DBAPIError, match="is refused"):
            await ask_as_owner(statement)
        with pytest.raises(DBAPIError, match=r"permission denied|is refused"):
            await query(statement)


@pytest.mark.clause("468.6(c)/audits")
async def test_what_was_signed_cannot_be_changed(
    deliver, clock, query, ask_as_owner, fix, periods, draw_of
):
    await deliver(an_attempt(clock))
    await fix(JULY)
    await draw_of((await periods())[0]["seq"])
    await ask_as_owner("UPDATE audits SET signed_off_at = now(), statement = 'in full'")
    for statement in (
        "UPDATE audits SET statement = 'no misuse'",
        "UPDATE audits SET signed_off_at = NULL",
        "DELETE FROM audits",
    ):
        with pytest.raises(DBAPIError, match="is refused"):
            await ask_as_owner(statement)
        with pytest.raises(DBAPIError, match=r"permission denied|is refused"):
            await query(statement)


async def test_drawing_an_audit_needs_the_work_permission(client, authority):
    token = authority.access_token((Permission.AUDIT_READ,), account_id=AUDITOR)
    headers = {"Authorization": f"Bearer {token}"}
    response = await client.post("/v1/audits", json={"period_seq": 1}, headers=headers)
    assert response.status_code == 403


@pytest.mark.clause("468.6(c)/audits")
@pytest.mark.parametrize(
    ("outcome", "status"), [("improper", 403), ("unclear", 403), ("proper", 200)]
)
async def test_an_audit_is_not_signed_off_by_a_person_whose_access_it_doubts(
    deliver, clock, client, auditor, runtime, bus, fix, periods, draw_of, outcome, status
):
    await deliver(an_attempt(clock, actor=an_actor(SUPERVISOR)), an_attempt(clock))
    await fix(JULY)
    audit = (await draw_of((await periods())[0]["seq"])).json()
    path, statement = f"/v1/audits/{audit['audit_id']}", {"statement": "Reviewed in full"}
    review, note = auditor(), {"note": "no such case on file"}
    for item in audit["items"]:
        entry = await client.get(f"/v1/entries/{item['seq']}", headers=review)
        own = SUPERVISOR in entry.text
        judged = note | {"outcome": outcome if own else "proper"}
        where = f"{path}/items/{item['number']}/review"
        assert (await client.post(where, json=judged, headers=review)).status_code == 200
    own = await client.post(
        f"{path}/sign-off", json=statement, headers=auditor(account_id=SUPERVISOR)
    )
    assert own.status_code == status, own.text
    if status == 403:
        assert own.json()["code"] == "audit_doubts_signer"
        await runtime.relay.drain()
        last = bus.events(AccessAttempted)[-1]
        assert (last.allowed, last.actor.person_id) == (False, SUPERVISOR)
        other = await client.post(
            f"{path}/sign-off", json=statement, headers=auditor(account_id=OTHER_SUPERVISOR)
        )
        assert other.status_code == 200


@pytest.mark.clause("468.6(c)/scheduled-audits")
async def test_an_audit_that_stays_unsigned_beside_later_ones_is_a_finding(
    deliver, clock, client, auditor, runtime, bus, fix, periods, draw_of
):
    watch, drawn = Watch(runtime, runtime.settings), []
    for end in (JULY, AUGUST):
        await deliver(an_attempt(clock))
        await fix(end)
        drawn.append((await draw_of((await periods())[0]["seq"])).json())
    left, later = (f"/v1/audits/{one['audit_id']}" for one in drawn)
    reviewer = auditor(account_id=OTHER_SUPERVISOR)
    for item in drawn[1]["items"]:
        review = f"{later}/items/{item['number']}/review"
        answer = await client.post(review, json={"outcome": "proper"}, headers=reviewer)
        assert answer.status_code == 200, answer.text
    signed = await client.post(
        f"{later}/sign-off",
        json={"statement": "Reviewed in full"},
        headers=auditor(account_id=SUPERVISOR),
    )
    assert signed.status_code == 200, signed.text
    assert signed.json()["signed_off_at"] is not None

    async def overdue():
        bus.records.clear()
        await watch.catch_up()
        await runtime.relay.drain()
        raised = [f for f in bus.events(FindingRaised) if f.kind == "audit_overdue"]
        return [f for f in raised if "audit_id" in f.details]

    due = datetime.fromisoformat(drawn[0]["drawn_at"]) + timedelta(
        days=runtime.settings.audit_due_days
    )
    clock.advance(seconds=(due - clock.now()).total_seconds() - 1)
    assert await overdue() == [], "not due yet"
    clock.advance(seconds=1)
    [finding] = await overdue()
    assert datetime.fromisoformat(finding.details.pop("since")) == datetime.fromisoformat(
        drawn[0]["drawn_at"]
    )
    assert finding.details == {"audit_id": left.rpartition("/")[2], "due_after_days": 90}
    assert await overdue() == [], "once"
    clock.advance(days=60)
    assert await overdue() == [], "the later one is signed off"


@pytest.mark.clause("468.6(c)/audits")
async def test_pages_of_periods_and_audits_have_each_once_newest_first_and_audits_are_on_record(
    deliver, clock, client, auditor, runtime, bus, fix, periods, draw_of
):
    drawn = []
    for end in (JULY, AUGUST, datetime(2026, 9, 1, tzinfo=UTC)):
        await deliver(an_attempt(clock))
        await fix(end)
        drawn.append((await draw_of((await periods())[0]["seq"])).json())
    await runtime.relay.drain()
    bus.records.clear()

    async def pages(path):
        found, after = [], ""
        while after is not None:
            answer = await client.get(f"{path}?limit=1{after}", headers=auditor())
            [one] = answer.json()["items"] or [None]
            found += [one] if one else []
            after = (following := answer.json()["next"]) and f"&after={following}"
        return found

    listed = await pages("/v1/audits")
    assert [one["audit_id"] for one in listed] == [one["audit_id"] for one in drawn[::-1]]
    ended = await pages("/v1/audits/periods")
    assert [one["audit_id"] for one in ended] == [one["audit_id"] for one in drawn[::-1]]
    await runtime.relay.drain()
    shown = [e.all_ids for e in bus.events(RecordsDisclosed) if e.record_kind == "audit"]
    assert [one for some in shown for one in some] == [one["audit_id"] for one in listed]


@pytest.mark.clause("468.6(c)/audits")
async def test_each_improper_access_of_a_person_is_a_finding(
    deliver, clock, client, auditor, runtime, bus, fix, periods, draw_of
):
    await deliver(an_attempt(clock), an_attempt(clock))
    await fix(JULY)
    audit = (await draw_of((await periods())[0]["seq"])).json()
    for item in audit["items"]:
        where = f"/v1/audits/{audit['audit_id']}/items/{item['number']}/review"
        judged = {"outcome": "improper", "note": "no such case on file"}
        assert (await client.post(where, json=judged, headers=auditor())).status_code == 200
    await runtime.relay.drain()
    found = [(one.subject, one.details["seq"]) for one in bus.events(FindingRaised)]
    assert sorted(found) == [(OFFICER, seq) for seq in sorted(one["seq"] for one in audit["items"])]


@pytest.mark.clause("468.6(c)/audits")
async def test_an_access_that_two_people_review_at_once_has_one_review(
    deliver, clock, client, auditor, runtime, fix, periods, draw_of
):
    await deliver(an_attempt(clock))
    await fix(JULY)
    audit = (await draw_of((await periods())[0]["seq"])).json()
    path = f"/v1/audits/{audit['audit_id']}"
    row = f"SELECT FROM audits WHERE audit_id = '{audit['audit_id']}' FOR UPDATE"
    answers = await locked_while(
        runtime.db,
        row,
        *(
            client.post(
                f"{path}/items/1/review",
                json={"outcome": "proper"},
                headers=auditor(account_id=one),
            )
            for one in (AUDITOR, OTHER_SUPERVISOR)
        ),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    signed = await locked_while(
        runtime.db,
        row,
        *(
            client.post(
                f"{path}/sign-off",
                json={"statement": "Reviewed in full"},
                headers=auditor(account_id=one),
            )
            for one in (SUPERVISOR, OFFICER)
        ),
    )
    assert sorted(answer.status_code for answer in signed) == [200, 409]
