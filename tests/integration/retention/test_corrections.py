"""Corrections of misread plates: beside the record wherever it goes, with their person, and gone with the record."""

import asyncio
import csv
import io
import json
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.retention.domain.corrections import Correction, PlateSeen
from services.retention.domain.plates import plate_number
from services.retention.store.corrections import Corrections
from services.retention.store.locks import CORRECTIONS
from shared.core.permissions import Permission
from shared.core.types import PlateText
from shared.events import AccessAttempted, Actor, ReadCorrected, RecordsDisclosed
from shared.testing import eventually
from tests.integration.retention.conftest import DEVICE, ORI
from tests.integration.retention.conftest import a_read as a_read_alone
from tests.integration.retention.correcting import REASON, correct
from tests.integration.retention.evidence import Page, lines, written
from tests.integration.retention.exporting import exported
from tests.integration.retention.holding import OTHER, place, release
from tests.integration.retention.packaging import (
    a_pictured_read,
    an_approval,
    build,
    content,
    names,
)
from tests.integration.retention.purging import DUE, NOON, purge

PERSON = {"name": "Officer Seven", "title": "Police Officer", "agency_ori": ORI}


def a_read(plate, at, **changes):
    """Return a read with a picture of its plate."""
    return a_read_alone(plate, at, **{"crop_key": f"crops/{plate}.jpg", **changes})


@pytest.fixture
async def read(retention):
    """A read of 7ABC123, whose picture shows 7A8C123."""
    misread = a_read("7ABC123", NOON, region="US-CA")
    await retention.store(misread)
    return misread


async def corrections(retention, read):
    """Return a read's corrections: plate and region of each."""
    found = (await retention.get(f"/v1/reads/{read.read_id}")).json()
    return [(one["plate"], one["region"]) for one in found["corrections"]]


@pytest.mark.clause("468.3.1(d)/corrections")
async def test_a_correction_is_returned_beside_the_record_which_stays(retention, read):
    answer = await correct(retention, read, region="NV")
    [correction] = answer["corrections"]
    assert answer["read_id"] == str(read.read_id)
    assert (correction["plate"], correction["region"], correction["reason"]) == (
        "7A8C123", "US-NV", REASON,
    )  # fmt: skip
    by = correction["corrected_by"]
    assert {name: by[name] for name in PERSON} == PERSON
    assert (answer["plate"], answer["plate_as_read"], answer["region"]) == (
        "7ABC123", "7ABC123", "US-CA",
    )  # fmt: skip
    [found] = (await retention.search(plate="7ABC123"))["items"]
    assert (found["plate"], found["corrections"]) == ("7ABC123", answer["corrections"])
    [stored] = await retention.fetch("SELECT plate_id, plate_as_read FROM reads")
    assert tuple(stored) == (plate_number("7ABC123"), "7ABC123")


@pytest.mark.clause("468.3.1(d)/corrections")
async def test_the_corrections_of_each_read_stand_in_their_order(retention, read):
    other = a_read("8XYZ987", NOON)
    await retention.store(other, a_read("1NOT001", NOON))
    await correct(retention, read, None)
    await correct(retention, other, "8XYZ981")
    await correct(retention, read, "7A8C123")
    await correct(retention, read, "7ABC123", region="NV")
    found = {
        one["plate"]: one["corrections"]
        for one in (await retention.search(area=None, device_ids=[str(read.device_id)]))["items"]
    }
    assert [one["plate"] for one in found["7ABC123"]] == [None, "7A8C123", "7ABC123"]
    assert [one["plate"] for one in found["8XYZ987"]] == ["8XYZ981"]
    assert found["1NOT001"] == []
    assert await corrections(retention, read) == [
        (None, None),
        ("7A8C123", None),
        ("7ABC123", "US-NV"),
    ]


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"plate": "7ABC123"}, 409, "read_corrected_to_same", "plate"),
        ({"plate": "7abc-123", "region": "CA"}, 409, "read_corrected_to_same", "plate"),
        ({"plate": ""}, 422, None, "body.plate"),
        ({"plate": "7AB?123"}, 422, None, "body.plate"),
        ({"plate": "7A8C123", "region": "XX"}, 422, "region_unknown", "body.region"),
        ({"plate": None, "region": "NV"}, 422, "read_correction_without_plate", "region"),
        ({"plate": "7A8C123", "reason": " "}, 422, None, "body.reason"),
    ],
)
async def test_what_corrects_nothing_or_is_not_clear_is_refused(
    retention, read, body, status, code, field
):
    refused = await correct(retention, read, **{"status": status, **body})
    assert code in (None, refused["code"])
    assert refused.get("field", refused.get("errors", [{}])[0].get("field")) == field
    assert await corrections(retention, read) == []
    assert await retention.emitted(ReadCorrected) == []


