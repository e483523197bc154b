"""`plateward accuracy`: what it asks retention, and what it shows and writes."""

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pytest_socket import enable_socket

from plateward import accuracy
from plateward.__main__ import status

FIGURES = {"judged": 12, "exact": 9, "folded": 1, "one_edit": 1, "further": 0, "no_read": 1}
ROW = {
    "device_name": "=Solano St",
    "device_id": "d1",
    "judgement": "right",
    "region": "US-CA",
    "source": "edge",
    "is_rest": False,
    "figures": {**FIGURES, "confidences": []},
}
SMALL = {**ROW, "region": None, "figures": None}
REST = {**ROW, "region": None, "source": None, "is_rest": True}
REPORT = {
    "report_id": "r1",
    "state": "ready",
    "engine": "plateward-1@abc",
    "smallest_cell": 10,
    "rows": [ROW, SMALL, REST],
}
ASK = ["--from", "2026-05-01T00:00:00Z", "--to", "2026-06-01T00:00:00Z", "--device", "d1"]


@contextmanager
def retention(*answers: tuple[int, Any]) -> Iterator[tuple[str, list[Any]]]:
    """Answer requests one after another; yields the address and what was asked."""
    left, asked = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append((self.command, self.path, dict(self.headers), body))
            code, answer = left.pop(0)
            self.send_response(code)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, *_: object) -> None:
            """Write no log."""

    enable_socket()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/retention/", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def tokens(tmp_path: Path) -> list[str]:
    (tmp_path / "token").write_text("t0ken\n")
    (tmp_path / "purpose").write_text("purp0se\n")
    return ["--token-file", str(tmp_path / "token"), "--purpose-file", str(tmp_path / "purpose")]


def test_it_requests_a_report_waits_and_writes_its_counts(
    tokens: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(accuracy, "ASKS_EVERY_S", 0.01)
    waiting = {**REPORT, "state": "requested", "rows": []}
    file = tmp_path / "figures.csv"
    with retention((202, waiting), (200, waiting), (200, REPORT)) as (url, asked):
        assert status(["accuracy", *ASK, *tokens, "--url", url, "--csv", str(file)]) == 0
    method, path, headers, body = asked[0]
    assert (method, path) == ("POST", "/retention/v1/accuracy-reports")
    assert headers["Authorization"] == "Bearer t0ken"
    assert headers["X-ALPR-Purpose"] == "purp0se"
    assert json.loads(body) == {
        "captured_from": "2026-05-01T00:00:00Z",
        "captured_to": "2026-06-01T00:00:00Z",
        "device_ids": ["d1"],
    }
    assert asked[2][:2] == ("GET", "/retention/v1/accuracy-reports/r1")
    said = capsys.readouterr().out
    assert "report r1: ready" in said
    assert "fewer than 10" in said
    rows = list(csv.DictReader(file.read_text().splitlines()))
    assert [(row["region"], row["judged"]) for row in rows] == [
        ("US-CA", "12"),
        ("unknown", "fewer than 10"),
        ("small rows together", "12"),
    ]
    assert rows[0]["device_name"] == "'=Solano St"


def test_a_failed_report_ends_with_1(tokens: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    failed = {**REPORT, "state": "failed", "fault": "the program does not start", "rows": []}
    with retention((200, failed)) as (url, _):
        assert status(["accuracy", "--report", "r1", *tokens, "--url", url]) == 1
    assert "the program does not start" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "answer", "said"),
    [
        (ASK, (403, {"detail": "your role does not let you"}), "retention refuses: your role"),
        (["--from", "2026-05-01T00:00:00Z"], None, "give --from, --to and --purpose-file"),
        ([*ASK, "--url", "ftp://x"], None, "give an address"),
        ([*ASK, "--url", "http://127.0.0.1:port"], None, "give an address"),
        ([*ASK, "--url", "http://[::1"], None, "give an address"),
        (ASK, (200, []), "no retention answers at"),
        ([*ASK, "--url", "http://127.0.0.1:9"], None, "no retention answers at"),
    ],
)
def test_what_cannot_be_done_is_said(
    words: list[str],
    answer: Any,
    said: str,
    tokens: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    with retention(*([answer] if answer else [])) as (url, _):
        where = [] if "--url" in words else ["--url", url]
        assert status(["accuracy", *words, *tokens, *where]) == 2
    assert said in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("held", [b"", b"two tokens", b"one\nother", b"\xff\xfe"])
def test_a_file_that_holds_no_token_is_named_without_what_it_holds(
    held: bytes, tokens: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token").write_bytes(held)
    assert status(["accuracy", "--report", "r1", *tokens, "--url", "http://127.0.0.1:9"]) == 2
    said = capsys.readouterr().err
    assert "it has to hold a token alone, on one line" in said
    assert "other" not in said


def test_a_report_is_named_by_its_id_alone(tokens: list[str]) -> None:
    with retention((404, {"detail": "no such report"})) as (url, asked):
        assert status(["accuracy", "--report", "r1/../x y", *tokens, "--url", url]) == 2
    assert asked[0][1] == "/retention/v1/accuracy-reports/r1%2F..%2Fx%20y"
