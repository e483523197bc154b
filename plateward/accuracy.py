"""`plateward accuracy`: requests a report on accuracy of a running retention, waits for it and shows its counts."""

import csv
import http.client
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import uuid4

import click

from plateward.running import FOLDER, address_of, is_address
from plateward.secret_files import FILE, token_in
from shared.service.command import DONE, FAULT, Answer, Unfinished, command

ANSWERS_WITHIN_S = 30.0
ASKS_EVERY_S = 2.0
FIGURES = ("judged", "exact", "folded", "one_edit", "further", "no_read")
NAMES = ("device_name", "device_id", "judgement", "region", "source")


@command(
    "accuracy",
    click.Option(["--from", "captured_from"], help="Begin of the captures, as RFC 3339 with zone."),
    click.Option(["--to", "captured_to"], help="End of the captures, exclusive."),
    click.Option(["--device", "device_ids"], multiple=True, help="A camera's id; repeat it."),
    click.Option(["--report"], metavar="ID", help="Show this report instead of requesting one."),
    click.Option(
        ["--token-file"], type=FILE, required=True, help="Your access token, alone in a file."
    ),
    click.Option(
        ["--purpose-file"], type=FILE, help="Your purpose token (audit, system_maintenance)."
    ),
    click.Option(["--url"], help="Where retention answers; default: the running embedded stack."),
    click.Option(
        ["--csv", "csv_file"],
        type=click.Path(path_type=Path, dir_okay=False),
        help="Also write the counts to a file for a spreadsheet.",
    ),
    click.Option(
        ["--wait-s"],
        type=click.FloatRange(min=0),
        default=600,
        show_default=True,
        help="How long to wait for the counts.",
    ),
    FOLDER,
)
def accuracy_command(
    *,
    captured_from: str | None,
    captured_to: str | None,
    device_ids: Sequence[str],
    report: str | None,
    token_file: Path,
    purpose_file: Path | None,
    url: str | None,
    csv_file: Path | None,
    wait_s: float,
    folder: Path,
) -> Answer:
    """Count how well plates are read at each camera, by verified hits. Shows no plate.

    Exit status 1 if the report failed.
    """
    retention = Retention(url or address_of("retention", folder), token_in(token_file))
    if report is None:
        if captured_from is None or captured_to is None or purpose_file is None:
            raise Unfinished("give --from, --to and --purpose-file, or --report with an id")
        asked = {
            "captured_from": captured_from,
            "captured_to": captured_to,
            "device_ids": list(device_ids),
        }
        report = str(retention.request(asked, token_in(purpose_file))["report_id"])
    found = retention.measured(report, wait_s)
    if csv_file is not None:
        with csv_file.open("w", newline="", encoding="utf-8") as opened:
            csv.writer(opened).writerows(table(found))
    text = "\n".join(_lines(found))
    return Answer(text, found, FAULT if found["state"] == "failed" else DONE)


class Retention:
    """A running retention, as one person."""

    def __init__(self, url: str, token: str) -> None:
        if not is_address(url):
            raise Unfinished(f"--url {url}: give an address, such as http://retention:8000")
        self._url = urlsplit(url.rstrip("/"))
        self._token = token

    def request(self, asked: Mapping[str, Any], purpose: str) -> dict[str, Any]:
        """Request a report. Raises: Unfinished with the refusal."""
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": f"accuracy-{uuid4()}",
            "X-ALPR-Purpose": purpose,
        }
        return self._answer("POST", "", headers, json.dumps(asked))

    def measured(self, report_id: str, wait_s: float) -> dict[str, Any]:
        """Return a report once it is measured or failed, or after `wait_s`. Raises: Unfinished."""
        until = time.monotonic() + wait_s
        while True:
            found = self._answer("GET", f"/{quote(report_id, safe='')}", {}, None)
            if found["state"] != "requested" or time.monotonic() >= until:
                return found
            time.sleep(ASKS_EVERY_S)

    def _answer(
        self, method: str, path: str, headers: Mapping[str, str], body: str | None
    ) -> dict[str, Any]:
        is_secure = self._url.scheme == "https"
        of_scheme = http.client.HTTPSConnection if is_secure else http.client.HTTPConnection
        connection = of_scheme(self._url.hostname or "", self._url.port, timeout=ANSWERS_WITHIN_S)
        try:
            whole = {"Authorization": f"Bearer {self._token}", **headers}
            connection.request(method, f"{self._url.path}/v1/accuracy-reports{path}", body, whole)
            response = connection.getresponse()
            answer = json.loads(response.read())
            if not isinstance(answer, dict):
                raise TypeError  # retention answers with objects alone
        except (OSError, http.client.HTTPException, ValueError, TypeError):
            raise Unfinished(f"no retention answers at {self._url.geturl()}") from None
        finally:
            connection.close()
        if response.status not in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
            raise Unfinished(f"retention refuses: {answer.get('detail', response.status)}")
        found: dict[str, Any] = answer
        return found


def table(report: Mapping[str, Any]) -> Iterator[list[str]]:
    """Yield the rows of a report as cells, after the names of their columns."""
    yield [*NAMES, *FIGURES]
    for row in report["rows"]:
        names = [_name(row, name) for name in NAMES]
        few = [f"fewer than {report['smallest_cell']}", *[""] * (len(FIGURES) - 1)]
        figures = row["figures"]
        yield [*names, *([str(figures[name]) for name in FIGURES] if figures else few)]


def _name(row: Mapping[str, Any], name: str) -> str:
    if row["is_rest"] and name in ("region", "source"):
        return "small rows together"
    text = str(row[name] or "unknown")
    # A spreadsheet would run a name of a camera that begins so as a formula.
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    yield f"report {report['report_id']}: {report['state']}"
    if report.get("fault"):
        yield f"  {report['fault']}"
    if report.get("engine"):
        yield f"read by {report['engine']}"
    rows = list(table(report))
    if report["state"] != "ready":
        return
    if len(rows) == 1:
        yield "no verified hit with a crop in this window"
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        padded = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        yield "  ".join(padded).rstrip()