SEARCHES = [
    {"plate": "7A8C123"},
    {"plate": "7A8*"},
    {"plate": "7A?C123"},
    {"plate": "*8C1*"},
    {"plate": "?A8?*2*"},
    {"plate": "7ABC123", "lookalike": True},
    {"plate": "7A8C123", "device_ids": [str(DEVICE)]},
    {"plate": "7A8C123", "area": {"latitude": 39.9277, "longitude": -122.1792, "radius_m": 400}},
]


@pytest.mark.clause("468.3.1(d)/corrections")
@pytest.mark.parametrize("asked", SEARCHES)
async def test_a_search_finds_a_read_by_the_plate_that_its_picture_shows(retention, read, asked):
    at = [NOON - timedelta(hours=n) for n in range(4)]
    first, third = (a_read("7A8C123", one) for one in (at[1], at[3]))
    elsewhere = a_read("8XYZ987", at[2])  # nothing like it
    await retention.store(first, third, elsewhere)
    await correct(retention, read)
    await correct(retention, elsewhere)
    whole = await retention.search(**asked, count=True)
    found = [one["read_id"] for one in whole["items"]]
    assert found == [str(one.read_id) for one in (read, first, elsewhere, third)], "newest first"
    assert whole["count"]["value"] == 4
    paged, after = [], None
    while after is not None or not paged:
        page = await retention.search(**asked, limit=1, **({"after": after} if after else {}))
        paged += [one["read_id"] for one in page["items"]]
        after = page["next"]
    assert paged == found, "nothing twice, nothing left out"


@pytest.mark.clause("468.3.1(d)/corrections")
async def test_a_search_by_a_corrected_plate_stays_within_its_other_conditions(retention, read):
    others = [
        a_read("8XYZ987", NOON, device_id=OTHER, agency_ori="CA0520000"),
        a_read("8XYZ987", NOON, device_id=OTHER),
        a_read("8XYZ987", NOON - timedelta(days=31)),
    ]
    await retention.store(*others)
    await correct(retention, read)
    for one in others[1:]:
        await correct(retention, one)
    async with retention.runtime.db.begin() as connection:
        of_another = Correction(
            correction_id=uuid4(),
            seen=PlateSeen(PlateText("7A8C123"), None),
            reason=REASON,
            corrected_by=Actor(person_id="p", name="n", title="t", agency_ori="CA0520000"),
            corrected_at=NOON,
        )
        await Corrections(connection).add(of_another, others[0].read_id, NOON)

    async def found(**asked):
        return {
            one["read_id"] for one in (await retention.search(plate="7A8C123", **asked))["items"]
        }

    mine, theirs = str(read.read_id), str(others[1].read_id)
    assert await found() == {mine, theirs}
    assert await found(device_ids=[str(OTHER)]) == {theirs}
    assert await found(captured_from=(NOON + timedelta(minutes=1)).isoformat()) == set()
    assert await found(region="NV") == {theirs}, "the other one is of California"
    narrowed = retention.authority.headers() | {
        "X-ALPR-Purpose": retention.authority.purpose_token(scope={"device_ids": [str(OTHER)]})
    }
    assert await found(headers=narrowed, device_ids=[str(OTHER)]) == {theirs}
    of_plate = retention.authority.headers() | {
        "X-ALPR-Purpose": retention.authority.purpose_token(scope={"plate": "7A8C123"})
    }
    assert await found(headers=of_plate) == set(), "by the plate on record alone"
    await correct(retention, read, "7ABC124")
    assert await found() == {theirs}, "the last correction is in force"
    await correct(retention, others[1], None)
    assert await found() == set()


