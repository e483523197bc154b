"""A late record is shown as late wherever it is shown: search, frames, packages, evidence (ADR-0032)."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from services.retention.store import packages
from shared.testing import recognised, signed
from tests.integration.retention.conftest import a_capture, a_read
from tests.integration.retention.evidence import lines, written
from tests.integration.retention.exporting import exported
from tests.integration.retention.holding import LONG_AGO, place
from tests.integration.retention.packaging import an_approval, build, content
from tests.integration.retention.purging import purge

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
LATE = {"1LAT001": True, "2PRT002": False, "3OLD003": None}
"""Late, in time, and from before ingest judged that."""


async def three(retention):
    """Store a read of each, and a frame of each beside it."""
    captures = [
        a_capture(NOON.replace(minute=n), late=late) for n, late in enumerate(LATE.values())
    ]
    reads = [
        a_read(plate, capture.capture.captured_at, late=late, capture_id=capture.capture.capture_id)
        for (plate, late), capture in zip(LATE.items(), captures, strict=True)
    ]
    await retention.store(*captures, *reads)
    return captures, reads


@pytest.mark.clause("468.5/late")
async def test_a_search_says_which_reads_and_frames_came_late(retention):
    captures, reads = await three(retention)
    found = (await retention.search(device_ids=[str(reads[0].device_id)]))["items"]
    assert {read["plate"]: read["late"] for read in found} == LATE
    for capture in captures:
        path = f"/v1/captures/{capture.capture.capture_id}"
        assert (await retention.get(path)).json()["late"] is capture.capture.late
    for read in reads:
        assert (await retention.get(f"/v1/reads/{read.read_id}")).json()["late"] is read.late


@pytest.mark.clause("468.5/late")
async def test_a_release_package_says_which_reads_came_late(retention, tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "CHUNK", 1)
    await three(retention)
    approval = an_approval(
        criteria={"plate": None, "device_ids": [str(a_read("1A", NOON).device_id)]}
    )
    _, path = await build(retention, approval, tmp_path)
    records = [json.loads(line) for line in content(path, "data/records.jsonl").splitlines()]
    assert {record["plate"]: record["late"] for record in records} == LATE
    table = csv.DictReader(io.StringIO(content(path, "data/records.csv").decode()))
    assert {row["plate"]: row["late"] for row in table} == {
        "1LAT001": "True",
        "2PRT002": "False",
        "3OLD003": "",
    }
    assert b"Late-Reads: 1\n" in content(path, "bag-info.txt")


@pytest.mark.clause("468.5/late")
async def test_evidence_says_which_reads_and_frames_came_late(retention, tmp_path):
    await three(retention)
    _, export = await exported(
        retention,
        device_ids=[str(a_read("1A", NOON).device_id)],
        captured_from=(NOON - timedelta(days=30)).isoformat(),
        captured_to=(NOON + timedelta(hours=1)).isoformat(),
    )
    path = await written(retention, export, tmp_path / "evidence.zip")
    assert {r["plate"]: r["late"] for r in lines(path, "data/records.jsonl")} == LATE
    assert [f["late"] for f in lines(path, "data/captures.jsonl")] == list(LATE.values())


@pytest.mark.clause("468.5/late")
async def test_a_late_record_that_a_hold_keeps_beyond_its_month_stays_late(retention):
    capture = a_capture(LONG_AGO, late=True)
    read = a_read("1LAT001", LONG_AGO, late=True, capture_id=capture.capture.capture_id)
    await retention.store(capture, read)
    await place(retention, plate="1LAT001")
    await purge(retention)
    assert await retention.fetch("SELECT late FROM held_reads") == [(True,)]
    assert await retention.fetch("SELECT late FROM held_captures") == [(True,)]
    assert (await retention.get(f"/v1/reads/{read.read_id}")).json()["late"] is True


@pytest.mark.clause("468.5/late")
@pytest.mark.parametrize("late", [True, False, None])
async def test_a_read_has_the_lateness_that_ingest_signed_for_its_frame(retention, late):
    retention.running.proofs._unsigned_until = None
    await retention.store(recognised(signed(a_capture(NOON, late=late).capture)))
    assert await retention.fetch("SELECT late FROM reads") == [(late,)]
