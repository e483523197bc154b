"""A process killed while it makes an evidence package: the next one makes it, whole, with one event."""

import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import msgspec
import pytest

from services.retention.domain.signing import load_public
from services.retention.domain.verifying import verify_package
from shared.events import EvidenceChanged
from shared.objects.opening import open_store
from shared.testing import FakeClock, TestAuthority, eventually
from tests.integration.retention.conftest import DEVICE, JPEG, a_capture, started
from tests.integration.retention.exporting import request
from tests.integration.retention.holding import place
from tests.integration.retention.killing import kill, published, start

__all__ = ["start"]

FRAMES = 400
FRAME = JPEG + bytes(250_000)
MIDST_BYTES = 5_000_000


@pytest.mark.clause("468.5/evidence")
async def test_killed_while_it_writes_the_package_is_made_by_the_next(
    start, settings, bus, policy, broker, database_url, tmp_path, monkeypatch
):
    at = datetime.now(UTC) - timedelta(hours=1)
    clock = FakeClock(at)
    authority = TestAuthority(clock)
    objects = open_store(settings.object_store_url)
    async with started(settings, bus, objects, clock, authority, policy) as retention:
        key, export_id = await _asked_for(retention, at)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))

    first = start("3600")
    await eventually(lambda: _written(temporary) > MIDST_BYTES, within_s=120, every_s=0.002)
    kill(first, broker)
    assert MIDST_BYTES < _written(temporary) < FRAMES * len(FRAME), "it was not in the midst"
    assert (await _row(database_url, export_id))["state"] == "requested"
    kept = Path(settings.object_store_url.removeprefix("file://"))
    assert not list(kept.glob("evidence/*"))

    for left in temporary.iterdir():
        os.utime(left, (0, 0))  # as if it lay there for a while
    second = start("3600")

    async def ready():
        return (await _row(database_url, export_id))["state"] == "ready"

    await eventually(ready, within_s=120, every_s=0.1)
    row = await _row(database_url, export_id)
    [package] = kept.glob("evidence/*")
    assert hashlib.sha256(package.read_bytes()).hexdigest() == row["sha256"]
    assert (row["captures"], row["images"], row["attempts"]) == (FRAMES, FRAMES, 0)
    assert verify_package(package, load_public(key)).holds
    events = await eventually(lambda: published(broker, EvidenceChanged), within_s=60)
    assert [event.change for event in events] == ["packaged"]
    assert list(temporary.iterdir()) == []
    assert second.poll() is None


async def _asked_for(retention, at) -> tuple[bytes, str]:
    """Store frames that share one picture, hold them and ask for them; no worker runs here."""
    await retention.objects.put("captures/shared", FRAME)
    frames = []
    for n in range(FRAMES):
        event = a_capture(at, FRAME, capture_id=UUID(int=n + 1), outcome="no_plate")
        image = msgspec.structs.replace(event.capture.image, object_key="captures/shared")
        capture = msgspec.structs.replace(event.capture, image=image)
        frames.append(msgspec.structs.replace(event, capture=capture))
    await retention.store(*frames)
    hold = await place(
        retention,
        device_ids=[str(DEVICE)],
        captured_from=(at - timedelta(hours=1)).isoformat(),
        captured_to=(at + timedelta(hours=1)).isoformat(),
    )
    export = await request(retention, hold)
    await retention.emitted(EvidenceChanged)  # relays the request
    pem = (await retention.client.get("/v1/signing-key")).json()["public_pem"]
    return pem.encode(), export["export_id"]


def _written(folder: Path) -> int:
    """Return the bytes of unfinished packages."""
    return sum(path.stat().st_size for path in folder.glob("alpr-package-*/package.zip"))


async def _row(database_url, export_id):
    connection = await asyncpg.connect(database_url)
    try:
        query = "SELECT * FROM retention.evidence_exports WHERE export_id = $1"
        return await connection.fetchrow(query, UUID(export_id))
    finally:
        await connection.close()
