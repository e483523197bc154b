"""Packages of approved requests: exactly in scope, signed, verifiable offline, one per request."""

import asyncio
import csv
import hashlib
import io
import json
import random
import re
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from pydantic import ValidationError

from services.release.api.fields import CriteriaIn
from services.release.domain.scope import check_scope
from services.retention.domain.signing import Signer, load_public
from services.retention.domain.verifying import verify_package
from services.retention.workers import packager
from shared.core.errors import InternalFault, InvalidInput
from shared.events import (
    AccessAttempted,
    RecordsDisclosed,
    ReleaseFailed,
    ReleasePackaged,
)
from shared.postgres.restores import Restore, Restores
from tests.integration.retention.conftest import JPEG, a_read, started, verify_command
from tests.integration.retention.holding import OTHER
from tests.integration.retention.packaging import (
    NOON,
    a_pictured_read,
    an_approval,
    build,
    content,
    names,
)
from tests.integration.retention.purging import purge


def plates(path):
    lines = content(path, "data/records.jsonl").decode().splitlines()
    return sorted(json.loads(line)["plate"] for line in lines)


@pytest.mark.clause("468.7/package")
async def test_a_package_has_exactly_what_was_approved(retention, tmp_path):
    capture, read = await a_pictured_read(retention, "7ABC123")
    await a_pictured_read(retention, "8XYZ987")  # another plate
    await a_pictured_read(retention, "7ABC123", NOON - timedelta(days=11))  # before the window
    await a_pictured_read(retention, "7ABC123", agency_ori="CA0520000")  # not ours to give
    packaged, path = await build(retention, an_approval(), tmp_path)
    assert (packaged.reads, packaged.images) == (1, 2)
    assert packaged.size_bytes == path.stat().st_size
    assert packaged.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    [line] = content(path, "data/records.jsonl").decode().splitlines()
    record = json.loads(line)
    assert record["read_id"] == str(read.read_id)
    assert record["image"] == f"images/{capture.capture_id}.png"
    assert record["crop"] == f"crops/{read.read_id}.png"
    [row] = csv.DictReader(io.StringIO(content(path, "data/records.csv").decode()))
    assert (row["plate"], row["read_id"]) == ("7ABC123", str(read.read_id))
    request = json.loads(content(path, "data/request.json"))
    assert request["agency"] == {"name": "Tehama County Sheriff", "ori": "CA0520000"}
    assert request["purpose"] == "locate a stolen vehicle"
    assert request["approved_by"]["name"] == "Sgt. A"
    pictures = {name for name in names(path) if name.startswith(("data/images", "data/crops"))}
    assert len(pictures) == 2


SCOPES = [
    ({"plate": "7AB*"}, ["7ABC123", "7ABD555"]),
    ({"plate": "7AB*", "device_ids": [OTHER]}, ["7ABD555"]),
    ({"plate": None, "device_ids": [OTHER]}, ["7ABD555", "8XYZ987"]),
    ({"plate": "7A8C123"}, []),
    ({"captured_to": NOON}, []),
]


@pytest.mark.clause("468.7/package")
async def test_a_package_contains_exactly_the_records_that_match_its_criteria(retention, tmp_path):
    await retention.store(
        a_read("7ABC123", NOON),
        a_read("7ABD555", NOON, device_id=OTHER),
        a_read("8XYZ987", NOON, device_id=OTHER),
    )
    for criteria, found in SCOPES:
        packaged, path = await build(retention, an_approval(criteria=criteria), tmp_path)
        assert plates(path) == found, criteria
        assert packaged.reads == len(found)
        assert verify_package(path).holds


@pytest.mark.clause("468.7/package")
async def test_a_search_and_a_package_find_the_same_records_for_every_accepted_pattern(
    retention, tmp_path
):
    """Property over many patterns: the package holds the matching records, and a search finds the same."""
    rnd = random.Random(468)
    stored = sorted({"".join(rnd.choices("7AB8", k=rnd.randint(2, 5))) for _ in range(60)})
    await retention.store(*(a_read(plate, NOON) for plate in stored))
    window = {"captured_from": NOON - timedelta(days=1), "captured_to": NOON + timedelta(hours=1)}
    tried = 0
    while tried < 40:
        typed = "".join(rnd.choices("7aB8 -/??**", k=rnd.randint(1, 14)))
        try:
            asked = CriteriaIn(plate=typed, **window)
            check_scope(asked.criteria(), retention.runtime.policy.narrowness)
        except (ValidationError, InvalidInput):
            continue
        tried += 1
        approval = an_approval(criteria=asked.model_dump())
        _, path = await build(retention, approval, tmp_path)
        matching = re.compile(asked.plate.replace("?", ".").replace("*", ".*"))
        expected = [plate for plate in stored if matching.fullmatch(plate)]
        assert plates(path) == expected, typed
        assert sorted(await retention.plates(plate=typed)) == expected, typed