@pytest.mark.clause("468.3.1(d)/corrections")
async def test_a_read_without_a_picture_cannot_be_corrected_by_one(retention):
    unseen = a_read_alone("7ABC123", NOON)
    framed = a_read_alone("8XYZ987", NOON, image_key="captures/1.jpg")
    await retention.store(unseen, framed)
    refused = await correct(retention, unseen, status=409)
    assert refused["code"] == "read_without_picture"
    assert await corrections(retention, unseen) == []
    await correct(retention, framed)
    assert await corrections(retention, framed) == [("7A8C123", None)]


async def test_a_plate_has_to_be_given_or_said_to_be_illegible(retention, read):
    headers = {**retention.authority.headers(), "Idempotency-Key": "a-key-of-its-own"}
    path = f"/v1/reads/{read.read_id}/correction"
    answer = await retention.client.post(path, json={"reason": REASON}, headers=headers)
    assert answer.status_code == 422


@pytest.mark.clause("468.3.1(d)/corrections")
async def test_a_correction_is_on_record_with_its_person_and_both_plates(retention, read):
    answer = await correct(retention, read, region="NV")
    await correct(retention, read, None)
    await correct(retention, read, "7ABC123")
    first, second, third = await retention.emitted(ReadCorrected)
    assert str(first.correction_id) == answer["corrections"][0]["correction_id"]
    assert (first.read_id, first.captured_on, first.reason) == (read.read_id, NOON.date(), REASON)
    assert (first.plate_before, first.plate, first.region) == ("7ABC123", "7A8C123", "US-NV")
    assert (second.plate_before, second.plate, second.region) == ("7A8C123", None, None)
    assert (third.plate_before, third.plate, third.region) == (None, "7ABC123", None)
    assert first.captured_at == read.captured_at, "a purge of hotlist needs it"
    assert first.actor.name == "Officer Seven"
    attempt = (await retention.emitted(AccessAttempted))[0]
    assert (attempt.permission, attempt.purpose.kind) == (
        "record:correct",
        "criminal_investigation",
    )
    disclosed = (await retention.emitted(RecordsDisclosed))[0]
    assert (disclosed.attempt_id, disclosed.all_ids) == (attempt.attempt_id, [str(read.read_id)])


@pytest.mark.clause("468.3.1(d)/corrections")
async def test_one_key_corrects_once(retention, read):
    both = await asyncio.gather(*(correct(retention, read, key="key-of-a-form") for _ in range(2)))
    later = await correct(retention, read, key="key-of-a-form")
    assert {one["corrections"][0]["correction_id"] for one in (*both, later)} == {
        later["corrections"][0]["correction_id"]
    }
    assert await corrections(retention, read) == [("7A8C123", None)]
    assert len(await retention.emitted(ReadCorrected)) == 1
    for changes in ({"plate": "7A8C124"}, {"reason": "another one"}, {"region": "NV"}):
        refused = await correct(retention, read, status=409, key="key-of-a-form", **changes)
        assert refused["code"] == "read_correction_key_reused"
    assert await corrections(retention, read) == [("7A8C123", None)]
    headers = retention.authority.headers(account_id=str(uuid4()))
    await correct(retention, read, "7A8C128", key="key-of-a-form", headers=headers)
    assert len(await corrections(retention, read)) == 2, "another person's key is another one"


