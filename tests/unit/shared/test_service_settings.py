"""What the settings of every service refuse: what would send traces elsewhere, or trust unsigned captures for long."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.service.settings import MOST_UNSIGNED, CommonSettings, UnsignedUntil
from shared.service.trace_settings import TraceSettings


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("http://collector:4318", "http://collector:4318"),
        ("https://collector:4318/", "https://collector:4318"),
        ("", None),
    ],
)
def test_an_address_of_a_collector_is_taken(
    given: str, address: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", given)
    assert TraceSettings().otel_exporter_otlp_endpoint == address


@pytest.mark.parametrize(
    "given", ["ftp://a:1", "collector:4318", "http://", "http://secret@a:4318"]
)
def test_another_address_of_a_collector_is_refused_and_not_repeated(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", given)
    with pytest.raises(ValidationError, match="has the form http://host:4318") as refused:
        TraceSettings()
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "given"), [("TRACES_RATIO", "1.01"), ("PORT", "65536"), ("PORT", "0")]
)
def test_a_number_outside_its_range_is_refused(
    name: str, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, given)
    with pytest.raises(ValidationError, match=name.lower()):
        CommonSettings()


def test_unsigned_captures_are_trusted_for_the_days_of_an_upgrade_at_most() -> None:
    until = TypeAdapter(UnsignedUntil).validate_python
    soon = datetime.now(UTC) + MOST_UNSIGNED - timedelta(minutes=1)
    assert until(soon) == soon
    assert until(None) is None
    with pytest.raises(ValidationError, match=r"at most \d+ days ahead"):
        until(soon + timedelta(minutes=2))
    assert timedelta(days=7) < MOST_UNSIGNED <= timedelta(days=8)