@pytest.mark.clause("468.7/package")
async def test_a_package_ordered_without_images_contains_no_image(retention, tmp_path):
    await a_pictured_read(retention, "7ABC123")
    approval = an_approval(criteria={"include_images": False})
    packaged, path = await build(retention, approval, tmp_path)
    assert (packaged.reads, packaged.images) == (1, 0)
    assert not any("images" in name or "crops" in name for name in names(path))
    assert json.loads(content(path, "data/records.jsonl"))["image"] is None


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_building_a_package_is_recorded_for_the_requester_with_every_record(
    retention, tmp_path
):
    capture, read = await a_pictured_read(retention, "7ABC123")
    approval = an_approval()
    await build(retention, approval, tmp_path)
    [attempt] = await retention.emitted(AccessAttempted)
    disclosed = await retention.emitted(RecordsDisclosed)
    assert attempt.actor.name == "Det. Tehama"
    assert attempt.purpose.kind == "release"
    assert attempt.purpose.case_number == "T26-55"
    assert attempt.elements["request_id"] == str(approval.request_id)
    assert attempt.elements["plate"] == "7ABC123"
    assert all(event.attempt_id == attempt.attempt_id for event in disclosed)
    assert {(e.record_kind, *e.all_ids) for e in disclosed} == {
        ("read", str(read.read_id)),
        ("capture", str(capture.capture_id)),
    }


async def test_an_approval_that_cannot_be_stored_is_refused(retention, tmp_path):
    """Release sends none; in an attacker's hands it would stop all packages."""
    with pytest.raises(InternalFault):
        await retention.store(an_approval(purpose="locate\0"))
    await build(retention, an_approval(), tmp_path)


async def test_an_approval_delivered_twice_makes_one_package(retention, tmp_path):
    await a_pictured_read(retention, "7ABC123")
    approval = an_approval()
    await build(retention, approval, tmp_path)
    await retention.store(approval, approval)
    await retention.store(an_approval(request_id=approval.request_id))
    await retention.running.packager.work()
    assert len(await retention.emitted(ReleasePackaged)) == 1
    assert len([key for key in retention.objects.stored if key.startswith("packages/")]) == 1


async def test_while_the_object_store_is_down_a_package_waits_and_others_after_it(
    retention, tmp_path
):
    await a_pictured_read(retention, "7ABC123")
    retention.objects.down = True
    approval = an_approval()
    await retention.store(approval)
    await retention.running.packager.work()
    assert await retention.emitted(ReleasePackaged) == []
    retention.objects.down = False
    await retention.running.packager.work()  # too early
    assert await retention.emitted(ReleasePackaged) == []
    retention.clock.advance(seconds=2)
    await retention.running.packager.work()
    assert len(await retention.emitted(ReleasePackaged)) == 1


@pytest.mark.clause("468.7/package")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"criteria": {"plate": "7ABC1????????"}}, "known or not, not 13"),
        ({"criteria": {"plate": "ABCDEFGHIJKL?"}}, "known or not, not 13"),
        ({"expires_at": NOON}, "expired before"),
        ({"criteria": {"plate": None}}, "give a plate"),
        ({"criteria": {"plate": "7A*", "captured_from": NOON - timedelta(days=32)}}, "31 days"),
        (
            {
                "criteria": {
                    "plate": None,
                    "device_ids": [OTHER],
                    "captured_from": NOON - timedelta(days=32),
                }
            },
            "31 days",
        ),
    ],
)
@pytest.mark.clause("468.4/narrowness")
async def test_an_impossible_order_fails_and_reads_no_record(retention, changes, reason):
    approval = an_approval(**changes)
    await retention.store(approval)
    for _ in range(3):
        await retention.running.packager.work()
        retention.clock.advance(seconds=3600)
    [failed] = await retention.emitted(ReleaseFailed)
    assert failed.request_id == approval.request_id
    assert reason in failed.reason
    assert await retention.emitted(ReleasePackaged) == []
    assert await retention.emitted(AccessAttempted) == []


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_all_attempts_to_build_a_package_are_one_access_attempt(retention, tmp_path):
    await a_pictured_read(retention, "7ABC123")
    retention.objects.down = True
    await retention.store(an_approval())
    for _ in range(4):
        await retention.running.packager.work()
        retention.clock.advance(seconds=1200)
    retention.objects.down = False
    await retention.running.packager.work()
    assert len(await retention.emitted(ReleasePackaged)) == 1
    [attempt] = await retention.emitted(AccessAttempted)
    disclosed = await retention.emitted(RecordsDisclosed)
    assert {event.attempt_id for event in disclosed} == {attempt.attempt_id}


