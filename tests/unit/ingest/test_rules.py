"""Credentials, rates, times and places, regions, memory in flight: the rules without a server."""

from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from uuid import uuid4

import pytest
from msgspec import Raw

from services.ingest.actions.edge_decoding import EdgeRead
from services.ingest.actions.edge_reads import Batch
from services.ingest.domain.circumstances import Window, circumstances
from services.ingest.domain.credentials import Credential, presented
from services.ingest.domain.devices import Device, DeviceKind, DeviceStatus, check_place
from services.ingest.domain.in_flight import InFlight
from services.ingest.domain.places import metres_between
from services.ingest.domain.rate import Rates
from services.ingest.workers.device_cache import DeviceCache
from shared.core.errors import (
    InvalidInput,
    NotAuthenticated,
    TooManyRequests,
    Unavailable,
)
from shared.core.ids import akin, derive_id
from shared.core.machine_secrets import digest, new_secret
from shared.core.policy import Devices
from shared.events import Place

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
AN_ID = "8b1c4a99-796b-4825-8ac7-d649386354b1"
AN_ID_BARE = AN_ID.replace("-", "")
WINDOW = Window.around(NOON, schedule_days=400, skew_s=300)


def a_device(**fields):
    plain = Device(uuid4(), "Main St", DeviceKind.VEHICLE, None, 20, 100, DeviceStatus.ACTIVE, NOON)
    return replace(plain, **fields)


def test_secrets_are_long_and_never_alike():
    secrets = {new_secret() for _ in range(1000)}
    assert len(secrets) == 1000
    assert all(len(secret) >= 43 and secret.isascii() for secret in secrets)


def test_a_credential_is_read_from_bearer_and_basic_alike():
    device, secret = uuid4(), new_secret()
    basic = b64encode(f"{device}:{secret}".encode()).decode()
    expected = (device, digest(secret))
    assert presented(f"Bearer {device}.{secret}") == expected
    assert presented(f"bearer   {device}.{secret} ") == expected
    assert presented(f"Basic {basic}") == expected


@pytest.mark.parametrize("header", [
    None, "", "Bearer", f"Bearer {AN_ID}", f"Bearer {AN_ID}.", f"Bearer x.{'y' * 43}",
    f"Bearer {AN_ID_BARE}.secret", "Basic é", "Basic YQ==", f"Token {AN_ID}.x", "Bearer " + "a" * 400,
    f"Bearer {AN_ID}.{'y' * 360}",
])  # fmt: skip
def test_an_invalid_credential_header_is_refused_without_being_quoted(header):
    with pytest.raises(NotAuthenticated) as refused:
        presented(header)
    if header:
        assert header not in refused.value.detail


def test_a_device_accepts_its_credentials_while_they_hold():
    old = Credential(digest("old"), NOON, ends_at=NOON + timedelta(minutes=1))
    device = a_device(credentials=(Credential(digest("new"), NOON), old))
    assert device.accepts(digest("new"), NOON + timedelta(days=900))
    assert device.accepts(digest("old"), NOON)
    assert not device.accepts(digest("old"), NOON + timedelta(minutes=1))
    assert not device.accepts(digest("other"), NOON)


def test_a_revoked_device_accepts_no_credential():
    device = a_device(status=DeviceStatus.REVOKED, credentials=(Credential(digest("s"), NOON),))
    assert not device.accepts(digest("s"), NOON)


def test_the_repr_of_a_device_contains_no_hash():
    device = a_device(credentials=(Credential(digest("s"), NOON),))
    assert "secret_sha256" not in repr(device)


async def test_an_older_device_version_never_replaces_a_newer_one_in_the_cache():
    cache = DeviceCache(None, ttl_s=60)
    device_id = uuid4()
    newer = a_device(device_id=device_id, version=2, credentials=(Credential(digest("b"), NOON),))
    cache.put(newer)
    cache.put(a_device(device_id=device_id, credentials=(Credential(digest("a"), NOON),)))
    assert await cache.authenticate(device_id, digest("b"), NOON) is newer


async def test_a_camera_is_asked_to_come_again_before_the_devices_are_loaded():
    cache = DeviceCache(None, ttl_s=60)
    with pytest.raises(Unavailable):
        await cache.authenticate(uuid4(), digest("a"), NOON)


async def test_unknown_credentials_are_looked_up_ten_times_a_second_at_most(monkeypatch):
    cache, looked_up, ticking = DeviceCache(None, ttl_s=60), [], Ticking()

    async def refresh(ids):
        looked_up.extend(ids)

    monkeypatch.setattr(cache, "refresh", refresh)
    monkeypatch.setattr("services.ingest.workers.device_cache.time.monotonic", ticking)
    cache._loaded = True
    for seconds in (0, 0, 0.05, 0.06, 0.06):
        ticking.now_s += seconds
        with pytest.raises(NotAuthenticated):
            await cache.authenticate(uuid4(), digest("guess"), NOON)
    assert len(looked_up) == 2


