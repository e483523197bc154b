"""Unit tests build settings from an environment like a service's, with a root and its certificates."""

import pytest

from shared.testing import TestRoot, mac_key_text


@pytest.fixture(autouse=True)
def _certified_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOT_PUBLIC_KEYS", TestRoot().public)
    monkeypatch.setenv("EVENT_MAC_KEY", mac_key_text("sample"))
    captures = TestRoot().settings("ingest_signing", "captures")
    for name, value in (TestRoot().settings() | captures).items():
        monkeypatch.setenv(name.upper(), value)
