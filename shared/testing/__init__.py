"""Fakes and builders for tests; the fakes pass the same suite as the real thing."""

from shared.testing.authority import TestAuthority, some_people
from shared.testing.captures import recognised, signed
from shared.testing.fakes import FakeBus, FakeClock, FakeObjects
from shared.testing.macs import all_mac_keys, mac_key, mac_key_text
from shared.testing.reads import recorded
from shared.testing.root import TestRoot
from shared.testing.waiting import eventually

__all__ = [
    "FakeBus",
    "FakeClock",
    "FakeObjects",
    "TestAuthority",
    "TestRoot",
    "all_mac_keys",
    "eventually",
    "mac_key",
    "mac_key_text",
    "recognised",
    "recorded",
    "signed",
    "some_people",
]
