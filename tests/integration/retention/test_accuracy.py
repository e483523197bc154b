"""Reports on accuracy: who may have one, which reads are measured, and that nothing but counts remains."""

import shlex
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import cv2
import numpy as np
import pytest

from local.stack.stack import CROP_READER
from services.retention.actions.crop_engine import crop_engine
from services.retention.domain.accuracy import SMALLEST_CELL
from services.retention.store.accuracy import AccuracyQueue
from services.retention.store.locks import ACCURACY, only_holder
from services.retention.workers import accuracy
from services.retention.workers.accuracy import AccuracyMeter
from shared.core.permissions import Permission
from shared.events import AccessAttempted, Actor, HitVerified, RecordsDisclosed
from shared.testing import FakeObjects
from tests.e2e.frames import frame
from tests.integration.retention.conftest import ORI, a_hit, a_read, started
from tests.integration.retention.correcting import correct
from tests.integration.retention.exporting import send
from tests.integration.retention.holding import LONG_AGO, OTHER, place
from tests.integration.retention.purging import DUE, purge

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
STAND_IN = shlex.join([sys.executable, str(Path(__file__).with_name("crop_program.py"))])
PURPOSE = "system_maintenance"
OFFICER = Actor(person_id="o", name="Officer Nine", title="Police Officer", agency_ori=ORI)
WINDOW = {
    "captured_from": (NOON - timedelta(days=30)).isoformat(),
    "captured_to": (NOON + timedelta(hours=1)).isoformat(),
}


@pytest.fixture
async def measuring(settings, bus, objects, clock, authority, policy):
    """The service, with a program that stands in for the engine."""
    async with started(
        settings, bus, objects, clock, authority, policy, retention_crop_reader=STAND_IN
    ) as service:
        yield service


async def judge(retention, plate, outcome, crop, *, at=NOON, lookalike=None, **changes):
    """Store a read with a crop, and a hit on it that an officer verified; `outcome` None leaves it unverified."""
    read = a_read(plate, at, crop_key=f"crops/{uuid4()}.jpg", **changes)
    hit = a_hit(read, hit_id=uuid4(), **({"plate_listed": lookalike} if lookalike else {}))
    await retention.store(read, hit)
    await retention.objects.put(read.crop_key, crop.encode())
    if outcome is not None:
        verified = HitVerified(
            occurred_at=at,
            hit_id=hit.hit_id,
            read_id=read.read_id,
            verified_by=OFFICER,
            method="CLETS",
            reference="26-1",
            outcome=outcome,
        )
        await retention.store(verified)
    return read


async def judge_some(retention, count, crop="7ABC123 0.95", outcome="correct_read", **changes):
    """Judge so many reads of one plate, a second apart."""
    start = changes.pop("at", NOON - timedelta(hours=1))
    return [
        await judge(retention, "7ABC123", outcome, crop, at=start + timedelta(seconds=n), **changes)
        for n in range(count)
    ]


async def request(retention, status=202, *permissions, key=None, purpose=PURPOSE, **body):
    """Request a report."""
    headers = retention.authority.headers(*permissions, purpose=purpose)
    body = {**WINDOW, **body}
    return await send(retention, "/v1/accuracy-reports", body, status, key=key, headers=headers)


async def current(retention, report):
    """Return a report as it is now."""
    headers = retention.authority.headers(Permission.ACCURACY_MEASURE, purpose=False)
    path = f"/v1/accuracy-reports/{report['report_id']}"
    answer = await retention.client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def measured(retention, **body):
    """Request a report, have it measured, and return it."""
    report = await request(retention, **body)
    await retention.running.accuracy.work()
    return await current(retention, report)


def figures(report):
    """Return the counts of a report's only cell."""
    [row] = report["rows"]
    return {name: n for name, n in row["figures"].items() if name != "confidences"}


def total(report):
    """Return how many reads a report counted, in cells that are large enough."""
    return sum(row["figures"]["judged"] for row in report["rows"] if row["figures"])


