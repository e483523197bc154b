"""Unit tests build settings as a service's environment would: with a root, and what it certified."""

import pytest

from shared.testing import TestRoot


@pytest.fixture(autouse=True)
def _certified_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROOT_PUBLIC_KEYS", TestRoot().public)
    captures = TestRoot().settings("ingest_signing", "captures")
    for name, value in (TestRoot().settings() | captures).items():
        monkeypatch.setenv(name.upper(), value)