class Ticking:
    """A clock whose seconds a test sets."""

    now_s = 100.0

    def __call__(self):
        return self.now_s


def test_a_rate_limit_applies_over_time_and_reports_the_wait():
    ticking, device = Ticking(), uuid4()
    rates = Rates("frames", monotonic=ticking)
    for _ in range(20):  # ten seconds' worth at once
        rates.spend(device, 2)
    with pytest.raises(TooManyRequests) as refused:
        rates.spend(device, 2)
    assert refused.value.retry_after_s == 1
    ticking.now_s += 0.5
    rates.spend(device, 2)
    with pytest.raises(TooManyRequests):
        rates.spend(device, 2)
    rates.spend(uuid4(), 2)  # another device is not held back by this one


def test_a_large_batch_goes_into_debt_that_time_pays_off():
    ticking, device = Ticking(), uuid4()
    rates = Rates("reads", monotonic=ticking)
    rates.spend(device, 100)
    with rates.charged(device, 1_999):
        pass
    with pytest.raises(TooManyRequests) as refused:
        rates.spend(device, 100)
    assert refused.value.retry_after_s == 11
    ticking.now_s += 10.02
    rates.spend(device, 100)


def test_a_device_that_was_silent_for_long_may_send_ten_seconds_worth():
    ticking, device = Ticking(), uuid4()
    rates = Rates("frames", monotonic=ticking)
    rates.spend(device, 1)
    ticking.now_s += 86_400
    for _ in range(10):
        rates.spend(device, 1)
    with pytest.raises(TooManyRequests):
        rates.spend(device, 1)


def test_a_slow_device_may_send_one_item_at_once():
    ticking, device = Ticking(), uuid4()
    rates = Rates("frames", monotonic=ticking)
    rates.spend(device, 0.05)
    with pytest.raises(TooManyRequests) as refused:
        rates.spend(device, 0.05)
    assert refused.value.retry_after_s == 20


def test_bodies_in_flight_are_counted_and_released():
    in_flight, device = InFlight(100, 70), uuid4()
    with in_flight.body(device) as one, in_flight.body(uuid4()) as other:
        one.add(60)
        with pytest.raises(Unavailable):
            other.add(60)
        with in_flight.body(device) as another, pytest.raises(Unavailable):
            another.add(20)
        other.add(40)
        assert in_flight.held_bytes == 100
    assert in_flight.held_bytes == 0
    with in_flight.body(device) as one:
        one.add(70)


@pytest.mark.parametrize(("text", "hour"), [
    ("2026-06-01T11:00:00Z", 11), ("2026-06-01T04:00:00-07:00", 11), ("2026-06-01T13:00:00 02:00", 11),
    ("20260601T110000Z", 11), (" 2026-06-01T11:00:00.123456+00:00 ", 11),
])  # fmt: skip
def test_a_time_with_a_zone_is_understood_in_utc(text, hour):
    said = circumstances([("captured_at", text)], (), {}, WINDOW)
    assert (said.captured_at.hour, said.captured_at.tzinfo) == (hour, UTC)


def test_the_window_is_closed_at_both_ends():
    assert WINDOW.fault(NOON + timedelta(seconds=300)) is None
    assert WINDOW.fault(NOON + timedelta(seconds=301))
    assert WINDOW.fault(NOON - timedelta(days=400)) is None
    assert WINDOW.fault(NOON - timedelta(days=400, seconds=1))


def test_a_repeated_equal_value_is_accepted():
    query, headers = [("latitude", "1"), ("longitude", "2")], {"x-latitude": " 1"}
    said = circumstances(query, headers.items(), {"latitude": "1"}, WINDOW)
    assert (said.place.latitude, said.place.longitude) == (1, 2)


def test_a_heading_of_360_degrees_is_north():
    query = [("latitude", "1"), ("longitude", "2"), ("heading_deg", "360")]
    assert circumstances(query, (), {}, WINDOW).place.heading_deg == 0


@pytest.mark.clause("468.5/place")
@pytest.mark.parametrize(
    ("one", "other", "expected_m"),
    [
        (Place(60, 0), Place(60, 1), 55_597),  # half a degree of the equator
        (Place(0, 179.5), Place(0, -179.5), 111_195),
        (Place(40, -122), Place(41, -122), 111_195),
    ],
)
def test_a_distance_is_along_the_great_circle(one, other, expected_m):
    assert metres_between(one, other) == pytest.approx(expected_m, rel=1e-4)