@pytest.mark.clause("468.3.1(d)/corrections")
async def test_two_people_at_once_correct_one_after_the_other(retention, read):
    async def both_wait():
        query = (
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND classid = :lock"
        )
        return len(await retention.fetch(query, lock=CORRECTIONS)) == 2

    people = [retention.authority.headers(account_id=str(uuid4())) for _ in range(2)]
    async with retention.runtime.db.begin() as connection:
        await Corrections(connection).lock(read.read_id)
        asked = [asyncio.create_task(correct(retention, read, headers=one)) for one in people]
        await eventually(both_wait)
    done = await asyncio.gather(*asked, return_exceptions=True)
    [refused] = [one for one in done if isinstance(one, AssertionError)]
    assert "read_corrected_to_same" in str(refused), "the second one corrects nothing"
    assert await corrections(retention, read) == [("7A8C123", None)]


@pytest.mark.clause("468.3.1(d)/corrections")
async def test_a_correction_needs_its_permission_and_a_purpose_that_contains_the_read(
    retention, read
):
    others = tuple(one for one in Permission if one is not Permission.RECORD_CORRECT)
    refused = await correct(retention, read, "7A8C123", 403, *others)
    assert refused["code"] == "permission_missing"
    without = retention.authority.headers(purpose=False)
    assert (await correct(retention, read, status=403, headers=without))[
        "code"
    ] == "purpose_missing"
    kind = retention.authority.headers(purpose="audit")
    assert (await correct(retention, read, status=403, headers=kind))[
        "code"
    ] == "purpose_does_not_open"
    scoped = retention.authority.headers() | {
        "X-ALPR-Purpose": retention.authority.purpose_token(scope={"plate": "8XYZ987"})
    }
    assert (await correct(retention, read, status=404, headers=scoped))["code"] == "read_unknown"
    elsewhere = a_read("7ABC123", NOON, device_id=OTHER, agency_ori="CA0520000")
    await retention.store(elsewhere)
    assert (await correct(retention, elsewhere, status=404))["code"] == "read_unknown"
    assert await retention.fetch("SELECT 1 FROM read_corrections") == []


@pytest.mark.clause("468.3.1(d)/corrections")
async def test_a_file_of_reads_has_their_corrections(retention, read):
    await correct(retention, read)
    window = {"captured_from": NOON - timedelta(days=1), "captured_to": NOON + timedelta(hours=1)}
    body = {"plate": "7ABC123", "format": "csv", **{k: v.isoformat() for k, v in window.items()}}
    answer = await retention.client.post(
        "/v1/reads/export", json=body, headers=retention.authority.headers()
    )
    row = next(csv.DictReader(io.StringIO(answer.text)))
    [correction] = json.loads(row["corrections"])
    assert (row["plate"], correction["plate"], correction["reason"]) == (
        "7ABC123",
        "7A8C123",
        REASON,
    )


@pytest.mark.clause("468.3.1(d)/corrections")
async def test_evidence_has_each_correction_with_its_person(retention, read, tmp_path):
    await correct(retention, read, None)
    await correct(retention, read, region="NV")
    _, export = await exported(retention, plate="7ABC123")
    path = await written(retention, export, tmp_path / "package.zip")
    [line] = lines(path, "data/records.jsonl")
    first, second = line["corrections"]
    assert (line["plate"], first["plate"], second["plate"]) == ("7ABC123", None, "7A8C123")
    assert (second["region"], second["reason"]) == ("US-NV", REASON)
    assert {name: second["corrected_by"][name] for name in PERSON} == PERSON
    [row] = csv.DictReader(io.StringIO(content(path, "data/records.csv").decode()))
    assert json.loads(row["corrections"]) == line["corrections"]
    page = Page(path, "index.html").html
    assert f"the picture shows no legible plate ({first['corrected_at']} by Officer Seven" in page
    assert f"the picture shows 7A8C123 of US-NV ({second['corrected_at']} by Officer Seven" in page


