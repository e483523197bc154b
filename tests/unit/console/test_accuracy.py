"""Reports on accuracy at the console: requested with a purpose, shown as counts."""

import json

import httpx
import pytest

from services.console.domain.accuracy import JUDGEMENTS, lines_of
from services.retention.domain.accuracy import Judgement
from tests.unit.console.services import DECLARED, HIT, PERSON, READ, page_of, problem

AT = "2026-06-01T10:00:00+00:00"
HERE = f"/accuracy/{HIT}"
MEASURER = ("account:self", "purpose:declare", "accuracy:measure")
FIGURES = {
    "judged": 40, "exact": 30, "folded": 6, "one_edit": 3, "further": 1, "no_read": 0,
    "confidences": [],
}  # fmt: skip
WINDOW = {"captured_from": "2026-03-01T00:00", "captured_to": "2026-06-01T00:00"}


def a_row(**changes):
    return {
        "device_id": READ, "device_name": "Solano St east", "judgement": "right",
        "region": "US-CA", "source": "edge", "is_rest": False, "figures": FIGURES, **changes,
    }  # fmt: skip


def a_report(*rows, **changes):
    return {
        "report_id": HIT, "state": "ready", "requested_by": PERSON, "requested_at": AT,
        "captured_from": AT, "captured_to": AT, "device_ids": [], "fault": None,
        "measured_at": AT, "engine": "ours@1234", "smallest_cell": 10, "rows": list(rows),
        **changes,
    }  # fmt: skip


@pytest.fixture
def show(services):
    """Have retention show this report."""

    def show(report):
        services.answers["GET /accuracy-reports"] = page_of(report)
        services.answers[f"GET /accuracy-reports/{HIT}"] = lambda _: httpx.Response(
            200, json=report
        )

    return show


def test_every_judgement_has_words():
    assert set(JUDGEMENTS) == {one.value for one in Judgement}


def test_rows_are_in_order_with_their_shares():
    rest = a_row(region=None, source=None, is_rest=True, judgement="wrong")
    small = a_row(region=None, source="recognition", figures=None)
    other = a_row(device_name="Main St", source="of a later version")
    first, read, unread, last = lines_of([rest, small, a_row(), other])
    assert (first.camera, first.source) == ("Main St", "of a later version")
    assert (read.state, read.source, read.same_share) == ("US-CA", "camera", 0.9)
    assert (unread.state, unread.source, unread.same_share) == ("not read", "engine", None)
    assert (last.state, last.source, last.judgement) == ("small rows together", "any", "wrong")


async def test_a_report_is_requested_with_a_purpose_of_its_own(sign_in, services, show):
    show(a_report(state="requested", measured_at=None, engine=None))
    services.answers["POST /accuracy-reports"] = lambda _: httpx.Response(
        202, json=a_report(state="requested")
    )
    browser = await sign_in(*MEASURER)
    await browser.open("/accuracy")
    assert "declare a purpose first" in browser.said
    assert 'action="/accuracy"' not in browser.page.text
    await browser.open("/purpose?back=/accuracy&opens=accuracy:measure")
    await browser.send("/purpose", **DECLARED | {"kind": "audit"}, back="/accuracy")
    [key] = [part.split('"')[0] for part in browser.page.text.split('name="key" value="')[1:]]
    await browser.send("/accuracy", **WINDOW, key=key)
    assert browser.page.url.path == HERE
    assert "is being measured" in browser.said
    [asked] = services.asked("POST", "/accuracy-reports")
    assert asked.headers["idempotency-key"] == key
    assert asked.headers["x-alpr-purpose"] == "purpose-token"
    assert json.loads(asked.content) == {
        "captured_from": "2026-03-01T00:00Z", "captured_to": "2026-06-01T00:00Z",
    }  # fmt: skip
    services.answers["POST /accuracy-reports"] = lambda _: problem(
        422, "Refused", "begin before the end", field="body.captured_from"
    )
    await browser.open("/accuracy")
    answer = await browser.send("/accuracy", **WINDOW, key=key)
    assert 'id="captured_from-wrong">begin before the end' in answer.text
    assert f'name="key" value="{key}"' in answer.text, "a repeat is the same request"


async def test_reports_are_read_without_a_purpose_that_does_not_open_them(sign_in, services, show):
    show(a_report(a_row(), a_row(figures=None, judgement="wrong")))
    browser = await sign_in(*MEASURER)
    await browser.open("/purpose")
    await browser.send("/purpose", **DECLARED, back="/accuracy")
    await browser.open(HERE)
    assert "40 90% 30 6 3 1 0" in browser.said
    assert "the plate on record is a misread US-CA camera fewer than 10" in browser.said
    assert "x-alpr-purpose" not in services.asked("GET", HIT)[-1].headers


async def test_a_failed_report_says_why_and_an_empty_one_what_to_do(sign_in, show):
    show(a_report(state="failed", fault="the engine does not start"))
    browser = await sign_in(*MEASURER)
    await browser.open(HERE)
    assert "the engine does not start" in browser.said
    show(a_report())
    await browser.open(HERE)
    assert "Ask for a longer window" in browser.said