@pytest.mark.parametrize("text", ["inf", "nan", "1e9", "", "one", "0x10"])
def test_a_value_that_is_not_a_number_is_refused(text):
    with pytest.raises(InvalidInput) as refused:
        circumstances([("latitude", text), ("longitude", "0")], (), {}, WINDOW)
    assert refused.value.field == "latitude"


def an_edge_read(**fields):
    time = Raw(f'"{NOON.isoformat()}"'.encode())
    made = {"plate": "7ABC123", "confidence": 0.9, "captured_at": time}
    return EdgeRead(**(made | fields))


class Secrets:
    """A secret for each month, without a database."""

    def __init__(self, seed=b"one"):
        self.seed = seed

    def secret(self, moment):
        return blake2b(self.seed + f"{moment:%Y-%m}".encode(), digest_size=32).digest()


ONE_DEVICE = a_device()
RULES = Devices(live_within_s=900, may_buffer_h={"fixed": 0, "vehicle": 72})


def a_batch(device=None, secrets=None):
    return Batch(
        device or ONE_DEVICE,
        "CA0520100",
        WINDOW,
        NOON,
        secrets or Secrets(),
        most_m=200,
        rules=RULES,
    )


def id_of(secrets=None, **fields):
    batch = a_batch(secrets=secrets)
    batch.events([an_edge_read(**fields)])
    return batch.ids[0]


CONTRADICTIONS = {
    "plate": {"plate": "7ABC124"},
    "region": {"region": "US-NV"},
    "confidence": {"confidence": 0.91},
}


@pytest.mark.clause("wall/keyed-ids")
@pytest.mark.parametrize("other", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_contradicting_read_has_its_own_id_akin_to_the_other(other):
    one = {"source_id": "s-1"}
    assert id_of(**one) == id_of(**one)
    assert id_of(**one) != id_of(**one, **other)
    assert akin(id_of(**one)) == akin(id_of(**one, **other))


@pytest.mark.clause("wall/keyed-ids")
@pytest.mark.parametrize(
    "other",
    [
        {"source_id": "s-2"},
        {"source_id": None},
        {"captured_at": Raw(b'"2026-06-01T12:00:00Z"')},
        {"captured_at": Raw(b'"2026-06-01T12:00:00.0+00:00"')},
    ],
    ids=["source id", "no source id", "time", "time with a fraction"],
)
def test_a_read_of_another_time_or_source_is_not_akin(other):
    """The time counts as the device wrote it."""
    one = {"source_id": "s-1"}
    assert akin(id_of(**one)) != akin(id_of(**(one | other)))


@pytest.mark.clause("wall/keyed-ids")
def test_an_id_cannot_be_computed_without_the_months_secret():
    assert id_of(source_id="s-1") != id_of(Secrets(b"two"), source_id="s-1")
    assert id_of(source_id="s-1") != derive_id(
        "read", ONE_DEVICE.device_id, "source", NOON.isoformat(), "s-1"
    )


def test_a_source_id_cannot_imitate_another_field():
    """Lengths separate the parts, for any text of a device."""
    one = id_of(source_id="s\x1f7ABC123", plate="7ABC123")
    other = id_of(source_id="s", plate="7ABC123")
    assert akin(one) != akin(other)


@pytest.mark.clause("wall/keyed-ids")
def test_one_batch_may_have_reads_of_several_months():
    batch = a_batch()
    may, year_ago = Raw(b'"2026-05-31T23:59:59Z"'), Raw(b'"2025-06-01T12:00:00Z"')
    times = ({}, {"captured_at": year_ago}, {"captured_at": may}, {})
    batch.events([an_edge_read(**time) for time in times])
    assert batch.ids == [id_of(**time) for time in times]


def test_the_index_in_the_batch_continues_over_slices():
    batch = a_batch()
    batch.events([an_edge_read(source_id="a"), an_edge_read(source_id="a")])
    with pytest.raises(InvalidInput) as refused:
        batch.events([an_edge_read(source_id="b"), an_edge_read(plate="---")])
    assert (refused.value.params["index"], refused.value.field) == (3, "plate")


PLACE = Place(39.9277, -122.1792)


@pytest.mark.parametrize(("kind", "place"), [(DeviceKind.FIXED, None), (DeviceKind.VEHICLE, PLACE)])
def test_a_device_with_a_place_against_its_kind_is_refused(kind, place):
    with pytest.raises(InvalidInput) as refused:
        check_place(a_device(kind=kind, place=place))
    assert refused.value.field == "place"


@pytest.mark.parametrize(("kind", "place"), [(DeviceKind.FIXED, PLACE), (DeviceKind.VEHICLE, None)])
def test_a_fixed_camera_with_a_place_and_a_vehicle_without_one_are_accepted(kind, place):
    check_place(a_device(kind=kind, place=place))
