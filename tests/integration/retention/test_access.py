"""The records that a person may see, on which declared purpose, and the entry for each access."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from services.retention.actions import images
from shared.core.ids import id_digest
from shared.core.permissions import Permission
from shared.events import AccessAttempted, Place, RecordsDisclosed
from tests.integration.retention.conftest import JPEG, SOLANO, a_capture, a_read

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n" + b"a crop" * 10
OTHER_ORI = "CA0520000"


@pytest.fixture
async def pictured(retention):
    """A capture with two reads, its image and their crops."""
    capture = a_capture(NOON)
    capture_id = capture.capture.capture_id
    key = capture.capture.image.object_key
    reads = [
        a_read(
            plate,
            NOON,
            capture_id=capture_id,
            image_key=key,
            crop_key=f"crops/{plate[0]}.png",
            source="recognition",
        )
        for plate in ("7ABC123", "8XYZ987")
    ]
    await retention.store(capture, *reads)
    await retention.objects.put(key, JPEG)
    for read in reads:
        await retention.objects.put(read.crop_key, PNG)
    return retention, capture.capture, reads


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_every_row_of_a_search_is_disclosed_with_its_plate_in_one_record(pictured):
    retention, _, reads = pictured
    await retention.search(plate="7ABC123")
    [attempt] = await retention.emitted(AccessAttempted)
    [disclosed] = await retention.emitted(RecordsDisclosed)
    assert attempt.allowed
    assert attempt.elements["body"]["plate"] == "7ABC123"
    assert attempt.purpose.kind == "criminal_investigation"
    assert attempt.purpose.case_number == "26-001234"
    assert disclosed.attempt_id == attempt.attempt_id
    assert disclosed.record_kind == "read"
    assert disclosed.all_ids == [str(reads[0].read_id)]
    assert disclosed.all_plates == ["7ABC123"]


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_a_disclosure_has_the_plate_as_searched_and_the_day_of_capture(retention):
    late = {"plate_as_read": "7ABC-I23", "received_at": NOON + timedelta(days=2)}
    await retention.store(a_read("7ABC123", NOON, **late))
    await retention.search(plate="7ABC123")
    [disclosed] = await retention.emitted(RecordsDisclosed)
    assert disclosed.all_plates == ["7ABC123"]
    assert [day.captured_on for day in disclosed.records] == [NOON.date()]


@pytest.mark.clause("468.4(a)/purpose")
@pytest.mark.clause("468.4(d)/training-first")
@pytest.mark.clause("468.3.1(d)/access-record")
@pytest.mark.parametrize(
    ("claims", "status", "word"),
    [
        ({"purpose": False}, 403, "purpose"),
        ({"trained_until": None}, 403, "training"),
        ({"trained_until": NOON - timedelta(days=1)}, 403, "training"),
    ],
)
async def test_a_request_without_purpose_or_training_is_refused_and_the_refusal_is_recorded(
    pictured, claims, status, word
):
    retention, capture, reads = pictured
    headers = retention.authority.headers(**claims)
    for path in (
        f"/v1/reads/{reads[0].read_id}",
        f"/v1/reads/{reads[0].read_id}/crop",
        f"/v1/captures/{capture.capture_id}",
        f"/v1/captures/{capture.capture_id}/image",
    ):
        answer = await retention.client.get(path, headers=headers)
        assert answer.status_code == status
        assert b"7ABC" not in answer.content
    problem = await retention.search(status, plate="7ABC123", headers=headers)
    assert word in problem["detail"]
    attempts = await retention.emitted(AccessAttempted)
    assert [attempt.allowed for attempt in attempts] == [False] * 5
    assert all(word in attempt.reason for attempt in attempts)
    assert await retention.emitted(RecordsDisclosed) == []


@pytest.mark.clause("468.2/official-use")
async def test_a_search_without_the_permission_or_a_token_is_refused(retention):
    others = set(Permission) - {Permission.RECORD_SEARCH}
    headers = retention.authority.headers(*others)
    await retention.search(403, plate="7ABC123", headers=headers)
    answer = await retention.client.post("/v1/reads/search", json={})
    assert answer.status_code == 401
    assert [a.allowed for a in await retention.emitted(AccessAttempted)] == [False, False]


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_a_search_is_refused_when_its_attempt_cannot_be_recorded(pictured):
    retention, _, _ = pictured
    retention.runtime.relay.backlog = 10**9
    await retention.search(503, plate="7ABC123")


@pytest.mark.clause("468.2/official-use")
async def test_another_agencys_data_is_invisible_on_every_route(retention):
    capture = a_capture(NOON, agency_ori=OTHER_ORI)
    read = a_read("7ABC123", NOON, agency_ori=OTHER_ORI, capture_id=capture.capture.capture_id)
    await retention.store(capture, read)
    area = {"latitude": SOLANO.latitude, "longitude": SOLANO.longitude, "radius_m": 500}
    assert await retention.plates(plate="7ABC123") == []
    assert await retention.plates(plate="7AB*") == []
    assert await retention.plates(area=area) == []
    assert await retention.plates(device_ids=[str(read.device_id)]) == []
    await retention.get(f"/v1/reads/{read.read_id}", 404)
    await retention.get(f"/v1/captures/{capture.capture.capture_id}", 404)
    await retention.get(f"/v1/captures/{capture.capture.capture_id}/image", 404)
    disclosed = await retention.emitted(RecordsDisclosed)
    assert all(event.count == 0 for event in disclosed)
    found = await retention.get(f"/v1/reads/{read.read_id}", ori=OTHER_ORI)
    assert found.json()["plate"] == "7ABC123"


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_a_frame_is_streamed_whole_with_its_kind_and_digest_and_disclosed(pictured):
    retention, capture, _ = pictured
    answer = await retention.get(f"/v1/captures/{capture.capture_id}/image")
    assert answer.content == JPEG
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-content-sha256"] == hashlib.sha256(JPEG).hexdigest()
    disclosed = await retention.emitted(RecordsDisclosed)
    assert {(e.record_kind, e.all_ids[0]) for e in disclosed} == {
        ("image", str(capture.capture_id)),
    }


async def test_a_crop_is_served_with_the_type_of_its_bytes(pictured):
    retention, _, reads = pictured
    answer = await retention.get(f"/v1/reads/{reads[0].read_id}/crop")
    assert answer.content == PNG
    assert answer.headers["content-type"] == "image/png"
    disclosed = await retention.emitted(RecordsDisclosed)
    assert [(e.record_kind, e.all_plates) for e in disclosed] == [("crop", ["7ABC123"])]


@pytest.mark.parametrize("kind", ["frame", "crop"])
async def test_pictures_that_the_object_store_does_not_send_in_time_hold_up_no_other_work(
    pictured, monkeypatch, kind
):
    """A request holds a connection to Postgres while it fetches a picture; searches and storing need one, too."""
    retention, capture, [read, _] = pictured

    async def hangs(key):
        await asyncio.Event().wait()
        yield b""

    monkeypatch.setattr(images, "FETCHED_WITHIN_S", 1.0)
    monkeypatch.setattr(retention.objects, "stream", hangs)
    paths = {
        "frame": f"/v1/captures/{capture.capture_id}/image",
        "crop": f"/v1/reads/{read.read_id}/crop",
    }
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        for _ in range(6):  # as many as there are connections, all of one person
            tasks.create_task(retention.get(paths[kind], 503))
        await asyncio.sleep(0.2)
        await retention.store(a_read("1NEW001", NOON))
    assert await retention.plates(plate="1NEW001") == ["1NEW001"]
    disclosed = await retention.emitted(RecordsDisclosed)
    assert {event.record_kind for event in disclosed} == {"read"}


@pytest.fixture
async def offered(pictured):
    """A search, its attempt, and the path by which a page fetches the picture of the read that it found."""
    retention, _, _ = pictured
    [found] = (await retention.search(plate="7ABC123"))["items"]
    [attempt] = await retention.emitted(AccessAttempted)
    retention.bus.records.clear()
    return retention, attempt, found["crop_url"]


@pytest.mark.clause("468.6(c)/pictures-of-an-access")
async def test_a_picture_that_a_page_fetches_belongs_to_the_search_that_offered_it(offered):
    retention, attempt, path = offered
    answer = await retention.get(path)
    assert answer.content == PNG
    assert await retention.emitted(AccessAttempted) == []
    disclosed = await retention.emitted(RecordsDisclosed)
    assert [e.record_kind for e in disclosed] == ["crop"]
    assert {e.attempt_id for e in disclosed} == {attempt.attempt_id}


@pytest.mark.clause("468.6(c)/pictures-of-an-access")
async def test_a_picture_without_a_link_is_recorded_as_its_own_access(offered):
    retention, attempt, path = offered
    await retention.get(path.partition("?")[0])
    [own] = await retention.emitted(AccessAttempted)
    assert own.attempt_id != attempt.attempt_id
    assert {e.attempt_id for e in await retention.emitted(RecordsDisclosed)} == {own.attempt_id}


@pytest.mark.clause("468.6(c)/pictures-of-an-access")
@pytest.mark.parametrize(
    "misuse", ["another record", "another person", "another attempt", "later", "longer", "forged"]
)
async def test_a_misused_picture_link_is_refused(offered, pictured, misuse):
    retention, _, path = offered
    headers = retention.authority.headers()
    here, _, token = path.partition("?link_token=")
    said, _, mac = token.rpartition(".")
    attempt, _, until = said.partition(".")
    if misuse == "another record":
        here = f"/v1/reads/{pictured[2][1].read_id}/crop"
    elif misuse == "another person":
        headers = retention.authority.headers(account_id=str(uuid4()))
    elif misuse == "another attempt":
        token = f"{uuid4()}.{until}.{mac}"
    elif misuse == "later":
        retention.clock.advance(minutes=10, seconds=1)
        headers = retention.authority.headers()
    elif misuse == "longer":
        token = f"{attempt}.{int(until) + 600}.{mac}"
    else:
        token = f"{said}.{'0' * 64}"
    answer = await retention.client.get(f"{here}?link_token={token}", headers=headers)
    code = "picture_link_over" if misuse == "later" else "picture_not_offered"
    assert (answer.status_code, answer.json()["code"]) == (403, code)
    [refused] = await retention.emitted(AccessAttempted)
    assert refused.allowed is False
    assert token not in str(refused.elements)
    assert await retention.emitted(RecordsDisclosed) == []


@pytest.mark.clause("468.6(c)/pictures-of-an-access")
async def test_a_link_does_not_replace_permission_purpose_or_training(offered):
    retention, _, path = offered
    search_only = retention.authority.headers(Permission.RECORD_SEARCH)
    assert (await retention.client.get(path, headers=search_only)).status_code == 403
    for claims in ({"purpose": False}, {"trained_until": None}):
        headers = retention.authority.headers(**claims)
        assert (await retention.client.get(path, headers=headers)).status_code == 403
    assert [a.allowed for a in await retention.emitted(AccessAttempted)] == [False] * 3
    found = await retention.search(plate="7ABC123", headers=search_only)
    assert found["items"][0]["crop_url"] is None


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_a_link_releases_no_picture_while_access_records_wait(offered):
    retention, _, path = offered
    retention.runtime.relay.backlog = 10**9
    await retention.get(path, 503)


async def test_a_large_frame_is_served_completely(retention):
    image = JPEG + bytes(5_000_000)
    capture = a_capture(NOON, image)
    await retention.store(capture)
    await retention.objects.put(capture.capture.image.object_key, image)
    answer = await retention.get(f"/v1/captures/{capture.capture.capture_id}/image")
    assert answer.content == image


async def test_a_tampered_frame_is_refused_and_not_disclosed(pictured, caplog):
    retention, capture, _ = pictured
    retention.objects.stored[capture.image.object_key] = JPEG + b"!"
    answer = await retention.get(f"/v1/captures/{capture.capture_id}/image", 503)
    assert answer.headers["content-type"] == "application/problem+json"
    assert await retention.emitted(RecordsDisclosed) == []
    assert str(capture.capture_id) in caplog.text
    assert capture.image.object_key not in caplog.text  # it has a camera and a day


async def test_a_capture_without_a_plate_is_stored_and_returned(retention):
    capture = a_capture(NOON, outcome="unreadable", reason="frame killed its worker")
    await retention.store(capture)
    found = (await retention.get(f"/v1/captures/{capture.capture.capture_id}")).json()
    assert found["outcome"] == "unreadable"
    assert found["reason"] == "frame killed its worker"
    assert found["sha256"] == capture.capture.image.sha256


async def test_an_unknown_record_is_404_and_a_malformed_id_is_422(retention):
    await retention.get(f"/v1/reads/{uuid4()}", 404)
    await retention.get(f"/v1/reads/{uuid4()}/crop", 404)
    await retention.get(f"/v1/captures/{uuid4()}", 404)
    await retention.get("/v1/reads/7ABC123", 422)


def scoped(retention, **scope):
    headers = retention.authority.headers()
    headers["X-ALPR-Purpose"] = retention.authority.purpose_token(scope=scope)
    return headers


@pytest.mark.clause("468.6(b)/case-bound")
async def test_a_purpose_narrowed_to_a_plate_returns_only_that_plate(pictured):
    retention, capture, reads = pictured
    await retention.store(a_read("7A8C123", NOON))
    headers = scoped(retention, plate="7ABC123")
    assert await retention.plates(plate="7ABC123", headers=headers) == ["7ABC123"]
    # Look-alikes of the plate are other people's cars.
    assert await retention.plates(plate="7ABC123", lookalike=True, headers=headers) == ["7ABC123"]
    for beyond in ("8XYZ987", "7ABC*", "7ABC12?"):
        await retention.search(403, plate=beyond, headers=headers)
    get = retention.client.get
    ours, theirs = (read.read_id for read in reads)
    assert (await get(f"/v1/reads/{ours}/crop", headers=headers)).status_code == 200
    assert (await get(f"/v1/reads/{theirs}/crop", headers=headers)).status_code == 404
    image = f"/v1/captures/{capture.capture_id}/image"
    assert (await get(image, headers=headers)).status_code == 200
    assert (await get(image, headers=scoped(retention, plate="1AAA111"))).status_code == 404
    beside = a_capture(capture.captured_at)  # of the same moment, without the plate
    await retention.store(beside)
    await retention.objects.put(beside.capture.image.object_key, JPEG)
    image = f"/v1/captures/{beside.capture.capture_id}/image"
    assert (await get(image, headers=headers)).status_code == 404
    assert (await get(image, headers=retention.authority.headers())).status_code == 200


@pytest.mark.clause("468.6(b)/case-bound")
async def test_a_purpose_narrowed_in_time_and_devices_hides_other_records(pictured):
    retention, capture, reads = pictured
    early = scoped(retention, captured_to=(NOON - timedelta(hours=1)).isoformat())
    elsewhere = scoped(retention, device_ids=[str(uuid4())])
    for headers in (early, elsewhere):
        for path in (f"/v1/reads/{reads[0].read_id}", f"/v1/captures/{capture.capture_id}"):
            assert (await retention.client.get(path, headers=headers)).status_code == 404
        await retention.search(403, plate="7ABC123", headers=headers)


NEAR = {"latitude": SOLANO.latitude, "longitude": SOLANO.longitude, "radius_m": 800}
FAR = {**NEAR, "latitude": SOLANO.latitude + 0.1}


@pytest.mark.clause("468.6(b)/case-bound")
async def test_a_purpose_narrowed_to_an_area_opens_records_within_it(pictured):
    retention, capture, reads = pictured
    other = a_read(
        "7ABC123", NOON, device_id=uuid4(), place=Place(FAR["latitude"], FAR["longitude"], None)
    )
    await retention.store(other)
    headers = scoped(retention, area=NEAR)
    box = {"south": 39.925, "west": -122.182, "north": 39.93, "east": -122.176}
    for area in (NEAR, {**NEAR, "radius_m": 400}, box):
        assert await retention.plates(plate="7ABC*", area=area, headers=headers) == ["7ABC123"]
    for beyond in ({}, {"area": {**NEAR, "radius_m": 900}}, {"area": FAR}):
        refused = await retention.search(403, plate="7ABC*", headers=headers, **beyond)
        assert (refused["code"], refused["params"]) == ("purpose_scope_exceeded", {"what": "area"})
    get = retention.client.get
    for path in (
        f"/v1/reads/{reads[0].read_id}",
        f"/v1/reads/{reads[0].read_id}/crop",
        f"/v1/captures/{capture.capture_id}",
        f"/v1/captures/{capture.capture_id}/image",
    ):
        assert (await get(path, headers=headers)).status_code == 200, path
        assert (await get(path, headers=scoped(retention, area=FAR))).status_code == 404, path
    assert (await get(f"/v1/reads/{other.read_id}", headers=headers)).status_code == 404


@pytest.mark.clause("468.6(b)/case-bound")
async def test_a_scope_with_an_unknown_term_allows_no_search(pictured):
    retention, _, _ = pictured
    await retention.search(403, plate="7ABC123", headers=scoped(retention, moon="full"))


async def test_the_public_key_is_served_without_authentication(retention):
    first = (await retention.client.get("/v1/signing-key")).json()
    assert first["algorithm"] == "Ed25519"
    assert first["public_pem"].startswith("-----BEGIN PUBLIC KEY-----")
    assert first["earlier"] == []
    assert "PRIVATE" not in str(first)


@pytest.mark.clause("wall/sealed-log")
async def test_the_access_record_of_a_page_omits_the_cursor(retention):
    """The log stores a query for years; a page's cursor holds a record's time of capture and id."""
    await retention.store(*(a_read(f"7ABC12{n}", NOON - timedelta(hours=n)) for n in range(3)))
    page = await retention.search(plate="7ABC12*", limit=1)
    await retention.search(plate="7ABC12*", limit=1, after=page["next"])
    basis = {"basis": "evidence", "case_number": "26-1", "description": "Held for the case"}
    hold = await retention.post("/v1/holds", {**basis, "criteria": {"plate": "7ABC12*"}}, 201)
    path = f"/v1/holds/{hold['hold_id']}/records"
    held = (await retention.get(f"{path}?limit=1")).json()
    await retention.get(f"{path}?limit=1&after={held['next']}")
    asked = [event.elements for event in await retention.emitted(AccessAttempted)]
    assert len([one for one in asked if "[the next page]" in str(one)]) == 2
    assert page["next"] not in str(asked)
    assert held["next"] not in str(asked)


@pytest.mark.clause("wall/sealed-log")
async def test_the_access_record_contains_digests_instead_of_record_ids(pictured):
    """The log stores an access for years; a record's id begins with its moment of capture."""
    retention, capture, reads = pictured
    read_id, capture_id = reads[0].read_id, capture.capture_id
    await retention.get(f"/v1/reads/{read_id}")
    await retention.get(f"/v1/captures/{capture_id}")
    hold = {"basis": "evidence", "case_number": "26-1", "description": "Held for the case"}
    criteria = {"read_ids": [str(read_id)]}
    await retention.post("/v1/holds", {**hold, "criteria": criteria}, 201)
    asked = [event.elements for event in await retention.emitted(AccessAttempted)]
    of_read, of_capture = str(id_digest(read_id)), str(id_digest(capture_id))
    assert {"read_id": of_read} in asked
    assert {"capture_id": of_capture} in asked
    assert [of_read] in [one["body"]["criteria"]["read_ids"] for one in asked if "body" in one]
    assert not [one for one in (read_id, capture_id) if str(one) in str(asked)]


async def test_requests_without_a_token_take_one_connection_each_and_hold_up_no_other_work(
    retention,
):
    """A request that waits for a second connection would keep its first one from those that wait with it."""
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        answers = [
            tasks.create_task(retention.client.get("/v1/signing-key")) for _ in range(24)
        ]  # four times as many as there are connections
        await retention.store(a_read("7ABC123", NOON))
    assert {answer.result().status_code for answer in answers} == {200}