async def test_a_report_compares_the_engine_with_verified_reads_by_camera_state_and_judgement(
    measuring,
):
    await judge_some(measuring, 7, region="US-CA")
    await judge_some(measuring, 2, "7A8C123 0.55", at=NOON - timedelta(hours=2), region="US-CA")
    await judge_some(measuring, 1, "7ABCI23 0.65", at=NOON - timedelta(hours=3), region="US-CA")
    await judge_some(measuring, 1, "9ZZZ999 0.35", at=NOON - timedelta(hours=4), region="US-CA")
    await judge_some(measuring, 1, "-", at=NOON - timedelta(hours=5), region="US-CA")
    await judge_some(measuring, 11, "7ABC124 0.9", "misread", device_id=OTHER, source="recognition")
    report = await measured(measuring)
    assert (report["state"], report["engine"]) == ("ready", "stand-in@1")
    wrong, right = sorted(report["rows"], key=lambda row: row["judgement"], reverse=True)
    assert (right["judgement"], right["region"], right["source"]) == ("right", "US-CA", "edge")
    assert (right["device_name"], right["is_rest"]) == ("Solano St at Third", False)
    bins = right["figures"].pop("confidences")
    assert right["figures"] == {
        "judged": 12, "exact": 7, "folded": 1, "one_edit": 2, "further": 1, "no_read": 1,
    }  # fmt: skip
    counts = {one["confidence_from"]: (one["readings"], one["same"]) for one in bins}
    assert {at: n for at, n in counts.items() if any(n)} == {
        0.3: (1, 0), 0.5: (2, 0), 0.6: (1, 1), 0.9: (7, 7),
    }  # fmt: skip
    assert (wrong["judgement"], wrong["region"], wrong["source"]) == ("wrong", None, "recognition")
    assert wrong["device_id"] == str(OTHER)
    assert (wrong["figures"]["exact"], wrong["figures"]["one_edit"]) == (0, 11)


async def corrected_some(
    retention, count, plate="7A8C123", crop="7A8C123 0.9", at=NOON, outcome=None
):
    """Store so many reads of 7ABC123, a second apart, and correct each."""
    for n in range(count):
        read = await judge(retention, "7ABC123", outcome, crop, at=at - timedelta(seconds=n))
        await correct(retention, read, plate)
        yield read


@pytest.mark.clause("468.3.1(d)/corrections")
async def test_corrected_reads_are_measured_against_the_plate_in_their_picture(measuring):
    at = NOON - timedelta(hours=1)
    reads = [read async for read in corrected_some(measuring, 11)]
    twice = [read async for read in corrected_some(measuring, 2, "7ABC128", at=at)]
    for read in twice:  # the last one is in force
        await correct(measuring, read, "7A8C123")
    misread = corrected_some(measuring, 3, at=at - timedelta(hours=1), outcome="misread")
    reads += [read async for read in misread]
    disputed = corrected_some(measuring, 5, at=at - timedelta(hours=2), outcome="correct_read")
    assert [read async for read in disputed]
    report = await measured(measuring)
    [row] = report["rows"]
    assert (row["judgement"], row["device_id"]) == ("corrected", str(reads[0].device_id))
    assert (row["figures"]["judged"], row["figures"]["exact"]) == (16, 16)
    [disclosed] = [
        event
        for event in await measuring.emitted(RecordsDisclosed)
        if event.record_kind == "measured_crop"
    ]
    assert sorted(disclosed.all_ids) == sorted(str(read.read_id) for read in (*reads, *twice))


async def test_reads_corrected_to_nothing_are_wrong_and_those_of_another_state_right(measuring):
    assert [read async for read in corrected_some(measuring, 10, None, "7ABC123 0.9")]
    right = [
        await judge(measuring, "7ABC123", None, "7ABC123 0.9", at=NOON - timedelta(hours=2 + n))
        for n in range(10)
    ]
    for read in right:
        await correct(measuring, read, "7ABC123", region="NV")
    uncropped = a_read("7ABC123", NOON - timedelta(days=1), image_key="captures/1.jpg")
    await measuring.store(uncropped)
    await correct(measuring, uncropped, "7A8C123")
    rows = {row["judgement"]: row["figures"] for row in (await measured(measuring))["rows"]}
    assert {name: (one["judged"], one["exact"]) for name, one in rows.items()} == {
        "wrong": (10, 10), "right": (10, 10),
    }  # fmt: skip


