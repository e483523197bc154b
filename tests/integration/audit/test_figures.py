"""Counted figures: made from the log in increments, shown to the public without small counts (policy 468.2)."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from msgspec import structs

from services.audit.__main__ import COMMANDS
from services.audit.actions.figure_counts import recounted
from services.audit.store.figures import Figures
from services.audit.workers.figures import FigureCounter
from services.registry import SPECS
from shared.core.errors import DependencyDown
from shared.core.permissions import Permission
from shared.events import (
    AccessAttempted,
    AuditChanged,
    Counted,
    DisclosedDay,
    DisclosedRecord,
    FindingChanged,
    FindingRaised,
    HitRaised,
    HitVerified,
    MonthCounted,
    PurposeDeclared,
    PurposeRecord,
    RecordsPurged,
    ReleaseDenied,
    ReleaseRequested,
)
from shared.service.command import status_of
from tests.integration.audit.conftest import OFFICER, a_disclosure, an_actor, an_attempt
from tests.integration.audit.messages import message_of

JUNE = datetime(2026, 6, 10, 12, tzinfo=UTC)
ZONE = "America/Los_Angeles"
FORBIDDEN = ("7ABC123", OFFICER, "Officer Seven", "26-001234")


def verify_figures():
    """Run the command; return its exit status."""
    return status_of(SPECS["audit"], COMMANDS, ["verify-figures"])


def until(clock, at):
    clock.advance(seconds=(at - clock.now()).total_seconds())


@pytest.fixture
def counter(runtime):
    return FigureCounter(runtime)


@pytest.fixture
async def log(clock, deliver, writer):
    """A log whose first entry is of May, so that it covers all of June; the clock is in June."""
    until(clock, datetime(2026, 5, 20, tzinfo=UTC))
    await deliver(an_attempt(clock))
    until(clock, JUNE)
    return writer


@pytest.fixture
def public(clock, deliver, counter, client):
    """End June with an entry of July; return what the public sees of it, by figure and kind."""

    async def figures():
        until(clock, datetime(2026, 7, 2, tzinfo=UTC))
        await deliver(an_attempt(clock))
        await counter.catch_up()
        [month] = (await client.get("/v1/figures")).json()["months"]
        assert month["month"] == "2026-06"
        return {(one["figure"], one["kind"]): one for one in month["figures"]}

    return figures


@pytest.fixture
def sums(query, counter):
    """Count, and return all sums."""

    async def stored():
        await counter.catch_up()
        rows = await query("SELECT month, figure, kind, count FROM month_figures ORDER BY 1, 2, 3")
        return [tuple(row) for row in rows]

    return stored


def hits(clock, number, outcome):
    """Return so many hits, raised and verified."""
    ids = [uuid4() for _ in range(number)]
    raised = [
        HitRaised(
            occurred_at=clock.now(),
            hit_id=hit_id,
            read_id=uuid4(),
            device_id=uuid4(),
            agency_ori="CA0520100",
            captured_at=clock.now(),
            plate_read="7ABC123",
            plate_listed="7ABC123",
            confidence=0.9,
            list_id=uuid4(),
            list_name="State",
            list_version=1,
            entry_id=uuid4(),
            source="state",
            record_kind="stolen_vehicle",
            tier="high",
            list_age_s=60,
        )
        for hit_id in ids
    ]
    verified = [
        HitVerified(
            occurred_at=clock.now(),
            hit_id=hit_id,
            read_id=uuid4(),
            verified_by=an_actor(),
            method="CLETS",
            reference="R-1",
            outcome=outcome,
            captured_on=clock.now().date(),
        )
        for hit_id in ids
    ]
    return [*raised, *verified]


def searches(clock, number, kind="criminal_investigation", **changes):
    purpose = PurposeRecord(kind=kind, case_number="26-001234")
    return [an_attempt(clock, purpose=purpose, **changes) for _ in range(number)]


def of_days(clock, attempt, **days):
    """Return a disclosure of records of several capture days, each so many, and how many of each."""
    on = {clock.now().date() - timedelta(days=int(age[1:])): n for age, n in days.items()}
    return a_disclosure(
        clock,
        attempt,
        records=[
            DisclosedDay(
                captured_on=day,
                shown=[DisclosedRecord(record_id=str(uuid4()), plates=["7ABC123"])] * n,
            )
            for day, n in on.items()
        ],
        count=sum(on.values()),
        by_day=on if len(on) > 1 else {},
    )


def reported(clock, service, month, **counts):
    return MonthCounted(
        event_id=uuid4(),
        occurred_at=clock.now(),
        service=service,
        month=month,
        counts=[Counted(figure=name, count=count) for name, count in counts.items()],
    )


@pytest.mark.clause("468.2/figures")
async def test_the_public_sees_counts_of_the_last_whole_month_alone(
    log, clock, deliver, public, client
):
    await deliver(*hits(clock, 9, "correct_read"), *hits(clock, 6, "misread"))
    await deliver(*searches(clock, 7), *searches(clock, 5, allowed=False))
    found = await public()
    counted = {key: one["count"] for key, one in found.items() if one["state"] == "counted"}
    assert counted == {
        ("hits_raised", None): 15,
        ("hits_verified", "correct_read"): 9,
        ("hits_verified", "false_alert"): 6,
        ("searches", "criminal_investigation"): 7,
        ("searches_refused", None): 5,
    }
    shown = (await client.get("/v1/figures")).json()
    [month] = shown.pop("months")
    assert month["false_alert_percent"] == 40
    assert shown == {"department": "Corning Police Department", "time_zone": ZONE, "fewest": 5}


@pytest.mark.clause("468.2/figures")
async def test_no_figure_names_a_person_a_plate_or_a_case(log, clock, deliver, public, client):
    attempts = searches(clock, 6)
    await deliver(*attempts, *hits(clock, 6, "dismissed"))
    await deliver(*(of_days(clock, one, d1=2, d40=1) for one in attempts))
    found = await public()
    assert found["records_searched", "1_day"]["count"] == 12
    assert found["records_searched", "3_months"]["count"] == 6
    text = (await client.get("/v1/figures")).text
    assert not [one for one in FORBIDDEN if one in text]


@pytest.mark.clause("468.2/small-figures")
async def test_a_small_count_is_not_told_from_none(log, clock, deliver, public):
    await deliver(*searches(clock, 4, "missing_person"), *searches(clock, 5, "active_warrant"))
    found = await public()
    few = {"state": "few", "count": None, "fewer_than": 5}
    assert found["searches", "missing_person"].items() >= few.items()
    assert found["searches", "stolen_plate"].items() >= few.items()
    assert found["searches", "active_warrant"]["count"] == 5


@pytest.mark.clause("468.2/small-figures")
@pytest.mark.parametrize(
    ("outcomes", "verified", "kinds"),
    [
        ({"correct_read": 9, "misread": 4}, False, False),
        ({"correct_read": 4, "misread": 9}, False, False),
        ({"correct_read": 9, "misread": 9, "wrong_state": 4}, True, False),
        (
            {
                "correct_read": 4,
                "misread": 5,
                "wrong_state": 5,
                "list_out_of_date": 5,
                "dismissed": 5,
            },
            False,
            False,
        ),
        (
            {
                "correct_read": 5,
                "misread": 5,
                "wrong_state": 5,
                "list_out_of_date": 5,
                "dismissed": 5,
            },
            True,
            True,
        ),
    ],
)
async def test_no_small_count_follows_from_a_sum_that_is_shown(
    log, clock, deliver, public, client, outcomes, verified, kinds
):
    await deliver(*(one for name, n in outcomes.items() for one in hits(clock, n, name)))
    found = await public()
    states = {
        figure: {f["state"] for (of, _), f in found.items() if of == figure} for figure, _ in found
    }
    assert found["hits_raised", None]["count"] == sum(outcomes.values())
    assert states["hits_verified"] == {"counted" if verified else "withheld"}
    assert states["false_alerts"] == {"counted" if kinds else "withheld"}
    [month] = (await client.get("/v1/figures")).json()["months"]
    assert (month["false_alert_percent"] is not None) is verified


@pytest.mark.clause("468.2/figures")
@pytest.mark.clause("468.2/small-figures")
async def test_reads_are_shown_in_hundreds_and_only_by_the_service_that_has_them(
    log, clock, counter, public
):
    until(clock, datetime(2026, 7, 1, 8, tzinfo=UTC))
    june = date(2026, 6, 1)
    mine = reported(
        clock, "retention", june, reads_captured=12_345, reads_stored=99, listed_plates=7
    )
    again = reported(clock, "retention", june, reads_captured=1)
    for one in (mine, again):
        await log.append([message_of(one)])
        await counter.catch_up()
    found = await public()
    assert (found["reads_captured", None]["state"], found["reads_captured", None]["count"]) == (
        "rounded",
        12_300,
    )
    assert found["reads_stored", None].items() >= {"state": "few", "fewer_than": 100}.items()
    assert found["listed_plates", "state"]["state"] == "not_reported"


@pytest.mark.clause("468.2/figures")
async def test_nothing_of_a_month_is_shown_before_it_has_ended(
    log, clock, deliver, counter, client
):
    await deliver(*searches(clock, 7))
    until(clock, datetime(2026, 7, 1, 6, 59, tzinfo=UTC))  # 30 June in California
    await deliver(*searches(clock, 7))
    await counter.catch_up()
    assert (await client.get("/v1/figures")).json()["months"] == []
    until(clock, datetime(2026, 7, 1, 7, 6, tzinfo=UTC))
    await deliver(*searches(clock, 1))
    await counter.catch_up()
    [june] = (await client.get("/v1/figures")).json()["months"]
    counts = {(one["figure"], one["kind"]): one["count"] for one in june["figures"]}
    assert counts["searches", "criminal_investigation"] == 14


@pytest.mark.clause("468.2/figures")
async def test_what_comes_late_changes_no_month_that_has_ended(log, clock, deliver, public, sums):
    await deliver(*searches(clock, 7))
    late = searches(clock, 1)
    found = await public()
    await deliver(*late)
    assert (await public())["searches", "criminal_investigation"] == found[
        "searches", "criminal_investigation"
    ]
    assert (date(2026, 7, 1), "searches", "criminal_investigation", 3) in await sums()


async def test_events_that_come_twice_count_once_and_a_count_of_the_whole_log_gives_the_same(
    log, clock, deliver, sums, ask_as_owner, runtime
):
    attempts = searches(clock, 3)
    events = [
        *attempts,
        of_days(clock, attempts[0], d1=2, d40=1),
        *hits(clock, 2, "misread"),
        RecordsPurged(
            occurred_at=clock.now(),
            run_id=uuid4(),
            before=clock.now() - timedelta(days=400),
            reads=40,
            captures=2,
            objects=1,
            kept_under_hold=0,
        ),
    ]
    await deliver(*events)
    first = await sums()
    assert {row[1:] for row in first if row[0] == date(2026, 6, 1)} >= {
        ("searches", "criminal_investigation", 3),
        ("records_searched", "1_day", 2),
        ("records_searched", "3_months", 1),
        ("verifications", "misread", 2),
        ("records_purged", "", 42),
    }
    await deliver(*events)
    assert await sums() == first
    async with runtime.db.begin() as connection:
        assert (await recounted(connection, ZONE)).differing == {}
    await ask_as_owner("DELETE FROM month_figures")
    await ask_as_owner("UPDATE cursors SET seq = 0 WHERE name = 'figures'")
    assert await sums() == first


@pytest.mark.clause("468.5/ages")
async def test_the_age_of_what_people_search_for_and_open_counts(log, clock, deliver, sums):
    [search] = searches(clock, 1)
    system = an_attempt(clock, actor=an_actor("system:retention", "retention"))
    picture = an_attempt(clock, permission="image:read")
    alert = an_attempt(clock, permission="alert:receive")
    opened = {"record_kind": "image", "record_ids": ("r1",), "plates": ()}
    months_ago = clock.now().date() - timedelta(days=100)
    await deliver(
        of_days(clock, search, d0=3, d7=2, d8=1, d400=4),
        a_disclosure(clock, search, day=months_ago),
        a_disclosure(clock, picture, day=months_ago, **opened),
        a_disclosure(clock, alert, day=months_ago),
        a_disclosure(clock, system, day=months_ago),
        a_disclosure(clock, search, record_kind="searched_hold", count=0),
    )
    found = {row[1:] for row in await sums() if row[0] == date(2026, 6, 1)}
    assert found == {
        ("entries", "", 6),
        ("records_searched", "1_day", 3),
        ("records_searched", "1_week", 2),
        ("records_searched", "1_month", 1),
        ("records_searched", "older", 4),
        ("records_searched", "6_months", 2),
        ("records_opened", "6_months", 1),
        ("searches", "criminal_investigation", 1),
    }


@pytest.mark.clause("468.5/ages")
async def test_an_answer_from_before_days_were_counted_has_no_known_age(log, clock, deliver, sums):
    [search] = searches(clock, 1)
    await deliver(structs.replace(of_days(clock, search, d1=3, d40=2), by_day={}))
    assert (date(2026, 6, 1), "records_searched", "unknown", 5) in await sums()


async def test_sharing_and_oversight_count(log, clock, deliver, sums):
    who, now = an_actor(), clock.now()
    request = {"occurred_at": now, "actor": who, "request_id": uuid4()}
    agency = {"agency_ori": "CA0500000", "agency_name": "Tehama", "purpose": "theft"}
    named = {"requester_name": "D. Deputy", "requester_title": "Deputy"}
    finding = {"occurred_at": now, "finding_id": uuid4()}
    work = {**finding, "actor": who}
    prohibited = PurposeRecord(kind="immigration_enforcement")
    await deliver(
        ReleaseRequested(**request, **agency, **named, agency_kind="prosecutor"),
        ReleaseRequested(**request, **agency, **named),
        ReleaseDenied(**request, reason="too wide", agency_kind="federal"),
        FindingRaised(**finding, kind="many_searches", subject=OFFICER),
        FindingChanged(**work, change="assigned", details={"assigned_to": "p"}),
        FindingChanged(**work, change="closed", details={"outcome": "misuse"}),
        FindingChanged(**work, change="closed", details={"outcome": "odd\x00" * 100}),
        *(
            AuditChanged(occurred_at=now, actor=who, audit_id=uuid4(), change=change)
            for change in ("drawn", "signed_off")
        ),
        PurposeDeclared(occurred_at=now, actor=who, purpose=prohibited, accepted=False),
        PurposeDeclared(
            occurred_at=now, actor=who, purpose=PurposeRecord(kind="audit"), accepted=True
        ),
    )
    found = {row[1:] for row in await sums() if row[0] == date(2026, 6, 1)}
    assert found >= {
        ("releases_asked", "prosecutor", 1),
        ("releases_asked", "unknown", 1),
        ("releases_refused", "federal", 1),
        ("findings_raised", "", 1),
        ("findings_closed_as", "misuse", 1),
        ("audits_signed", "", 1),
        ("purposes_refused", "immigration_enforcement", 1),
    }
    assert ("purposes_refused", "audit", 1) not in found


@pytest.mark.clause("468.2/figures")
async def test_a_report_counts_if_the_figure_is_its_services_and_the_month_has_ended(
    log, clock, sums
):
    wrong = [
        reported(clock, "hotlist", date(2026, 5, 1), reads_captured=9),
        reported(clock, "retention", date(2026, 6, 1), reads_captured=9),
        reported(clock, "retention", date(2026, 5, 2), reads_captured=9),
    ]
    await log.append([message_of(one, one.service) for one in wrong])
    assert not [row for row in await sums() if row[1] == "reads_captured"]


async def test_the_command_finds_a_figure_that_was_changed(
    log, clock, deliver, sums, ask_as_owner, settings, repository, monkeypatch, capsys
):
    await deliver(*searches(clock, 6))
    await sums()
    monkeypatch.setenv("DATABASE_URL", settings.database_url)
    monkeypatch.setenv("POLICY_FILE", str(repository / "policy.toml"))
    assert await asyncio.to_thread(verify_figures) == 0
    assert "7 entries counted, 0 figures differ" in capsys.readouterr().out
    await ask_as_owner("UPDATE month_figures SET count = 2 WHERE count = 6 AND figure = 'searches'")
    assert await asyncio.to_thread(verify_figures) == 1
    assert (
        "FAULT  2026-06 searches criminal_investigation: stored 2, the log has 6"
        in capsys.readouterr().out
    )


async def test_a_visit_costs_no_query_and_no_bytes_to_a_client_that_has_them(
    log, clock, deliver, public, client, monkeypatch
):
    await deliver(*searches(clock, 7))
    await public()
    first = await client.get("/v1/figures")
    assert first.headers["cache-control"] == "public, max-age=3600"

    async def unread(_):
        raise AssertionError("the tables were read for a visit")

    monkeypatch.setattr(Figures, "months", unread)
    known = {"If-None-Match": f'"other", W/{first.headers["etag"]}'}
    again = await client.get("/v1/figures", headers=known)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert (await client.get("/v1/figures")).content == first.content

    async def away(_):
        raise DependencyDown("Postgres does not answer")

    monkeypatch.setattr(Figures, "months", away)
    clock.advance(minutes=6)
    assert (await client.get("/v1/figures")).content == first.content


async def test_exact_counts_are_for_auditors_alone_and_the_look_is_on_record(
    log, clock, deliver, counter, client, auditor, authority, bus, runtime
):
    await deliver(*searches(clock, 1, "missing_person"))
    await counter.catch_up()
    assert (await client.get("/v1/figures/exact")).status_code == 401
    other = authority.headers(Permission.RECORD_SEARCH)
    assert (await client.get("/v1/figures/exact", headers=other)).status_code == 403
    answer = await client.get("/v1/figures/exact", headers=auditor())
    assert answer.status_code == 200
    newest, oldest = answer.json()["months"]
    assert (newest["month"], oldest["month"]) == ("2026-06", "2026-05")
    assert not newest["is_whole"]
    assert {"figure": "searches", "kind": "missing_person", "count": 1} in newest["figures"]
    await runtime.relay.drain()
    attempts = bus.events(AccessAttempted)
    assert attempts[-1].route == "/v1/figures/exact"
    assert attempts[-1].allowed