@pytest.mark.clause("468.7/package")
async def test_of_two_workers_one_builds_a_package(retention):
    await a_pictured_read(retention, "7ABC123")
    await retention.store(an_approval())
    work = retention.running.packager.work
    await asyncio.gather(work(), work())
    assert len(await retention.emitted(ReleasePackaged)) == 1
    assert len(await retention.emitted(AccessAttempted)) == 1


@pytest.mark.clause("468.5/restored")
async def test_no_package_is_built_after_a_restore_until_a_purge_has_run(
    retention, tmp_path, as_owner
):
    await a_pictured_read(retention, "7ABC123")
    now = retention.clock.now()
    async with as_owner("retention") as connection:
        due = now - timedelta(days=400)
        await Restores(connection).add(Restore(uuid4(), "20260601T000000Z", now, due))
    await retention.runtime.restored.load()
    await retention.store(an_approval())
    await retention.running.packager.work()
    assert await retention.emitted(ReleasePackaged) == []
    assert await retention.emitted(RecordsDisclosed) == []
    assert await retention.emitted(ReleaseFailed) == []
    async with as_owner("retention") as connection:
        await Restores(connection).settle(now, now)
    await retention.runtime.restored.load()
    retention.clock.advance(seconds=60)
    await retention.running.packager.work()
    assert len(await retention.emitted(ReleasePackaged)) == 1


async def test_a_package_waits_for_an_outage_until_its_approval_expires(retention):
    await a_pictured_read(retention, "7ABC123")
    retention.objects.down = True
    await retention.store(an_approval())
    for _ in range(30):
        await retention.running.packager.work()
        retention.clock.advance(seconds=1200)
    assert await retention.emitted(ReleaseFailed) == []
    retention.clock.advance(seconds=14 * 24 * 3600)
    await retention.running.packager.work()
    [failed] = await retention.emitted(ReleaseFailed)
    assert "expired" in failed.reason


async def test_a_failing_package_is_retried_twenty_times(retention, monkeypatch):
    tried = []

    async def broken(*_, **__):
        tried.append(1)
        raise RuntimeError("7ABC123 stays out of the answer")

    monkeypatch.setattr("services.retention.workers.packager.make_package", broken)
    await retention.store(an_approval())
    for _ in range(25):
        await retention.running.packager.work()
        retention.clock.advance(seconds=1200)
    assert len(tried) == 20
    [failed] = await retention.emitted(ReleaseFailed)
    assert failed.reason == "RuntimeError"


async def test_a_package_that_another_worker_builds_as_an_attempt_fails_has_not_failed(
    retention, monkeypatch
):
    monkeypatch.setattr(packager, "MAX_ATTEMPTS", 1)
    await a_pictured_read(retention, "7ABC123")
    await retention.store(an_approval())
    worker = retention.running.packager
    not_built, build_it = worker._not_built, worker._build

    async def breaks(*_):
        raise RuntimeError

    async def built_first(*arguments, **named):
        monkeypatch.setattr(type(worker), "_build", lambda _, *a: build_it(*a))
        assert await worker._one()
        await not_built(*arguments, **named)

    monkeypatch.setattr(type(worker), "_build", breaks)
    monkeypatch.setattr(type(worker), "_not_built", lambda _, *a, **k: built_first(*a, **k))
    await worker.work()
    assert len(await retention.emitted(ReleasePackaged)) == 1
    assert await retention.emitted(ReleaseFailed) == []