@pytest.mark.clause("468.3.1(d)/accuracy")
async def test_a_report_needs_its_permission_and_a_purpose_that_opens_it(measuring):
    others = tuple(one for one in Permission if one is not Permission.ACCURACY_MEASURE)
    refused = await request(measuring, 403, *others)
    assert refused["code"] == "permission_missing"
    assert (await request(measuring, 403, purpose=False))["code"] == "purpose_missing"
    wrong = await request(measuring, 403, purpose="criminal_investigation")
    assert wrong["code"] == "purpose_does_not_open"
    report = await request(measuring, 202, Permission.ACCURACY_MEASURE, purpose="audit")
    headers = measuring.authority.headers(*others)
    for path in ("/v1/accuracy-reports", f"/v1/accuracy-reports/{report['report_id']}"):
        assert (await measuring.client.get(path, headers=headers)).status_code == 403


@pytest.mark.clause("468.3.1(d)/accuracy")
async def test_each_read_is_on_record_before_the_first_crop_is_read(measuring, monkeypatch):
    reads = await judge_some(measuring, 12)
    recorded = []
    get = FakeObjects.get

    async def seen(objects, key):
        query = "SELECT topic FROM outbox WHERE topic IN ('alpr.records.disclosed', 'alpr.access.attempted')"
        recorded.append({row.topic for row in await measuring.fetch(query)})
        return await get(objects, key)

    await request(measuring, device_ids=[str(reads[0].device_id)])
    await measuring.runtime.relay.drain()
    await measuring.fetch("DELETE FROM outbox RETURNING 1")
    monkeypatch.setattr(FakeObjects, "get", seen)
    await measuring.running.accuracy.work()
    assert len(recorded) == 12
    assert recorded[0] == {"alpr.records.disclosed", "alpr.access.attempted"}
    [attempt] = [a for a in await measuring.emitted(AccessAttempted) if a.method == "EVENT"]
    assert attempt.permission == "accuracy:measure"
    assert attempt.actor.name == "Officer Seven"
    assert attempt.purpose.kind == PURPOSE
    [report] = await measuring.fetch("SELECT report_id FROM accuracy_reports")
    assert attempt.elements == {
        "report_id": str(report.report_id),
        **{name: datetime.fromisoformat(at).isoformat() for name, at in WINDOW.items()},
        "device_ids": [str(reads[0].device_id)],
    }
    [disclosed] = [
        event
        for event in await measuring.emitted(RecordsDisclosed)
        if event.record_kind == "measured_crop"
    ]
    assert disclosed.attempt_id == attempt.attempt_id
    assert sorted(disclosed.all_ids) == sorted(str(read.read_id) for read in reads)
    assert disclosed.count == 12
    assert disclosed.all_plates == [], "the job shows no plate"


@pytest.mark.clause("468.3.1(d)/accuracy")
async def test_only_judged_reads_of_the_department_are_measured(measuring):
    await judge_some(measuring, 10)
    at = NOON - timedelta(hours=9)
    await judge(measuring, "1NOT001", None, "1NOT001 0.9", at=at)  # unverified
    for outcome in ("list_out_of_date", "dismissed"):  # says nothing of the read
        await judge(measuring, f"1NOT0{len(outcome)}", outcome, "1NOT001 0.9", at=at)
    await judge(measuring, "1NOT003", "correct_read", "1NOT003 0.9", at=at, lookalike="1N0T003")
    await judge(measuring, "1NOT004", "correct_read", "1NOT004 0.9", at=at, agency_ori="CA0520000")
    early = NOON - timedelta(days=31)
    await judge(measuring, "1NOT005", "correct_read", "1NOT005 0.9", at=early)
    doubted = await judge(measuring, "1NOT006", "correct_read", "1NOT006 0.9", at=at)
    other = a_hit(doubted, hit_id=uuid4())
    await measuring.store(other)
    await measuring.store(
        HitVerified(
            occurred_at=at,
            hit_id=other.hit_id,
            read_id=doubted.read_id,
            verified_by=OFFICER,
            method="CLETS",
            reference="26-2",
            outcome="misread",
        )
    )
    report = await measured(measuring)
    assert figures(report)["judged"] == 10
    disclosed = await measuring.emitted(RecordsDisclosed)
    assert [event.count for event in disclosed if event.record_kind == "measured_crop"] == [10]


