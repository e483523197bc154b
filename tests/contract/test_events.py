"""Every example that was ever published still decodes; a body only gains optional fields."""

import json

import msgspec
import pytest

from shared.core.errors import InternalFault
from shared.events.past import PAST
from shared.kafka.codec import Message, decode, encode
from shared.kafka.topics import TOPICS
from tests.architecture.source import ROOT

EXAMPLES = sorted((ROOT / "shared/events/examples").rglob("*.json"))


def test_every_topic_has_an_example_of_its_present_version():
    for topic in TOPICS.values():
        folder = ROOT / "shared/events/examples" / topic.name / str(topic.event.VERSION)
        assert list(folder.glob("*.json")), topic.name


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: f"{p.parts[-3]}.v{p.parts[-2]}-{p.stem}")
def test_every_published_example_still_decodes(path):
    kind = f"{path.parts[-3]}.v{path.parts[-2]}"
    message = Message(path.parts[-3], 0, 0, None, path.read_bytes(), {"ce_type": kind.encode()})
    event = decode(message)
    assert msgspec.to_builtins(event) == json.loads(path.read_bytes())
    record = encode(event, "contract")
    headers = dict(record.headers)
    assert headers["ce_specversion"] == b"1.0"
    assert headers["ce_id"] == str(event.event_id).encode()
    assert headers["ce_type"] == kind.encode()
    assert b"7ABC123" not in record.key, "a plate is never a key"


def test_every_former_event_version_is_older_than_the_current_one_and_has_an_example():
    for event in PAST:
        assert event.VERSION < TOPICS[event.TOPIC].event.VERSION
        folder = ROOT / "shared/events/examples" / event.TOPIC / str(event.VERSION)
        assert list(folder.glob("*.json")), event.TOPIC


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: f"{p.parts[-3]}-{p.stem}")
def test_a_later_field_does_not_break_an_older_reader(path):
    body = json.loads(path.read_bytes()) | {"a_later_field": {"x": 1}}
    kind = f"{path.parts[-3]}.v{path.parts[-2]}".encode()
    decode(Message(path.parts[-3], 0, 0, None, json.dumps(body).encode(), {"ce_type": kind}))


@pytest.mark.parametrize("path", EXAMPLES[:1], ids=lambda p: p.stem)
def test_a_body_that_is_nested_too_deeply_to_read_does_not_decode(path):
    kind = f"{path.parts[-3]}.v{path.parts[-2]}".encode()
    deep = b'{"a_later_field":' + b"[" * 9000 + b"]" * 9000 + b"," + path.read_bytes().lstrip()[1:]
    with pytest.raises(InternalFault, match="does not decode"):
        decode(Message(path.parts[-3], 0, 0, None, deep, {"ce_type": kind}))


@pytest.mark.parametrize("value", ["7ABC123", "it's `7ABC123` - at `7ABC123`", "7ABC123\n"])
def test_the_fault_of_a_body_names_the_field_and_not_its_value(value):
    """Followers log the fault, and a dead letter has it as its reason."""
    [path] = [
        one for one in EXAMPLES if one.parts[-3:] == ("alpr.hotlist.activated", "1", "full.json")
    ]
    body = json.dumps(json.loads(path.read_bytes()) | {"change": value}).encode()
    kind = f"{path.parts[-3]}.v{path.parts[-2]}".encode()
    with pytest.raises(InternalFault) as refused:
        decode(Message(path.parts[-3], 0, 0, None, body, {"ce_type": kind}))
    assert refused.value.detail.endswith("does not decode: Invalid enum value - at `$.change`")