async def test_an_image_that_is_gone_or_changed_is_named_as_omitted(retention, tmp_path):
    gone, _ = await a_pictured_read(retention, "7ABC123")
    changed, _ = await a_pictured_read(retention, "7ABC123", NOON - timedelta(hours=1))
    del retention.objects.stored[gone.image.object_key]
    retention.objects.stored[changed.image.object_key] = JPEG + b"!"
    packaged, path = await build(retention, an_approval(), tmp_path)
    omitted = content(path, "data/omitted.csv").decode()
    assert f"images/{gone.capture_id}.png,not in the object store" in omitted
    assert f"images/{changed.capture_id}.png,its SHA-256" in omitted
    assert packaged.images == 2  # the crops
    assert verify_package(path).holds


async def test_records_that_only_a_hold_keeps_can_be_released(retention, tmp_path):
    long_ago = datetime(2025, 2, 10, tzinfo=UTC)
    await a_pictured_read(retention, "7ABC123", long_ago)
    await retention.post(
        "/v1/holds",
        {
            "basis": "discovery",
            "case_number": "26-1",
            "description": "discovery request",
            "criteria": {"plate": "7ABC123"},
        },
        201,
    )
    await purge(retention)
    criteria = {"captured_from": long_ago - timedelta(days=1)}
    packaged, path = await build(retention, an_approval(criteria=criteria), tmp_path)
    assert (packaged.reads, packaged.images) == (1, 2)
    assert plates(path) == ["7ABC123"]


async def test_more_records_than_a_chunk_all_come_in_order(retention, tmp_path):
    reads = [a_read("7ABC123", NOON - timedelta(seconds=n)) for n in range(1234)]
    await retention.store(*reads)
    packaged, path = await build(retention, an_approval(), tmp_path)
    lines = [json.loads(line) for line in content(path, "data/records.jsonl").splitlines()]
    times = [line["captured_at"] for line in lines]
    assert packaged.reads == len(lines) == 1234
    assert times == sorted(times)
    disclosed = await retention.emitted(RecordsDisclosed)
    assert sum(event.count for event in disclosed) == 1234
    assert max(event.count for event in disclosed) <= 500


async def test_a_csv_table_escapes_formulas(retention, tmp_path):
    odd = {"plate_as_read": "=HYPERLINK(1)", "device_name": "=CAMERA(2)", "model": "=MODEL(3)"}
    await retention.store(a_read("7ABC123", NOON, **odd))
    _, path = await build(retention, an_approval(), tmp_path)
    table = content(path, "data/records.csv").decode()
    assert all(f"'{text}" in table for text in odd.values())
    assert json.loads(content(path, "data/records.jsonl"))["plate_as_read"] == "=HYPERLINK(1)"


@pytest.fixture
async def package(retention, tmp_path):
    """A package with the department's public key beside it."""
    await a_pictured_read(retention, "7ABC123")
    _, path = await build(retention, an_approval(), tmp_path)
    answer = (await retention.client.get("/v1/signing-key")).json()
    key = tmp_path / "public.pem"
    key.write_text(answer["public_pem"])
    return path, key, answer["key_id"]


def rewritten(path, change):
    """Write the package anew, each file passed through `change`; None leaves it out."""
    changed = path.with_name("changed.zip")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(changed, "w") as target:
        for name in source.namelist():
            data = change(name, source.read(name))
            if data is not None:
                target.writestr(name, data)
    return changed


