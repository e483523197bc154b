"""What `plateward status` makes of the pages of services."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from pytest_socket import enable_socket

from plateward.__main__ import status
from plateward.status import DiskState, ListAge, state_of
from plateward.status_command import table

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
NOTE = "plateward.local/audit/2\n1234\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\n\n- x y\n"
READY = {"postgres": "ok", "kafka": "ok, one copy"}


def metrics(**changed: float) -> str:
    """Return a page of metrics; one list is 1 hour old, with a limit of 12 hours."""
    values = {"lag": 0.0, "behind": 2.0, "outbox": 0.0, "age_s": 3600.0, "disk": 0.5, **changed}
    listed = 'agency="CA0520100",list="State \\"SVS\\"",source="state"'
    return f"""# TYPE alpr_consumer_lag gauge
alpr_consumer_lag{{group="hotlist",topic="alpr.read.recorded",partition="0"}} {values["lag"]}
alpr_consumer_lag{{group="hotlist",topic="alpr.read.recorded",partition="1"}} {values["lag"]}
# TYPE alpr_log_behind_seconds gauge
alpr_log_behind_seconds{{service="hotlist"}} {values["behind"]}
# TYPE alpr_outbox_backlog gauge
alpr_outbox_backlog{{service="hotlist"}} {values["outbox"]}
# TYPE alpr_hotlist_as_of_timestamp_seconds gauge
alpr_hotlist_as_of_timestamp_seconds{{{listed}}} {NOW.timestamp() - values["age_s"]}
# TYPE alpr_hotlist_stale_after_seconds gauge
alpr_hotlist_stale_after_seconds{{{listed}}} {12 * 3600}
# TYPE alpr_kafka_disk_used_ratio gauge
alpr_kafka_disk_used_ratio{{broker="1"}} {values["disk"]}
"""


@contextmanager
def serving(pages: dict[str, tuple[int, str]]) -> Iterator[str]:
    """Serve pages by their path; yields the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, body = pages.get(self.path, (404, ""))
            self.send_response(code)
            if self.path.endswith("checkpoint"):
                self.send_header("Last-Modified", "Mon, 01 Jun 2026 11:59:20 GMT")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Write no log."""

    enable_socket()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def pages(
    readiness: dict[str, str] = READY, code: int = 200, **changed: float
) -> dict[str, tuple[int, str]]:
    return {
        "/hotlist/readyz": (code, json.dumps(readiness)),
        "/hotlist/metrics": (200, metrics(**changed)),
        "/audit/readyz": (200, json.dumps(READY)),
        "/audit/metrics": (200, metrics(**changed)),
        "/audit/v1/checkpoint": (200, NOTE),
    }


def test_all_is_well() -> None:
    with serving(pages()) as url:
        urls = {"hotlist": f"{url}/hotlist", "audit": f"{url}/audit"}
        state = state_of(urls, [DiskState("var", 0.25, 10**9)], NOW)
    assert state.ok
    lines = list(table(state, NOW))
    assert lines == [
        "Services",
        "  hotlist  ready",
        "  audit    ready",
        "Lag",
        "  consumers  no event waits",
        "  outboxes   0 events wait for Kafka",
        "Hot lists",
        '  State "SVS" (state, CA0520100)  60 min old, stale from 12 h on',
        "Audit log",
        "  log         2 s behind Kafka",
        "  checkpoint  1,234 entries, signed 40 s ago",
        "Disks",
        "  var             25% used, 1.0 GB free",
        "  Kafka broker 1  50% used",
    ]


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"readiness": {"postgres": "it does not answer"}, "code": 503}, "postgres: it does not"),
        ({"readiness": {"task purger": "failing: x"}}, "  hotlist  task purger: failing: x"),
        ({"age_s": 13 * 3600.0}, "STALE: 13 h old, stale from 12 h on"),
        ({"disk": 0.9}, "NEARLY FULL: 90% used"),
    ],
)
def test_a_fault_is_detected_and_displayed(changed: dict[str, object], line: str) -> None:
    with serving(pages(**changed)) as url:  # type: ignore[arg-type]
        state = state_of({"hotlist": f"{url}/hotlist"}, [], NOW)
    assert not state.ok
    assert any(line in shown for shown in table(state, NOW))


def test_equal_reports_of_several_services_count_once() -> None:
    with serving(pages(lag=50.0, outbox=7.0)) as url:
        state = state_of({"hotlist": f"{url}/hotlist", "audit": f"{url}/audit"}, [], NOW)
    assert [(lag.group, lag.events) for lag in state.lags] == [("hotlist", 100)]
    assert state.outbox == 7
    assert state.ok, "events that wait are no fault"


def test_a_list_is_stale_after_its_limit_and_the_service_furthest_behind_tells_the_log() -> None:
    assert not ListAge("State", "CA0520100", "state", age_s=60.0, stale_after_s=60.0).stale
    assert ListAge("State", "CA0520100", "state", age_s=60.1, stale_after_s=60.0).stale
    others = metrics(behind=90.0).replace('service="hotlist"', 'service="ingest"')
    with serving({**pages(), "/ingest/metrics": (200, others)}) as url:
        urls = {name: f"{url}/{name}" for name in ("hotlist", "ingest")}
        assert state_of(urls, [], NOW).log_behind_s == 90.0


def test_a_service_that_does_not_answer_is_a_fault_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with serving(pages(age_s=0.0)) as url:
        places = ["--url", f"hotlist={url}/hotlist/", "--url", "audit=http://127.0.0.1:9"]
        assert status(["status", *places, "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert data["services"][1] == {
        "name": "audit",
        "ready": False,
        "faults": ["does not answer (ConnectionRefusedError)"],
    }
    assert data["log"]["checkpoint_entries"] is None


def test_what_no_service_says_is_unknown_and_not_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    enable_socket()
    assert status(["status", "--url", "hotlist=http://127.0.0.1:9"]) == 1
    said = capsys.readouterr().out
    assert "consumers  unknown" in said
    assert "outboxes   unknown" in said
    with serving(pages(outbox=7.0)) as url:
        places = ["--url", f"hotlist={url}/hotlist", "--url", "audit=http://127.0.0.1:9"]
        assert status(["status", *places]) == 1
    said = capsys.readouterr().out
    assert "no event waits, of services that answer" in said
    assert "7 events wait for Kafka, of services that answer" in said


def test_a_page_that_is_none_of_metrics_says_nothing() -> None:
    with serving({**pages(), "/hotlist/metrics": (200, "<html>sign in</html>")}) as url:
        state = state_of({"hotlist": f"{url}/hotlist"}, [], NOW)
    assert (state.lags, state.outbox) == ((), None)


@pytest.mark.parametrize(
    "place",
    ["http://127.0.0.1:9", "=http://127.0.0.1:9", "audit=http://x:port", "audit=http://[::1"],
)
def test_an_address_without_a_service_is_refused(
    place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(["status", "--url", place]) == 2
    assert "give SERVICE=ADDRESS" in capsys.readouterr().err


def test_an_age_of_days_is_displayed_in_days() -> None:
    with serving(pages(age_s=timedelta(days=4).total_seconds())) as url:
        state = state_of({"hotlist": f"{url}/hotlist"}, [], NOW)
    assert any("STALE: 4 days old" in line for line in table(state, NOW))