@pytest.mark.clause("468.3.1(d)/corrections")
async def test_a_release_by_plate_leaves_out_what_was_corrected_to_another(retention, tmp_path):
    kept = {}
    for number, (plate, region) in enumerate(
        {"7A8C123": None, None: None, "7ABC123": "NV"}.items()
    ):
        _, kept[plate] = await a_pictured_read(retention, "7ABC123", NOON - timedelta(hours=number))
        await correct(retention, kept[plate], plate, **({"region": region} if region else {}))
    _, back = await a_pictured_read(retention, "7ABC123", NOON - timedelta(hours=5))
    await correct(retention, back, "7A8C123")
    await correct(retention, back, "7ABC123")
    packaged, path = await build(retention, an_approval(), tmp_path)
    released = {line["read_id"]: line["corrections"] for line in lines(path, "data/records.jsonl")}
    assert set(released) == {str(kept["7ABC123"].read_id), str(back.read_id)}
    assert (packaged.reads, packaged.images, packaged.omitted) == (2, 4, 2)
    omitted = csv.reader(io.StringIO(content(path, "data/omitted.csv").decode()))
    reason = "corrected to another plate, which the request does not name"
    assert list(omitted) == [
        ["file", "reason"],
        *([f"reads/{kept[plate].read_id}", reason] for plate in (None, "7A8C123")),
    ]
    [of_state] = released[str(kept["7ABC123"].read_id)]
    assert set(of_state) == {"plate", "region", "corrected_at"}, "no person, no reason"
    assert (of_state["plate"], of_state["region"]) == ("7ABC123", "US-NV")
    whole = an_approval(criteria={"plate": None, "device_ids": [kept[None].device_id]})
    _, path = await build(retention, whole, tmp_path)
    assert len(lines(path, "data/records.jsonl")) == 4, "no plate is named, so each belongs to it"
    assert "data/omitted.csv" not in names(path)


@pytest.mark.clause("468.3.1(d)/corrections")
async def test_a_purge_destroys_corrections_with_their_reads(retention):
    old, young = a_read("1OLD001", DUE - timedelta(days=40)), a_read("7ABC123", NOON)
    days = a_read("1OLD002", DUE - timedelta(days=2))
    held = a_read("1OLD003", DUE - timedelta(days=40, hours=1))
    reads = (old, days, held, young)
    await retention.store(*reads)
    for one in reads:
        await correct(retention, one, "9NEW999")
    hold = await place(retention, plate="1OLD003")
    await purge(retention)
    stored = await retention.fetch("SELECT read_id FROM read_corrections")
    assert {row.read_id for row in stored} == {held.read_id, young.read_id}
    assert await corrections(retention, held) == [("9NEW999", None)]
    await release(retention, hold)
    await purge(retention)
    stored = await retention.fetch("SELECT read_id FROM read_corrections")
    assert [row.read_id for row in stored] == [young.read_id]


@pytest.mark.clause("468.3.1(d)/corrections")
async def test_a_correction_that_a_purge_overtook_ends_with_the_next_one(retention, as_owner):
    old = a_read("1OLD001", DUE - timedelta(days=40))
    await retention.store(old)
    await correct(retention, old)
    moved = "UPDATE read_corrections SET read_id = :other RETURNING 1"
    async with as_owner("retention") as connection:
        await connection.execute(text(moved), {"other": uuid4()})
    await purge(retention)
    assert await retention.fetch("SELECT 1 FROM read_corrections") == []


async def test_a_read_under_a_hold_alone_is_corrected_too(retention):
    held = a_read("1OLD003", DUE - timedelta(days=40))
    await retention.store(held)
    await place(retention, plate="1OLD003")
    await purge(retention)
    assert (await retention.fetch("SELECT 1 FROM reads")) == []
    await correct(retention, held, "10LD003")
    assert await corrections(retention, held) == [("10LD003", None)]