async def test_the_recipient_verifies_it_offline_by_the_command(package):
    path, key, key_id = package
    command = [sys.executable, "-m", "services.retention", "verify-package", str(path)]
    run = subprocess.run([*command, "--key", str(key)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert key_id in run.stdout
    verdict = verify_package(path, load_public(key.read_bytes()))
    assert verdict.holds
    assert verdict.known_key
    assert verdict.key_id == key_id


@pytest.mark.clause("468.7/package")
async def test_verification_without_the_departments_key_reports_not_verified(package, capsys):
    path, _, key_id = package
    assert verify_command([str(path)]) == 2
    said = capsys.readouterr().out
    assert key_id in said
    assert "NOT VERIFIED" in said
    assert "give --key" in said
    assert verify_command([str(path), "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    assert (told["ok"], told["known_key"], told["booked"]) == (False, False, False)


TAMPERED = {
    "a changed record": lambda n, d: d.replace(b"7ABC123", b"7ABC124") if "jsonl" in n else d,
    "a changed request": lambda n, d: d.replace(b"Tehama", b"Shasta") if "request" in n else d,
    "a changed image": lambda n, d: d + b"!" if "/images/" in n else d,
    "a missing crop": lambda n, d: None if "/crops/" in n else d,
    "a changed note": lambda n, d: d + b"X: 1\n" if n.endswith("bag-info.txt") else d,
    "a missing signature": lambda n, d: None if n.endswith(".sig") else d,
    "a changed signature": lambda n, d: bytes(64) if n.endswith(".sig") else d,
    "a changed manifest": lambda n, d: d.replace(b"a", b"b") if "/manifest" in n else d,
}


@pytest.mark.clause("468.7/package")
async def test_a_tampered_package_does_not_verify(package):
    path, key, _ = package
    untouched = rewritten(path, lambda name, data: data)
    assert verify_package(untouched, load_public(key.read_bytes())).holds
    for what, change in TAMPERED.items():
        changed = rewritten(path, change)
        assert not verify_package(changed, load_public(key.read_bytes())).holds, what
        assert not verify_package(changed).holds, what
        assert verify_command([str(changed), "--key", str(key)]) == 1, what


@pytest.mark.clause("468.7/package")
async def test_verification_detects_an_added_file_a_flipped_byte_and_a_foreign_key(
    package, tmp_path
):
    path, key, _ = package
    ours = load_public(key.read_bytes())
    added = rewritten(path, lambda n, d: d)
    with zipfile.ZipFile(added, "a") as archive:
        top = archive.namelist()[0].split("/", 1)[0]
        archive.writestr(f"{top}/data/more.jsonl", b"{}")
    assert verify_package(added, ours).faults == ["added: data/more.jsonl"]
    flipped = bytearray(path.read_bytes())
    flipped[len(flipped) // 3] ^= 1
    broken = tmp_path / "broken.zip"
    broken.write_bytes(flipped)
    assert not verify_package(broken, ours).holds
    stranger = Signer.new()
    assert not verify_package(path, load_public(stranger.public_pem.encode())).holds
    (tmp_path / "none.zip").write_bytes(b"no package")
    assert not verify_package(tmp_path / "none.zip").holds
    assert not verify_package(tmp_path / "absent.zip").holds
    assert verify_command([str(path), "--key", str(tmp_path / "none.zip")]) == 2


@pytest.mark.clause("468.7/package")
async def test_a_package_signed_again_by_another_key_does_not_verify_as_the_departments(
    settings, bus, objects, clock, authority, policy, tmp_path, package
):
    """The department's key exposes a changed package that another key re-signed."""
    path, key, _ = package
    forger = Signer.new()

    def forged(name, data):
        if name.endswith("signing-key.pem"):
            return forger.public_pem.encode()
        return data

    stolen = rewritten(path, forged)
    tags = content(stolen, "tagmanifest-sha256.txt")
    digest = hashlib.sha256(forger.public_pem.encode()).hexdigest().encode()
    lines = [
        digest + line[64:] if line.endswith(b"signing-key.pem") else line
        for line in tags.splitlines()
    ]
    new_tags = b"\n".join(lines) + b"\n"

    def finished(name, data):
        if name.endswith("tagmanifest-sha256.txt"):
            return new_tags
        if name.endswith(".sig"):
            return forger.sign(new_tags)
        return data

    resigned = rewritten(stolen.rename(tmp_path / "stolen.zip"), finished)
    assert verify_package(resigned).holds
    assert not verify_package(resigned, load_public(key.read_bytes())).holds


async def test_the_configured_key_signs_and_earlier_keys_are_listed(
    settings, bus, objects, clock, authority, policy
):
    parts = (bus, objects, clock, authority, policy)
    async with started(settings, *parts) as first:
        made = (await first.client.get("/v1/signing-key")).json()
    given = Signer.new()
    async with started(settings, *parts, retention_signing_key=given.private_pem) as second:
        clock.advance(seconds=1)
        answer = (await second.client.get("/v1/signing-key")).json()
    assert answer["key_id"] == given.key_id
    assert [key["key_id"] for key in answer["earlier"]] == [made["key_id"]]
