"""Events of passes: their division, and their former version (ADR-0097)."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import msgspec

from shared.core.types import Ori, PlateText
from shared.events import PassesRecorded, RecordedPass
from shared.events.past import PassRecordedV1
from shared.kafka.codec import COUNT, Message, decode_present, encode_all
from tests.architecture.source import ROOT

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
EXAMPLE = ROOT / "shared/events/examples/alpr.pass.recorded/1/full.json"


def a_pass(reads: int = 2) -> RecordedPass:
    seen = [uuid4() for _ in range(reads)]
    return RecordedPass(
        pass_id=uuid4(),
        first_seen_at=NOON,
        last_seen_at=NOON + timedelta(seconds=1),
        plate=PlateText("7ABC123"),
        confidence=0.9,
        characters=[],
        read_ids=seen,
        best_read_id=seen[0],
    )


def an_event(*passes: RecordedPass) -> PassesRecorded:
    return PassesRecorded(
        occurred_at=NOON,
        device_id=UUID(int=7),
        device_name="camera",
        agency_ori=Ori("CA0520100"),
        passes=list(passes),
    )


def test_a_pass_of_the_former_version_is_handled_with_all_its_fields():
    former = msgspec.json.decode(EXAMPLE.read_bytes(), type=PassRecordedV1)
    kind = {"ce_type": b"alpr.pass.recorded.v1"}
    event = decode_present(Message(former.TOPIC, 0, 0, b"key", EXAMPLE.read_bytes(), kind))
    assert isinstance(event, PassesRecorded)
    [voted] = event.passes
    for name in PassRecordedV1.__struct_fields__:
        found = getattr(voted if hasattr(voted, name) else event, name)
        assert found == getattr(former, name), name


def test_an_event_of_passes_too_large_for_a_record_is_split_without_losing_one():
    event = an_event(*(a_pass(reads=600) for _ in range(20)))
    records = encode_all([event], "retention")
    assert len(records) > 1
    assert max(len(record.value) for record in records) <= 200_000
    parts = [msgspec.json.decode(record.value, type=PassesRecorded) for record in records]
    assert [one for part in parts for one in part.passes] == event.passes
    assert len({part.event_id for part in parts}) == len(parts)
    assert [int(dict(record.headers)[COUNT]) for record in records] == [
        len(part.passes) for part in parts
    ]