@pytest.mark.clause("468.3.1(d)/accuracy")
async def test_a_record_that_a_hold_alone_keeps_is_not_measured(measuring):
    await judge_some(measuring, 10, at=LONG_AGO)
    await place(measuring, plate="7ABC123")
    long = {"captured_from": (LONG_AGO - timedelta(days=1)).isoformat()}
    assert total(await measured(measuring, **long)) == 10
    await purge(measuring, before=DUE.isoformat())
    assert await measuring.fetch("SELECT 1 FROM held_reads")
    assert (await measured(measuring, **long))["rows"] == []
    disclosed = await measuring.emitted(RecordsDisclosed)
    assert [event.count for event in disclosed if event.record_kind == "measured_crop"] == [10, 0]


@pytest.mark.clause("468.3.1(d)/accuracy")
async def test_what_is_destroyed_during_the_job_is_not_read(measuring, monkeypatch):
    reads = await judge_some(measuring, 24)
    monkeypatch.setattr(accuracy, "PIECE", 12)
    get, fetched = FakeObjects.get, []

    async def destroying(objects, key):
        if not fetched:  # the crops are still there: a purge deletes them later than the rows
            await measuring.fetch(
                "DELETE FROM reads WHERE captured_at < :at RETURNING 1", at=reads[12].captured_at
            )
        fetched.append(key)
        return await get(objects, key)

    monkeypatch.setattr(FakeObjects, "get", destroying)
    report = await measured(measuring)
    assert len(fetched) == 12
    assert figures(report)["judged"] == 12


@pytest.mark.clause("468.3.1(d)/accuracy")
async def test_a_missing_crop_or_one_that_is_no_image_is_not_counted(measuring):
    await judge_some(measuring, 10)
    lost = await judge(measuring, "1NOT001", "correct_read", "1NOT001 0.9")
    del measuring.objects.stored[lost.crop_key]
    await judge(measuring, "1NOT002", "correct_read", "junk")
    assert figures(await measured(measuring))["judged"] == 10


@pytest.mark.clause("468.3.1(d)/accuracy")
async def test_a_small_cell_has_no_figures_and_no_difference_shows_it(measuring):
    hour = timedelta(hours=1)
    await judge_some(measuring, SMALLEST_CELL - 1, region="US-CA")
    report = await measured(measuring)
    assert [(row["region"], row["figures"]) for row in report["rows"]] == [("US-CA", None)]
    await judge_some(measuring, SMALLEST_CELL, at=NOON - 2 * hour, region="US-NV")
    report = await measured(measuring)
    shown = {row["region"]: row["figures"] and row["figures"]["judged"] for row in report["rows"]}
    assert shown == {"US-CA": None, "US-NV": SMALLEST_CELL}
    await judge_some(measuring, 1, at=NOON - 3 * hour, region="US-OR")
    report = await measured(measuring)
    assert [row["figures"]["judged"] for row in report["rows"] if row["is_rest"]] == [SMALLEST_CELL]
    assert report["smallest_cell"] == SMALLEST_CELL


@pytest.mark.clause("468.3.1(d)/accuracy")
async def test_a_report_stores_counts_and_nothing_of_a_read(measuring, caplog):
    reads = await judge_some(measuring, 10)
    await judge(measuring, "1NOT002", "correct_read", "fatal")
    await measuring.runtime.relay.drain()
    before = len(measuring.bus.events(RecordsDisclosed))
    report = await measured(measuring)
    [row] = await measuring.fetch(
        "SELECT CAST(accuracy_reports AS text) AS whole FROM accuracy_reports"
    )
    emitted = [
        repr(event)
        for event in [
            *await measuring.emitted(AccessAttempted),
            *(await measuring.emitted(RecordsDisclosed))[before:],
        ]
    ]
    for text in (row.whole, str(report), caplog.text, *emitted):
        assert "7ABC123" not in text
        assert "crops/" not in text
    for read in reads:
        assert str(read.read_id) not in row.whole + str(report) + caplog.text


async def test_a_crop_that_ends_the_program_is_left_out(measuring, caplog):
    await judge_some(measuring, 10)
    await judge(
        measuring, "1NOT002", "correct_read", "fatal", at=NOON - timedelta(minutes=59, seconds=55)
    )
    assert figures(await measured(measuring))["judged"] == 10
    assert "a crop ended the program" in caplog.text


