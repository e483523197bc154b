"""Credentials of devices, and how a process knows them."""

from base64 import b64encode
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from services.ingest.domain.credentials import Credential, presented
from services.ingest.domain.devices import DeviceStatus
from services.ingest.workers.device_cache import DeviceCache
from shared.core.errors import NotAuthenticated, Unavailable
from shared.core.machine_secrets import digest, new_secret
from tests.unit.ingest.devices import NOON, Ticking, a_device

AN_ID = "8b1c4a99-796b-4825-8ac7-d649386354b1"
AN_ID_BARE = AN_ID.replace("-", "")


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


def test_a_header_has_four_hundred_characters_at_most():
    secret = "y" * (400 - len(f"Bearer {AN_ID}."))
    assert presented(f"Bearer {AN_ID}.{secret}") == (UUID(AN_ID), digest(secret))
    with pytest.raises(NotAuthenticated):
        presented(f"Bearer {AN_ID}.{secret}y")


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "device_credential_missing"),
        ("", "device_credential_missing"),
        (f"Token {AN_ID}.secret", "device_credential_scheme"),
        ("Bearer" + "x" * 400, "device_credential_malformed"),
        (f"Bearer {AN_ID}.", "device_credential_malformed"),
        (f"Bearer {AN_ID}", "device_credential_malformed"),
        (f"Bearer {AN_ID}:secret", "device_credential_malformed"),
        (f"Bearer {AN_ID[:-1]}x.secret", "device_credential_malformed"),
        (f"Bearer {{{AN_ID_BARE}}}00.secret", "device_credential_malformed"),
        ("Basic " + b64encode(f"{AN_ID}.secret".encode()).decode(), "device_credential_malformed"),
        ("Basic " + b64encode(f"{AN_ID}:é".encode()).decode(), "device_credential_malformed"),
        ("Basic " + b64encode(f"{AN_ID}:s".encode()).decode() + "!", "device_credential_malformed"),
    ],
)
def test_a_header_that_is_no_credential_is_refused_with_its_fault(header, code):
    with pytest.raises(NotAuthenticated) as refused:
        presented(header)
    assert refused.value.code == code
