"""Retention stores recognition's results of a frame only with the device, time and place that ingest signed."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
import pytest

from shared.core.errors import InvalidInput
from shared.core.ids import derive_id
from shared.events import CaptureProcessed, Place
from shared.events.read_rules import OLDEST
from shared.events.signed_captures import (
    REFUSED,
    CaptureRefused,
    crop_key_of,
    message,
    read_id_of,
    sign,
)
from shared.testing import TestRoot, recognised, signed
from tests.integration.retention.conftest import JPEG, a_capture, a_read

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
ELSEWHERE = Place(38.0, -121.0)

pytestmark = pytest.mark.clause("wall/captures")


@pytest.fixture
async def strict(retention):
    """The service with its settings outside an upgrade."""
    retention.running.proofs._unsigned_until = None
    return retention


def a_frame(**changes):
    return signed(a_capture(NOON, **changes).capture)


def outcome(capture, **changes):
    event = a_capture(NOON, capture_id=capture.capture_id)
    return msgspec.structs.replace(event, capture=capture, **changes)


async def counts(service) -> tuple[int, int]:
    """Return how many reads and captures are on record."""
    [row] = await service.fetch(
        "SELECT (SELECT count(*) FROM reads) AS r, (SELECT count(*) FROM captures) AS c"
    )
    return row.r, row.c


async def refused(service, event) -> str:
    """Deliver an event that must be refused; return the reason. It is counted, and not stored."""
    before = sum(m.value for f in REFUSED.collect() for m in f.samples if m.name.endswith("_total"))
    with pytest.raises(CaptureRefused) as refusal:
        await service.store(event)
    after = sum(m.value for f in REFUSED.collect() for m in f.samples if m.name.endswith("_total"))
    assert after == before + 1
    assert await counts(service) == (0, 0)
    return refusal.value.detail


async def test_a_read_is_stored_with_the_place_and_time_that_ingest_signed(strict):
    frame = a_frame()
    await strict.store(recognised(frame), outcome(frame))
    [row] = await strict.fetch("SELECT * FROM reads")
    assert (row.device_id, row.captured_at) == (frame.device_id, frame.captured_at)
    assert (row.latitude, row.longitude) == (frame.place.latitude, frame.place.longitude)
    assert (row.image_key, row.source) == (frame.image.object_key, "recognition")
    assert row.crop_key == crop_key_of(frame, row.read_id)
    assert await counts(strict) == (1, 1)


async def test_a_frame_with_several_plates_is_verified_once(strict, monkeypatch):
    frame, asked = a_frame(), []
    verify = strict.runtime.trust.verify
    monkeypatch.setattr(
        strict.runtime.trust, "verify", lambda *a, **k: (asked.append(a), verify(*a, **k))[1]
    )
    await strict.store(recognised(frame, "7ABC120", "7ABC121"), recognised(frame, number=2))
    await strict.store(outcome(frame))
    assert len(asked) == 1
    assert await counts(strict) == (3, 1)


async def test_a_read_of_an_unsigned_capture_is_refused(strict):
    bare = a_capture(NOON).capture
    assert "not signed" in await refused(strict, recognised(bare))
    assert "not signed" in await refused(strict, outcome(bare))


@pytest.mark.parametrize("field", ["body", "signature", "certificate"])
async def test_a_changed_signed_capture_is_refused(strict, field):
    frame = a_frame()
    proof = frame.signed
    changed = {
        "body": proof.body.replace("12:00:00", "11:00:00"),
        "signature": b64encode(bytes(64)).decode(),
        "certificate": TestRoot("another").certificate(bytes(32), "captures", now=NOON),
    }
    assert changed["body"] != proof.body
    forged = msgspec.structs.replace(proof, **{field: changed[field]})
    event = msgspec.structs.replace(recognised(frame), capture=forged)
    assert "did not sign" in await refused(strict, event)


@pytest.mark.clause("468.5/one-validation")
async def test_an_outcome_of_a_frame_from_a_broken_clock_is_refused(strict):
    capture = msgspec.structs.replace(
        a_capture(NOON).capture, captured_at=NOON - OLDEST - timedelta(seconds=1)
    )
    with pytest.raises(InvalidInput) as refusal:
        await strict.store(outcome(sign(capture, TestRoot().signer("captures", now=NOON))))
    assert refusal.value.field == "captured_at"
    assert await counts(strict) == (0, 0)


async def test_a_capture_signed_by_a_key_of_another_root_is_refused(strict):
    frame = signed(a_capture(NOON).capture, TestRoot("another"))
    assert "did not sign" in await refused(strict, recognised(frame))


async def test_a_capture_signed_by_a_key_that_is_certified_for_something_else_is_refused(strict):
    frame = a_frame()
    signer = TestRoot().signer("tokens", now=NOON)
    signature = b64encode(signer.sign(message(frame.signed.body))).decode()
    forged = msgspec.structs.replace(frame.signed, signature=signature, certificate=signer.text)
    event = msgspec.structs.replace(recognised(frame), capture=forged)
    assert "did not sign" in await refused(strict, event)


async def test_a_capture_signed_by_a_key_that_the_root_revoked_is_refused(strict):
    frame = a_frame()
    strict.runtime.trust.learn_revocation(TestRoot().revocation(frame.signed.certificate))
    assert "did not sign" in await refused(strict, recognised(frame))


async def test_a_read_with_an_id_of_the_former_kind_is_stored(strict):
    """Kafka still has such events when the service is upgraded."""
    frame = a_frame()
    former = derive_id("read", frame.capture_id, 0)
    await strict.store(recognised(frame, read_id=former))
    [(stored,)] = await strict.fetch("SELECT read_id FROM reads")
    assert str(stored) == str(former)


async def test_a_read_with_the_id_of_another_capture_or_read_is_refused(strict):
    frame = a_frame()
    for lie in ({"capture_id": uuid4()}, {"device_id": uuid4()}):
        event = msgspec.structs.replace(recognised(frame), **lie)
        assert "another capture" in await refused(strict, event)
    own = read_id_of(frame.capture_id, 0)
    for lie in (
        recognised(frame, read_id=uuid4()),
        recognised(frame, read_id=read_id_of(frame.capture_id, 1)),
        recognised(frame, number=1, read_id=own),
    ):
        assert "another id" in await refused(strict, lie)


@pytest.mark.parametrize(
    "lie",
    [
        {"place": ELSEWHERE},
        {"captured_at": NOON - timedelta(hours=1)},
        {"device_id": uuid4()},
        {"device_name": "another"},
    ],
    ids=lambda lie: next(iter(lie)),
)
async def test_an_outcome_that_contradicts_its_signed_capture_is_refused(strict, lie):
    frame = a_frame()
    assert "differs from the one that ingest signed" in await refused(
        strict, outcome(msgspec.structs.replace(frame, **lie))
    )


async def test_an_outcome_with_another_image_is_refused(strict):
    frame = a_frame()
    image = msgspec.structs.replace(frame.image, object_key="captures/of/another.jpg")
    lie = msgspec.structs.replace(frame, image=image)
    assert "differs from the one that ingest signed" in await refused(strict, outcome(lie))


async def test_a_read_of_recognition_without_a_signed_capture_is_refused(strict):
    """On a broker with ACLs it cannot even write there."""
    read = a_read("7ABC123", NOON, source="recognition", capture_id=uuid4())
    assert "signed capture" in await refused(strict, read)


async def test_unsigned_captures_are_accepted_during_an_upgrade_but_forged_ones_are_not(strict):
    strict.running.proofs._unsigned_until = strict.clock.now() + timedelta(hours=1)
    bare, frame = a_capture(NOON, image=JPEG).capture, a_frame()
    forged = msgspec.structs.replace(frame.signed, signature=b64encode(bytes(64)).decode())
    event = msgspec.structs.replace(recognised(frame), capture=forged)
    assert "did not sign" in await refused(strict, event)
    await strict.store(recognised(bare), outcome(bare))
    await strict.store(a_read("1AAA111", NOON, source="recognition", capture_id=uuid4()))
    assert await counts(strict) == (2, 1)
    strict.clock.advance(hours=1)
    with pytest.raises(CaptureRefused):
        await strict.store(recognised(bare, "7ABC124", number=1))
    assert await counts(strict) == (2, 1)


async def test_a_batch_with_a_forged_read_is_refused_and_its_good_reads_can_be_stored(strict):
    """The consumer finds it by halving: those beside it are stored."""
    good, bad = recognised(a_frame()), recognised(a_capture(NOON).capture)
    with pytest.raises(CaptureRefused):
        await strict.store(good, bad)
    assert await counts(strict) == (0, 0)
    await strict.store(good)
    assert await counts(strict) == (1, 0)
    assert isinstance(outcome(a_frame()), CaptureProcessed)