async def test_a_report_waits_while_crops_end_the_program_again_and_again(measuring, clock):
    await judge_some(measuring, 11, "fatal")
    report = await measured(measuring)
    assert report["state"] == "requested"
    assert report["fault"] == "more than 10 crops ended the program that reads them"
    for _ in range(accuracy.MAX_ATTEMPTS - 1):
        clock.advance(seconds=60)
        await measuring.running.accuracy.work()
    assert (await current(measuring, report))["state"] == "failed"


@pytest.mark.clause("468.3.1(d)/accuracy")
async def test_a_report_that_was_cut_off_begins_again_with_a_record_of_its_own(
    measuring, monkeypatch
):
    await judge_some(measuring, 10)
    report = await request(measuring)
    get, calls = FakeObjects.get, []

    async def cut_off(objects, key):
        calls.append(key)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return await get(objects, key)

    with monkeypatch.context() as patched:
        patched.setattr(FakeObjects, "get", cut_off)
        with pytest.raises(KeyboardInterrupt):
            await measuring.running.accuracy.work()
    assert (await current(measuring, report))["rows"] == []
    await measuring.running.accuracy.work()
    assert figures(await current(measuring, report))["judged"] == 10
    disclosed = await measuring.emitted(RecordsDisclosed)
    assert [event.count for event in disclosed if event.record_kind == "measured_crop"] == [10, 10]


async def test_one_report_waits_at_a_time_and_a_key_asks_once(measuring, clock):
    first = await request(measuring, key="asked-once")
    assert (await request(measuring, key="asked-once"))["report_id"] == first["report_id"]
    refused = await request(measuring, 409)
    assert refused["code"] == "accuracy_report_waits"
    await measuring.running.accuracy.work()
    clock.advance(seconds=1)
    second = await request(measuring)
    headers = measuring.authority.headers(purpose=False)
    listed = (await measuring.client.get("/v1/accuracy-reports", headers=headers)).json()["items"]
    assert [one["report_id"] for one in listed] == [second["report_id"], first["report_id"]]
    path = "/v1/accuracy-reports?limit=1"
    page = (await measuring.client.get(path, headers=headers)).json()
    rest = (await measuring.client.get(f"{path}&after={page['next']}", headers=headers)).json()
    assert [*page["items"], *rest["items"]] == listed
    assert rest["next"] is None


@pytest.mark.parametrize(
    "other",
    [
        {"captured_from": (NOON - timedelta(days=29)).isoformat()},
        {"captured_to": NOON.isoformat()},
        {"device_ids": [str(uuid4())]},
    ],
    ids=lambda given: next(iter(given)),
)
async def test_a_key_is_not_for_another_report_than_it_asked_for(measuring, other):
    await request(measuring, key="asked-once")
    refused = await request(measuring, 409, key="asked-once", **other)
    assert refused["code"] == "accuracy_key_reused"


@pytest.mark.clause("468.3.1(d)/accuracy")
async def test_another_agencys_reports_are_neither_found_nor_listed(measuring):
    report = await request(measuring, key="asked-by-us")
    stranger = measuring.authority.headers(ori="CA0520000", purpose=False)
    found = await measuring.client.get(
        f"/v1/accuracy-reports/{report['report_id']}", headers=stranger
    )
    listed = await measuring.client.get("/v1/accuracy-reports", headers=stranger)
    assert (found.status_code, listed.json()["items"]) == (404, [])


@pytest.mark.clause("468.3.1(d)/accuracy")
async def test_a_report_has_the_cameras_and_the_window_that_were_asked_for(measuring):
    one, other = uuid4(), uuid4()
    end = datetime.fromisoformat(WINDOW["captured_to"])
    await judge_some(measuring, 10, device_id=one)
    start = datetime.fromisoformat(WINDOW["captured_from"])
    await judge_some(measuring, 10, device_id=other, at=NOON - timedelta(hours=2))
    for at in (start - timedelta(microseconds=1), start, end):
        await judge(measuring, "7ABC123", "correct_read", "7ABC123 0.9", at=at, device_id=one)
    report = await measured(measuring, device_ids=[str(one)])
    assert [(row["device_id"], row["figures"]["judged"]) for row in report["rows"]] == [
        (str(one), 11)
    ]


