"""Log lines: what libraries may write, how often, and that no line is lost for its form."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
from fastapi import FastAPI

from shared.core.errors import InternalFault
from shared.core.logs import DiscreetFormatter, JsonFormatter, Seldom
from shared.service.serve import serve
from shared.service.settings import CommonSettings
from shared.service.spec import ServiceSpec

LIBRARIES = ("aiokafka", "alembic", "httpx", "")


class Empty(ServiceSpec):
    """A service that answers nothing."""

    def settings_class(self) -> type[CommonSettings]:
        return CommonSettings

    def build_app(self, settings: CommonSettings) -> FastAPI:
        return FastAPI()


@pytest.fixture(params=["text", "json"])
def written(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[io.StringIO]:
    """Serve a service with a format of logs in its settings, and return what is logged."""
    root, how = logging.getLogger(), request.param
    levels = {name: logging.getLogger(name).level for name in LIBRARIES}
    monkeypatch.setenv("LOG_FORMAT", how)
    monkeypatch.setattr("shared.service.serve.uvicorn.run", lambda app, **options: None)
    monkeypatch.setattr("shared.service.serve.spare_collector", lambda: None)
    serve(Empty(name="empty", description=""))
    [handler] = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    assert isinstance(handler.formatter, JsonFormatter) == (how == "json")
    lines = io.StringIO()
    handler.setStream(lines)
    yield lines
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def record(message: str, *values: object, at_s: float = 0.0) -> logging.LogRecord:
    made = logging.LogRecord("of a test", logging.ERROR, "", 0, message, values, None)
    made.created = at_s
    return made


def test_addresses_that_a_client_calls_are_not_logged(written: io.StringIO) -> None:
    log = logging.getLogger("httpx")
    log.info('HTTP Request: %s %s "%s"', "GET", "https://host/?plate=7ABC123", "200 OK")
    assert not written.getvalue()
    log.warning("away")
    assert "away" in written.getvalue()


@pytest.mark.parametrize("library", ["aiokafka", "opentelemetry"])
def test_a_library_that_repeats_itself_is_written_once(written: io.StringIO, library: str) -> None:
    for _ in range(100):
        logging.getLogger(f"{library}.client").error("not reached: %s", "host")
        logging.getLogger("shared.sample").error("ours")
    assert written.getvalue().count("not reached: host") == 1
    assert written.getvalue().count("ours") == 100


def test_of_many_different_messages_a_bounded_number_is_remembered() -> None:
    seldom = Seldom("", every_s=30)
    assert seldom.filter(record("the first", at_s=1e9))
    assert not seldom.filter(record("the first", at_s=1e9))
    assert all(seldom.filter(record(f"another {n}", at_s=1e9)) for n in range(1000))
    assert seldom.filter(record("the first", at_s=1e9)), "forgotten"


def test_a_clock_that_is_set_back_does_not_silence_a_library() -> None:
    seldom = Seldom("", every_s=30)
    assert seldom.filter(record("away", at_s=1e9))
    assert seldom.filter(record("away", at_s=1e9 - 3600))
    assert not seldom.filter(record("away", at_s=1e9 - 3599))


def test_a_line_in_json_has_the_time_of_its_record_in_utc() -> None:
    line = json.loads(JsonFormatter().format(record("said", at_s=1_780_315_200.25)))
    assert line["time"] == "2026-06-01T12:00:00.250Z"


def test_text_that_json_cannot_have_is_escaped_and_its_line_is_written() -> None:
    strange = record("half: %s", "\ud800")
    strange.exc_info = (InternalFault, InternalFault("\ud800"), None)
    line = json.loads(JsonFormatter().format(strange))
    assert line["message"] == "half: \\ud800"
    assert line["error"].endswith("InternalFault: \\ud800")


def test_errors_that_are_causes_of_each_other_are_each_logged_once() -> None:
    one, other = ValueError(), KeyError()
    one.__cause__, other.__cause__ = other, one
    text = DiscreetFormatter().formatException((ValueError, one, None))
    assert text == "builtins.KeyError\n-- led to\nbuiltins.ValueError"
