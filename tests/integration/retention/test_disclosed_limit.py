"""A person is shown so many records a day and no more, however they ask, until released for a case."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from shared.core.permissions import Permission
from shared.events import AccessAttempted, RecordsDisclosed
from shared.postgres.disclosed_records import drop_old, is_counted
from tests.integration.retention.conftest import JPEG, a_capture, a_hit, a_read, started
from tests.integration.retention.exporting import download, exported
from tests.integration.retention.packaging import a_pictured_read

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
OTHER = "00000000-0000-4000-8000-000000000008"
MOST = 5

pytestmark = pytest.mark.clause("468.4(a)/disclosed-limit")


@pytest.fixture
async def limited(settings, bus, objects, clock, authority, policy):
    """Retention with ten reads, and a policy that lets a person see five a day."""
    limits = structs.replace(policy.limits, disclosed_finding=2, disclosed_refused=MOST)
    policy = structs.replace(policy, limits=limits)
    async with started(settings, bus, objects, clock, authority, policy) as retention:
        reads = [a_read(f"7ABC12{n}", NOON - timedelta(minutes=n)) for n in range(10)]
        await retention.store(*reads)
        retention.reads = reads
        yield retention


async def disclosed(retention):
    return sum(event.count for event in await retention.emitted(RecordsDisclosed))


async def test_pages_of_a_wildcard_search_count_the_records_they_return(limited):
    first = await limited.search(plate="7ABC12?", limit=3)
    assert len(first["items"]) == 3
    problem = await limited.search(403, plate="7ABC12?", limit=3, after=first["next"])
    assert problem["code"] == "disclosure_limit"
    assert "7ABC12" not in str(problem)
    assert "can lift it for a case" in problem["detail"]
    assert await disclosed(limited) == 3  # refused records are not shown


async def test_exactly_as_many_records_as_the_limit_are_returned(limited):
    first = await limited.search(plate="7ABC12?", limit=3)
    second = await limited.search(plate="7ABC12?", limit=2, after=first["next"])
    assert len(second["items"]) == 2
    await limited.search(403, plate="7ABC120")


async def test_a_refusal_does_not_reveal_whether_a_record_exists(limited):
    await limited.search(plate="7ABC12?", limit=MOST)
    there = await limited.search(403, plate="7ABC125")
    not_there = await limited.search(403, plate="7ABC999")
    del there["instance"], not_there["instance"]
    assert there == not_there


async def test_after_a_refusal_no_more_records_are_returned_that_day(limited):
    await limited.search(plate="7ABC12?", limit=MOST - 1)
    await limited.search(403, plate="7ABC12?", limit=2)  # reveals that there are two
    await limited.search(403, plate="7ABC120")
    await limited.search(403, plate="7ABC999")
    limited.clock.advance(hours=12)
    assert (await limited.search(plate="7ABC120"))["items"]


async def test_a_refusal_is_on_record_with_its_reason(limited):
    await limited.search(403, plate="7ABC12?", limit=6)
    *_, refused = await limited.emitted(AccessAttempted)
    assert not refused.allowed
    assert "limit of 5 records a day" in refused.reason
    assert refused.elements["body"]["plate"] == "7ABC12?"
    assert refused.purpose.case_number == "26-001234"


async def test_another_person_and_another_day_count_for_themselves(limited):
    await limited.search(plate="7ABC12?", limit=MOST)
    await limited.search(403, plate="7ABC120")
    other = limited.authority.headers(account_id=OTHER)
    assert (await limited.search(plate="7ABC120", headers=other))["items"]
    limited.clock.advance(hours=11, minutes=59)
    await limited.search(403, plate="7ABC120")
    limited.clock.advance(minutes=1)
    assert (await limited.search(plate="7ABC120"))["items"]


async def test_reads_opened_one_by_one_count_towards_the_limit(limited):
    for read in limited.reads[:MOST]:
        await limited.get(f"/v1/reads/{read.read_id}")
    await limited.get(f"/v1/reads/{limited.reads[5].read_id}", 403)


async def test_a_picture_counts_once_with_its_record(
    settings, bus, objects, clock, authority, policy
):
    limits = structs.replace(policy.limits, disclosed_finding=1, disclosed_refused=1)
    policy = structs.replace(policy, limits=limits)
    async with started(settings, bus, objects, clock, authority, policy) as retention:
        await objects.put("crops/1", b"\x89PNG\r\n\x1a\n" + b"a crop")
        await retention.store(a_read("7ABC123", NOON, crop_key="crops/1"))
        [found] = (await retention.search(plate="7ABC123"))["items"]
        for _ in range(3):
            await retention.get(found["crop_url"])
        await retention.search(403, plate="7ABC123")


async def test_pictures_without_a_search_result_count_as_records(limited):
    ids = []
    for read in limited.reads[: MOST + 1]:
        capture = a_capture(read.captured_at, capture_id=read.read_id)
        await limited.objects.put(capture.capture.image.object_key, JPEG)
        await limited.store(capture)
        ids.append(capture.capture.capture_id)
    for capture_id in ids[:MOST]:
        await limited.get(f"/v1/captures/{capture_id}/image")
    await limited.get(f"/v1/captures/{ids[MOST]}/image", 403)


async def test_a_package_counts_as_many_records_as_it_holds(limited):
    purpose = {"case_number": "26-001234"}
    for n, (plate, status) in enumerate((("7ABC12?", 403), ("7ABC120", 200))):
        holder = f"00000000-0000-4000-8000-00000000010{n}"
        window = {"captured_from": (NOON - timedelta(days=1)).isoformat()}
        criteria = {"plate": plate, **window, "captured_to": "2026-06-01T12:00:01Z"}
        body = {"basis": "evidence", "description": "of a case", "criteria": criteria}
        hold = await limited.post("/v1/holds", {**body, **purpose}, 201, account_id=holder)
        headers = limited.authority.headers(account_id=holder) | {
            "Idempotency-Key": f"export-{plate}"
        }
        asked = await limited.client.post(
            "/v1/evidence-exports", json={"hold_id": hold["hold_id"]}, headers=headers
        )
        await limited.running.evidence.work()
        path = f"/v1/evidence-exports/{asked.json()['export_id']}/package"
        other = limited.authority.headers(account_id=OTHER)
        answer = await limited.client.get(path, headers=other)
        assert answer.status_code == status, answer.text
    *_, told = [e for e in await limited.emitted(RecordsDisclosed) if e.record_kind == "package"]
    assert (told.count, len(told.all_records)) == (1, 1)


async def test_a_package_counts_its_reads_frames_and_hits(limited):
    _, read = await a_pictured_read(limited, "8XYZ987")
    await limited.store(a_hit(read))
    _, export = await exported(limited, plate="8XYZ987")
    assert (export["reads"], export["captures"], export["hits"]) == (1, 1, 1)
    await download(limited, export, account_id=OTHER)
    [told] = [e for e in await limited.emitted(RecordsDisclosed) if e.record_kind == "package"]
    assert told.count == 3


async def test_concurrent_requests_cannot_exceed_the_limit(limited):
    async def search():
        window = {
            "captured_from": (NOON - timedelta(days=1)).isoformat(),
            "captured_to": (NOON + timedelta(hours=1)).isoformat(),
        }
        answer = await limited.client.post(
            "/v1/reads/search",
            json={**window, "plate": "7ABC12?", "limit": 2},
            headers=limited.authority.headers(),
        )
        return answer.status_code

    answers = await asyncio.gather(*(search() for _ in range(4)))
    assert sorted(answers) == [200, 200, 403, 403]
    assert await disclosed(limited) == 4


async def test_a_limit_lift_applies_only_to_the_purpose_of_its_case(limited, clock):
    def headers(until):
        claims = {"limit_lifted_until": until.timestamp()}
        return {
            "Authorization": f"Bearer {limited.authority.access_token([Permission.RECORD_SEARCH])}",
            "X-ALPR-Purpose": limited.authority.purpose_token(**claims),
        }

    lifted = headers(clock.now() + timedelta(minutes=30))
    await limited.search(plate="7ABC12?", limit=10, headers=lifted)
    assert await disclosed(limited) == 10
    await limited.search(403, plate="7ABC120")  # another purpose
    await limited.search(403, plate="7ABC120", headers=headers(clock.now()))  # over
    clock.advance(minutes=9)
    await limited.search(plate="7ABC120", headers=lifted)


async def test_counts_of_past_days_are_deleted(limited):
    await limited.search(plate="7ABC12?", limit=3)
    async with limited.runtime.db.begin() as connection:
        await drop_old(connection, NOON.date() + timedelta(days=2))
    await limited.search(403, plate="7ABC12?", limit=3)
    async with limited.runtime.db.begin() as connection:
        await drop_old(connection, NOON.date() + timedelta(days=3))
    assert await limited.fetch("SELECT count(*) FROM disclosed_counts") == [(0,)]


def test_live_alerts_do_not_count_because_the_person_did_not_choose_them():
    assert not is_counted(Permission.ALERT_RECEIVE, "hit")
    assert is_counted(Permission.HIT_READ, "hit")
