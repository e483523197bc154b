"""The device registry and its credentials: shown once, rotated, revoked at once, recorded in the audit log."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from services.ingest.actions.makers import MAKERS
from services.ingest.store.devices import Devices
from shared.core.errors import Unavailable
from shared.core.permissions import Permission
from shared.core.problem_codes import Common
from shared.events import AccessAttempted, DeviceChanged, RefusalsCounted
from shared.http.models import cursor_of
from shared.limits.refusals import Allowance
from tests.integration.ingest.conftest import another
from tests.integration.locking import locked_while
from tests.unit.ingest import pictures as p

FRAME = p.jpeg()


async def changes(station):
    await station.running.runtime.relay.drain()
    return station.bus.events(DeviceChanged)


async def test_a_device_is_registered_and_its_credential_is_returned_once(station):
    made = await station.register("  Main St, northbound ")
    device = made["device"]
    assert device["name"] == "Main St, northbound"
    assert (device["frames_per_s"], device["status"]) == (20, "active")
    assert datetime.fromisoformat(device["registered_at"]) == station.clock.now()
    assert made["credential"].startswith(device["device_id"] + ".")
    seen = await station.admin("GET", f"/v1/devices/{device['device_id']}")
    listed = await station.admin("GET", "/v1/devices")
    secret = made["credential"].partition(".")[2]
    assert len(secret) >= 43
    assert secret not in seen.text + listed.text
    assert seen.json() == listed.json()["items"][0] == device


async def test_only_the_hash_of_a_secret_is_stored(station):
    secret = (await station.register())["credential"].partition(".")[2]
    async with station.running.runtime.db.begin() as connection:
        tables = ("devices", "credentials", "outbox", "first_seen")
        for table in tables:
            rows = (await connection.execute(text(f"SELECT * FROM {table}"))).all()
            assert secret not in str(
                [[bytes(v) if isinstance(v, memoryview) else v for v in r] for r in rows]
            )
    assert secret not in str(await changes(station))


async def test_every_change_is_an_event_with_who_and_what(station):
    device = (await station.register())["device"]["device_id"]
    path = f"/v1/devices/{device}"
    registered_at = station.clock.now()
    station.clock.advance(minutes=1)
    await station.admin("PATCH", path, {"name": "Third St", "reads_per_s": 50})
    turned = {"latitude": 39.9277, "longitude": -122.1792, "heading_deg": 270}
    for heading in ({}, {"heading_deg": None}):
        await station.admin("PATCH", path, {"place": turned | heading})
    await station.admin("POST", f"{path}/credential", {"overlap_minutes": 10})
    await station.admin("POST", f"{path}/revocation", {"reason": "camera was stolen"})
    await station.admin("POST", f"{path}/reinstatement", {"reason": "found again"})
    events = await changes(station)
    told = [(event.change, event.details) for event in events]
    named = {"name": "Third St"}
    assert told == [
        (
            "registered",
            {
                "name": "Main St", "kind": "fixed", "latitude": "39.9277", "longitude": "-122.1792",
                "heading_deg": "90", "frames_per_s": "20", "reads_per_s": "2000", "may_buffer_h": "0",
            },
        ),
        ("updated", named | {"reads_per_s": "50"}),
        ("updated", named | {"heading_deg": "270"}),
        ("updated", named | {"heading_deg": ""}),
        ("rotated", named | {"overlap_minutes": "10"}),
        ("revoked", named | {"reason": "camera was stolen"}),
        ("reinstated", named | {"reason": "found again"}),
    ]  # fmt: skip
    assert [event.occurred_at for event in events[:2]] == [registered_at, station.clock.now()]
    assert {(str(e.device_id), e.actor.name) for e in events} == {(device, "Officer Seven")}


async def test_rotation_stops_the_old_credential_at_once(station):
    made = await station.register()
    path = f"/v1/devices/{made['device']['device_id']}/credential"
    fresh = (await station.admin("POST", path, {})).json()["credential"]
    assert (await station.post_frame(made["credential"], FRAME)).status_code == 401
    assert (await station.post_frame(fresh, FRAME)).status_code == 202


async def test_rotation_with_an_overlap_keeps_the_old_one_for_that_long_only(station):
    made = await station.register()
    path = f"/v1/devices/{made['device']['device_id']}/credential"
    too_long = await station.admin("POST", path, {"overlap_minutes": 24 * 60 + 1})
    assert (too_long.status_code, too_long.json()["field"]) == (422, "body.overlap_minutes")
    fresh = (await station.admin("POST", path, {"overlap_minutes": 10})).json()["credential"]
    station.clock.advance(minutes=9, seconds=59)
    assert (await station.post_frame(made["credential"], FRAME)).status_code == 202
    station.clock.advance(seconds=1)
    assert (await station.post_frame(made["credential"], FRAME)).status_code == 401
    assert (await station.post_frame(fresh, FRAME)).status_code == 202


async def test_a_second_rotation_never_lengthens_the_life_of_an_old_credential(station):
    made = await station.register()
    path = f"/v1/devices/{made['device']['device_id']}/credential"
    await station.admin("POST", path, {"overlap_minutes": 10})
    await station.admin("POST", path, {"overlap_minutes": 60})
    station.clock.advance(minutes=10)
    assert (await station.post_frame(made["credential"], FRAME)).status_code == 401


async def test_a_revoked_credential_is_refused_at_once_and_stores_no_frame(station):
    made = await station.register()
    path = f"/v1/devices/{made['device']['device_id']}"
    assert (await station.post_frame(made["credential"], FRAME)).status_code == 202
    station.objects.stored.clear()
    station.bus.records.clear()
    revoked = await station.admin("POST", f"{path}/revocation", {"reason": "stolen"})
    assert revoked.json()["status"] == "revoked"
    answer = await station.post_frame(made["credential"], FRAME)
    assert answer.status_code == 401
    assert answer.headers.get_list("www-authenticate") == ["Bearer", 'Basic realm="Plateward"']
    assert made["credential"] not in answer.text
    assert station.stored_nothing()
    assert (await station.admin("POST", f"{path}/credential", {})).status_code == 409
    assert (
        await station.admin("POST", f"{path}/revocation", {"reason": "twice"})
    ).status_code == 409


@pytest.mark.clause("468.5/revoked-device")
@pytest.mark.parametrize("door", ["/v1/captures", "/v1/reads", "/v1/makers/rekor"])
async def test_an_upload_begun_before_the_revocation_is_refused_after_it(station, door):
    made = await station.register()
    at_ms = int(1000 * station.clock.now().timestamp())
    body = {
        "/v1/captures": FRAME,
        "/v1/reads": json.dumps([station.read()]).encode(),
        "/v1/makers/rekor": json.dumps(MAKERS["rekor"].example | {"epoch_start": at_ms}).encode(),
    }[door]

    async def sent():
        yield body[:20]
        path = f"/v1/devices/{made['device']['device_id']}/revocation"
        assert (await station.admin("POST", path, {"reason": "stolen"})).status_code == 200
        yield body[20:]

    headers = {"Authorization": f"Bearer {made['credential']}"}
    headers["Content-Type"] = "image/jpeg" if body is FRAME else "application/json"
    answer = await station.client.post(door, content=sent(), headers=headers)
    assert answer.status_code == 401
    assert station.stored_nothing()


@pytest.mark.clause("468.5/place")
async def test_a_fixed_camera_is_bound_to_its_place_and_a_vehicle_is_not(station):
    fixed = (await station.register())["credential"]
    near, far = (
        {"latitude": 39.9294, "longitude": -122.1792},
        {"latitude": 39.9296, "longitude": -122.1792},
    )
    assert (await station.post_reads(fixed, [station.read(**near)])).status_code == 202
    assert (await station.post_frame(fixed, FRAME, params=near)).status_code == 202
    assert [len(station.reads), len(station.captures)] == [1, 1]
    assert station.reads[0].place.latitude == station.captures[0].place.latitude == near["latitude"]
    assert station.captures[0].place.latitude == near["latitude"], "what the camera said"
    for answer in (
        await station.post_reads(fixed, [station.read(1), station.read(2, **far)]),
        await station.post_frame(fixed, FRAME, params=far),
    ):
        assert answer.status_code == 422
        assert answer.json()["field"] == "latitude"
        assert "211 m from the registered place of this fixed camera" in answer.json()["detail"]
    assert [len(station.reads), len(station.captures)] == [1, 1]
    vehicle = (await station.register("Unit 7", kind="vehicle"))["credential"]
    paris = {"latitude": 48.85, "longitude": 2.35}
    assert (await station.post_reads(vehicle, [station.read(3, **paris)])).status_code == 202
    assert (await station.post_frame(vehicle, FRAME, params=paris)).status_code == 202


async def test_a_reinstated_device_gets_a_new_credential_and_the_old_one_stays_invalid(station):
    made = await station.register()
    path = f"/v1/devices/{made['device']['device_id']}"
    assert (
        await station.admin("POST", f"{path}/reinstatement", {"reason": "early"})
    ).status_code == 409
    await station.admin("POST", f"{path}/revocation", {"reason": "stolen"})
    fresh = (await station.admin("POST", f"{path}/reinstatement", {"reason": "found"})).json()
    assert (await station.post_frame(made["credential"], FRAME)).status_code == 401
    assert (await station.post_frame(fresh["credential"], FRAME)).status_code == 202


@pytest.mark.clause("468.5/revoked-device")
async def test_a_change_of_a_device_at_the_same_time_does_not_undo_its_revocation(station):
    made = await station.register()
    device_id = made["device"]["device_id"]
    path = f"/v1/devices/{device_id}"
    answers = await locked_while(
        station.running.runtime.db,
        f"SELECT FROM devices WHERE device_id = '{device_id}' FOR UPDATE",
        station.admin("POST", f"{path}/revocation", {"reason": "stolen"}),
        station.admin("PATCH", path, {"name": "Fourth St"}),
    )
    assert [answer.status_code for answer in answers] == [200, 200]
    shown = (await station.admin("GET", path)).json()
    assert (shown["status"], shown["name"]) == ("revoked", "Fourth St")
    assert (await station.post_frame(made["credential"], FRAME)).status_code == 401


@pytest.mark.clause("468.5/revoked-device")
async def test_every_change_of_a_device_is_a_new_version_of_it_for_other_replicas(station):
    device_id = (await station.register())["device"]["device_id"]
    path = f"/v1/devices/{device_id}"

    async def version():
        async with station.running.runtime.db.begin() as connection:
            return (await Devices(connection).get(device_id)).version

    versions = [await version()]
    for method, door, body in (
        ("PATCH", path, {"name": "Fifth St"}),
        ("POST", f"{path}/credential", {}),
        ("POST", f"{path}/revocation", {"reason": "stolen"}),
        ("POST", f"{path}/reinstatement", {"reason": "found"}),
    ):
        assert (await station.admin(method, door, body)).status_code == 200
        versions.append(await version())
    assert versions == [1, 2, 3, 4, 5]


@pytest.mark.clause("468.5/revoked-device")
async def test_a_reinstatement_that_does_not_commit_lets_no_frame_in(station, ingest_database):
    device_id = (await station.register())["device"]["device_id"]
    path = f"/v1/devices/{device_id}"
    await station.admin("POST", f"{path}/revocation", {"reason": "stolen"})
    device = station.running.cache._devices[UUID(device_id)]
    async with _no_commit_of(ingest_database, "devices"):
        answer = await station.admin("POST", f"{path}/reinstatement", {"reason": "found"})
    assert answer.status_code == 503, answer.text
    assert station.running.cache._devices[UUID(device_id)] == device
    assert (await station.admin("GET", path)).json()["status"] == "revoked"


@asynccontextmanager
async def _no_commit_of(database: str, table: str) -> AsyncIterator[None]:
    """Let each transaction that changes `table` fail at its commit."""
    owner = await asyncpg.connect(database, server_settings={"search_path": "ingest"})
    await owner.execute(
        f"""
        CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql
            AS $$ BEGIN RAISE EXCEPTION 'as if cut' USING ERRCODE = '40001'; END $$;
        CREATE CONSTRAINT TRIGGER failing AFTER UPDATE ON {table} DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION fail();
        """
    )
    try:
        yield
    finally:
        await owner.execute("DROP FUNCTION fail CASCADE")
        await owner.close()


@pytest.mark.parametrize("header", [
    None, "Bearer", "Bearer x", "Bearer .", "Digest abc", "Basic !!!", "Basic eDp5", "Bearer " + "9" * 500,
    "Bearer 7d7f0a3e-6a60-4a0c-9f43-0f6f1d1f3c55.", "Bearer 7d7f0a3e-6a60-4a0c-9f43-0f6f1d1f3c55.wrong",
])  # fmt: skip
async def test_a_camera_route_refuses_a_request_without_a_valid_credential(station, header):
    headers = {"Authorization": header} if header else {}
    for path in ("/v1/captures", "/v1/reads"):
        answer = await station.client.post(path, content=FRAME, headers=headers)
        assert answer.status_code == 401, (path, answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
    assert station.stored_nothing()


async def test_a_flood_at_the_camera_routes_is_counted_and_stops_no_camera(station, camera):
    await station.running.runtime.relay.drain()
    station.bus.records.clear()  # the counts of earlier tests at their end
    refusals = station.running.runtime.refusals
    refusals.allowance = Allowance(5, 0.001)
    wrong = "7d7f0a3e-6a60-4a0c-9f43-0f6f1d1f3c55.wrong"
    statuses = [(await station.post_frame(wrong, FRAME)).status_code for _ in range(20)]
    assert statuses == [401] * 5 + [429] * 15
    assert (await station.post_frame(camera, FRAME)).status_code == 202
    officer = station.authority.headers(Permission.DEVICE_READ)
    assert (await station.client.get("/v1/devices", headers=officer)).status_code == 200
    reads = await station.client.post("/v1/reads", content=b"[]", headers=officer)
    assert (reads.status_code, "retry-after" in reads.headers) == (429, True)
    crossed = {"Authorization": f"Bearer {camera}"}
    assert (await station.client.get("/v1/devices", headers=crossed)).status_code == 429
    station.clock.advance(minutes=1)
    await refusals.record()
    await station.running.runtime.relay.drain()
    [counted] = station.bus.events(RefusalsCounted)
    assert counted.count == 20 + 2
    assert [a for a in station.bus.events(AccessAttempted) if not a.allowed] == []


async def test_the_secret_of_one_device_is_refused_for_another(station):
    one, other = await station.register("One"), await station.register("Other")
    mixed = other["device"]["device_id"] + "." + one["credential"].partition(".")[2]
    assert (await station.post_frame(mixed, FRAME)).status_code == 401


async def test_an_officers_token_is_not_accepted_as_a_device_credential(station):
    headers = station.authority.headers()
    answer = await station.client.post("/v1/captures", content=FRAME, headers=headers)
    assert answer.status_code == 401


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_managing_devices_needs_the_permission_and_each_attempt_is_recorded(station):
    headers = station.authority.headers(Permission.DEVICE_READ)
    body = {"name": "x", "kind": "vehicle"}
    answer = await station.client.post("/v1/devices", json=body, headers=headers)
    assert answer.status_code == 403
    assert (await station.client.get("/v1/devices", headers=headers)).json()["items"] == []
    await station.running.runtime.relay.drain()
    attempts = station.bus.events(AccessAttempted)
    assert [(a.permission, a.allowed) for a in attempts] == [
        ("device:manage", False),
        ("device:read", True),
    ]


@pytest.mark.parametrize(
    ("method", "below", "body"),
    [
        ("PATCH", "", {"name": "Elm St"}),
        ("POST", "/credential", {}),
        ("POST", "/revocation", {"reason": "stolen"}),
        ("POST", "/reinstatement", {"reason": "found again"}),
    ],
)
async def test_a_person_who_may_see_devices_changes_none(station, method, below, body):
    device = (await station.register())["device"]
    path = f"/v1/devices/{device['device_id']}"
    headers = station.authority.headers(Permission.DEVICE_READ)
    answer = await station.client.request(method, path + below, json=body, headers=headers)
    assert answer.status_code == 403
    assert (await station.client.get(path, headers=headers)).json() == device


INVALID = [
    ({"kind": "fixed", "name": "x"}, "place"),
    ({"kind": "drone", "name": "x"}, "body.kind"),
    ({"kind": "vehicle", "name": ""}, "body.name"),
    ({"kind": "vehicle", "name": "a\u0000b"}, "body.name"),
    ({"kind": "vehicle", "name": "n" * 81}, "body.name"),
    ({"kind": "vehicle", "name": "x", "place": {"latitude": 1, "longitude": 1}}, "place"),
    ({"kind": "fixed", "name": "x", "place": {"latitude": 91, "longitude": 1}}, "body.place.latitude"),
    ({"kind": "vehicle", "name": "x", "frames_per_s": 0}, "body.frames_per_s"),
    ({"kind": "vehicle", "name": "x", "colour": "red"}, "body.colour"),
]  # fmt: skip


async def test_an_invalid_device_is_refused_by_field_and_not_kept(station):
    for body, field in INVALID:
        answer = await station.admin("POST", "/v1/devices", body)
        assert answer.status_code == 422, body
        assert answer.json()["field"] == field, answer.text
    assert (await station.admin("GET", "/v1/devices")).json()["items"] == []
    assert await changes(station) == []


async def test_device_names_are_unique_regardless_of_case(station):
    device = (await station.register("Main St"))["device"]["device_id"]
    body = {"name": "MAIN ST", "kind": "vehicle"}
    taken = await station.admin("POST", "/v1/devices", body)
    assert (taken.status_code, taken.json()["field"]) == (409, "name")
    other = (await station.register("Unit 1", kind="vehicle"))["device"]["device_id"]
    renamed = await station.admin("PATCH", f"/v1/devices/{other}", {"name": "main st"})
    assert renamed.status_code == 409
    assert (
        await station.admin("PATCH", f"/v1/devices/{device}", {"name": "main st"})
    ).status_code == 200


async def test_an_unknown_device_is_404(station):
    path = "/v1/devices/7d7f0a3e-6a60-4a0c-9f43-0f6f1d1f3c55"
    assert (await station.admin("GET", path)).status_code == 404
    assert (await station.admin("PATCH", path, {"name": "x"})).status_code == 404
    assert (await station.admin("POST", f"{path}/credential", {})).status_code == 404
    assert (
        await station.admin("POST", f"{path}/revocation", {"reason": "none"})
    ).status_code == 404


async def test_devices_are_listed_by_name_page_by_page(station):
    for name in ("delta", "alpha", "Charlie", "bravo"):
        await station.register(name, kind="vehicle")
    first = (await station.admin("GET", "/v1/devices?limit=3")).json()
    names = [device["name"] for device in first["items"]]
    assert (names, first["next"]) == (["alpha", "bravo", "Charlie"], cursor_of("Charlie"))
    rest = (await station.admin("GET", f"/v1/devices?limit=3&after={first['next']}")).json()
    assert (await station.admin("GET", "/v1/devices?after=%00")).status_code == 422
    assert [device["name"] for device in rest["items"]] == ["delta"]
    assert rest["next"] is None


async def test_a_changed_place_applies_to_the_next_frame(station):
    made = await station.register()
    path = f"/v1/devices/{made['device']['device_id']}"
    place = {"latitude": 1.5, "longitude": 2.5}
    assert (await station.admin("PATCH", path, {"place": place})).json()["place"]["latitude"] == 1.5
    await station.post_frame(made["credential"], FRAME)
    assert station.captures[0].place.longitude == 2.5


async def test_a_vehicle_cannot_be_given_a_place_later(station):
    made = await station.register("Unit 7", kind="vehicle")
    path = f"/v1/devices/{made['device']['device_id']}"
    refused = await station.admin("PATCH", path, {"place": {"latitude": 1.5, "longitude": 2.5}})
    assert (refused.status_code, refused.json()["code"]) == (422, "vehicle_has_no_place")
    assert (await station.admin("GET", path)).json()["place"] is None


async def test_the_last_seen_time_of_a_device_is_stored_with_a_delay_and_never_decreases(station):
    made = await station.register()
    path = f"/v1/devices/{made['device']['device_id']}"
    await station.post_frame(made["credential"], FRAME)
    assert (await station.admin("GET", path)).json()["last_seen_at"] is None
    last_seen = station.running.last_seen
    await last_seen.flush()
    assert (await station.admin("GET", path)).json()["last_seen_at"] == "2026-06-01T12:00:00Z"
    device_id = station.captures[0].device_id
    last_seen.note(device_id, station.clock.now() - timedelta(hours=1))
    await last_seen.flush()
    assert (await station.admin("GET", path)).json()["last_seen_at"] == "2026-06-01T12:00:00Z"


async def test_a_process_stores_the_last_seen_times_when_it_ends(
    station, ingest_settings, bus, objects, clock, authority, policy
):
    made = await station.register()
    async with another(ingest_settings, bus, objects, clock, authority, policy) as replica:
        assert (await replica.post_frame(made["credential"], FRAME)).status_code == 202
    shown = await station.admin("GET", f"/v1/devices/{made['device']['device_id']}")
    assert shown.json()["last_seen_at"] == "2026-06-01T12:00:00Z"


async def test_last_seen_times_that_could_not_be_stored_are_stored_later(station, monkeypatch):
    one, other = (await station.register("One")), (await station.register("Other"))
    last_seen = station.running.last_seen
    ids = [UUID(made["device"]["device_id"]) for made in (one, other)]
    early, late = station.clock.now(), station.clock.now() + timedelta(seconds=30)
    for device_id in ids:
        last_seen.note(device_id, early)

    async def fail(self, *written):
        last_seen.note(ids[0], late)  # during the write
        raise Unavailable(Common.DATABASE_AWAY)

    with monkeypatch.context() as patched:
        patched.setattr(Devices, "seen", fail)
        with pytest.raises(Unavailable):
            await last_seen.flush()
    await last_seen.flush()
    async with station.running.runtime.db.begin() as connection:
        stored = await Devices(connection).some(ids)
    assert {device.device_id: device.last_seen_at for device in stored} == {
        ids[0]: late,
        ids[1]: early,
    }