@pytest.mark.clause("468.3.1(d)/accuracy")
async def test_a_report_of_another_agency_measures_its_own_reads(measuring):
    await judge_some(measuring, 10)
    await judge_some(measuring, 12, device_id=uuid4(), agency_ori="CA0520000")
    theirs = measuring.authority.headers(purpose=PURPOSE, ori="CA0520000", account_id=str(uuid4()))
    report = await send(measuring, "/v1/accuracy-reports", WINDOW, 202, headers=theirs)
    await measuring.running.accuracy.work()
    path = f"/v1/accuracy-reports/{report['report_id']}"
    assert total((await measuring.client.get(path, headers=theirs)).json()) == 12


async def test_a_report_that_no_program_can_measure_any_more_fails_at_once(measuring):
    report = await request(measuring)
    await AccuracyMeter(measuring.runtime, None).work()
    report = await current(measuring, report)
    assert report["state"] == "failed"
    assert "RETENTION_CROP_READER" in report["fault"]


async def test_the_key_of_a_request_is_its_persons_own(measuring):
    first = await request(measuring, key="asked-once")
    await measuring.running.accuracy.work()
    body, path = WINDOW, "/v1/accuracy-reports"
    headers = measuring.authority.headers(purpose=PURPOSE, account_id=str(uuid4()))
    second = await send(measuring, path, body, 202, key="asked-once", headers=headers)
    assert second["report_id"] != first["report_id"]


async def test_a_report_that_waits_is_not_deleted_with_the_old_ones(measuring, clock):
    report = await request(measuring)
    async with measuring.runtime.db.begin() as connection:
        await AccuracyQueue(connection).end(clock.now() + timedelta(days=1))
    assert (await current(measuring, report))["state"] == "requested"


@pytest.mark.clause("468.3.1(d)/accuracy")
async def test_one_of_all_replicas_measures_at_a_time(measuring):
    report = await request(measuring)
    async with only_holder(measuring.runtime.db, ACCURACY) as is_only:
        assert is_only
        await measuring.running.accuracy.work()
        assert (await current(measuring, report))["state"] == "requested"
    await measuring.running.accuracy.work()
    assert (await current(measuring, report))["state"] == "ready"


async def test_a_bad_request_names_what_is_allowed(measuring):
    refused = await request(measuring, 422, captured_to=WINDOW["captured_from"])
    assert "must be after captured_from" in str(refused)
    path = f"/v1/accuracy-reports/{UUID(int=5)}"
    headers = measuring.authority.headers(purpose=False)
    assert (await measuring.client.get(path, headers=headers)).status_code == 404


async def test_without_an_engine_a_report_is_refused(retention):
    refused = await request(retention, 409)
    assert refused["code"] == "accuracy_without_engine"
    assert "RETENTION_CROP_READER" in refused["detail"]


async def test_a_report_ends_with_the_schedule(measuring, clock):
    report = await measured(measuring)
    clock.advance(days=measuring.runtime.policy.retention.schedule_days, seconds=1)
    await measuring.running.accuracy.work()
    assert not await measuring.fetch(
        "SELECT 1 FROM accuracy_reports WHERE report_id = :id", id=report["report_id"]
    )


async def test_the_departments_engine_reads_rendered_crops(
    settings, bus, objects, clock, authority, policy
):
    async with started(
        settings, bus, objects, clock, authority, policy, retention_crop_reader=CROP_READER
    ) as service:
        image = cv2.imdecode(np.frombuffer(frame("8XYZ987"), np.uint8), cv2.IMREAD_COLOR)
        crop = cv2.imencode(".jpg", image[100:240, 110:370])[1].tobytes()
        reads = await judge_some(service, SMALLEST_CELL)
        for read in reads:
            await service.objects.put(read.crop_key, crop)
        report = await measured(service)
    assert report["engine"].startswith("plateward-")
    assert figures(report)["further"] == SMALLEST_CELL, "8XYZ987 is not 7ABC123"
    assert sum(one["readings"] for one in report["rows"][0]["figures"]["confidences"][9:]) == 10


@pytest.mark.clause("468.3.1(d)/accuracy")
async def test_the_departments_program_can_write_no_file_and_its_memory_is_bounded(settings):
    async with crop_engine(CROP_READER, settings.policy_file) as engine:
        lines = Path(f"/proc/{engine.pid}/limits").read_text().splitlines()
    limits = {line[:25].strip(): line[25:].split()[:2] for line in lines}
    assert limits["Max file size"] == limits["Max core file size"] == ["0", "0"]
    assert limits["Max address space"] == [str(2 * 1024**3)] * 2
