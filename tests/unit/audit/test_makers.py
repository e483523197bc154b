"""The keys that prove an event's producer to audit: refused settings, without showing a key."""

from base64 import b64encode

import pytest

from services.audit.settings import parse_keys
from shared.kafka.event_mac import MacKey
from shared.testing import all_mac_keys, mac_key, mac_key_text

NEW = b64encode(bytes(32)).decode()


def test_each_service_has_one_key_without_an_end_and_may_have_last_ones() -> None:
    keys = parse_keys(f"{all_mac_keys()} ingest:{NEW}@2026-06-01T00:00:00Z")
    assert [k.key.service for k in keys if k.until is not None] == ["ingest"]
    assert len({k.key.id for k in keys}) == len(keys)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "there is no key of audit, hotlist"),
        (all_mac_keys().replace("ingest:", "ingset:"), "names no service"),
        (f"{all_mac_keys()} ingest:{NEW}", "two keys of ingest have no end"),
        (f"{all_mac_keys()} ingest:{NEW}@2026-06-01T00:00:00", "has no time zone"),
        (f"{all_mac_keys()} ingest:c2hvcnQ=", "not base64 of 32 bytes"),
        (f"{all_mac_keys()} {NEW}", "is not service:base64"),
        (
            all_mac_keys().replace(mac_key_text("ingest"), mac_key_text("audit")),
            "each service has a key of its own",
        ),
    ],
)
def test_invalid_keys_are_refused_and_not_printed(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault) as refused:
        parse_keys(text)
    for key in (NEW, "c2hvcnQ=", mac_key_text("audit"), mac_key_text("ingest")):
        assert key not in str(refused.value)


def test_a_mac_key_shows_its_id_alone() -> None:
    assert repr(mac_key("ingest")) == f"MacKey({mac_key('ingest').id})"


@pytest.mark.clause("wall/mac")
def test_the_mac_changes_if_bytes_move_between_parts_of_an_event() -> None:
    key = MacKey("ingest", bytes(32))
    headers = {"ce_a": b"1", "ce_b": b"2"}
    macs = {
        key.mac("topic", b"key", headers, b"body"),
        key.mac("topi", b"ckey", headers, b"body"),
        key.mac("topic", b"ke", headers, b"ybody"),
        key.mac("topic", b"key", {"ce_a": b"1ce_b2"}, b"body"),
        key.mac("topic", b"key", {"ce_a": b"1ce_b", "ce_b": b"2"}, b"body"),
        key.mac("topic", b"key", {"ce_a": b"1"}, b"ce_b2body"),
        MacKey("ingest", bytes(31) + b"1").mac("topic", b"key", headers, b"body"),
    }
    assert len(macs) == 7


def test_the_mac_is_hmac_sha256_over_the_number_and_lengths_of_parts() -> None:
    import hmac
    from struct import pack

    headers = {"ce_id": b"1", "content-type": b"application/json", "traceparent": b"left out"}
    parts = [b"t", b"k", b"ce_id", b"1", b"content-type", b"application/json", b"{}"]
    text = pack(">8Q", 7, *map(len, parts)) + b"".join(parts)
    wanted = hmac.new(bytes(range(32)), text, "sha256").hexdigest()
    assert MacKey("ingest", bytes(range(32))).mac("t", b"k", headers, b"{}") == wanted
