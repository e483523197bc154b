"""Breach reports at the console: asked for, shown as figures, saved as a file."""

import json

import httpx
import pytest

from tests.unit.console.services import DECLARED, HIT, READ, page_of, problem

AUDITOR = ("account:self", "purpose:declare", "audit:read", "account:read")
HERE = "/audit/breach-report"
PERIOD = {"occurred_from": "2026-05-01T00:00", "occurred_to": "2026-05-08T00:00"}
ASKED = {
    "person_id": HIT, "occurred_from": "2026-05-01T00:00Z", "occurred_to": "2026-05-08T00:00Z",
}  # fmt: skip
HOSTILE = "<script>alert(1)</script>"


def a_report(**changes):
    return {
        "person_id": HIT, "occurred_from": "2026-05-01T00:00:00Z",
        "occurred_to": "2026-05-08T00:00:00Z", "accesses_allowed": 1203, "accesses_refused": 1,
        "records_by_kind": {"read": 2, "hold": 1}, "plates": {"7ABC123": 2},
        "client_addresses": {"192.0.2.7": 4}, "erased": 0, "truncated": False,
        "records": [
            {
                "record_kind": "read", "record_id": READ, "times": 2,
                "first_at": "2026-05-01T08:15:30Z", "last_at": "2026-05-02T08:15:30Z",
            }
        ],
        **changes,
    }  # fmt: skip


@pytest.fixture
def as_auditor(sign_in, services):
    """Sign a person with these permissions in, and declare an audit."""
    person = services.me() | {"account_id": HIT, "name": "Mia Suspect", "status": "locked"}
    services.answers["GET /accounts"] = page_of(person)

    async def enter(*permissions):
        browser = await sign_in(*permissions)
        await browser.open(f"/purpose?back={HERE}")
        await browser.send("/purpose", **{**DECLARED, "kind": "audit"}, back=HERE)
        assert browser.page.url.path == HERE
        return browser

    return enter


@pytest.fixture
async def auditor(as_auditor):
    return await as_auditor(*AUDITOR)


async def test_the_figures_are_shown_without_a_plate_and_the_file_has_all(auditor, services):
    services.answers["POST /breach-reports"] = lambda _: httpx.Response(200, json=a_report())
    assert "Mia Suspect, Police Officer (o.lindqvist)" in auditor.said
    await auditor.send(HERE, person_id=HIT, **PERIOD)
    assert "1,203 allowed, 1 refused" in auditor.said
    assert "hold: 1; read: 2" in auditor.said
    assert "192.0.2.7 (4)" in auditor.said
    assert "7ABC123" not in auditor.page.text
    saved = await auditor.send(HERE, person_id=HIT, **PERIOD, save="yes")
    assert saved.json()["plates"] == {"7ABC123": 2}
    assert saved.headers["content-disposition"] == 'attachment; filename="breach-report.json"'
    shown, whole = services.asked("POST", "/breach-reports")
    assert json.loads(shown.content) == ASKED | {"limit": 50}
    assert json.loads(whole.content) == ASKED | {"limit": 100_000}
    assert whole.headers["x-alpr-purpose"] == "purpose-token"


async def test_what_the_report_cannot_show_is_said(auditor, services):
    services.answers["POST /breach-reports"] = lambda _: httpx.Response(
        200, json=a_report(truncated=True, erased=12, client_addresses={HOSTILE: 1})
    )
    await auditor.send(HERE, person_id=HIT, **PERIOD)
    assert "12 more, which the report cannot name" in auditor.said
    assert "These are the first." in auditor.said
    assert HOSTILE not in auditor.page.text


async def test_a_period_that_ends_before_it_begins_is_refused_beside_its_field(auditor, services):
    services.answers["POST /breach-reports"] = lambda _: problem(
        422, "Refused", "begin before the end", field="body.occurred_from"
    )
    answer = await auditor.send(HERE, person_id=HIT, **PERIOD)
    assert answer.status_code == 422
    assert 'id="occurred_from-wrong">begin before the end' in answer.text
    assert f'<option value="{HIT}" selected>' in answer.text


async def test_an_account_is_asked_for_by_its_id_where_people_cannot_be_read(auditor, services):
    services.answers["GET /accounts"] = lambda _: problem(503, "Try again later")
    await auditor.open(f"{HERE}?account={HIT}")
    assert f'type="text" value="{HIT}"' in auditor.page.text


async def test_the_account_whose_page_led_here_is_chosen(auditor):
    await auditor.open(f"{HERE}?account={HIT}")
    assert f'<option value="{HIT}" selected>' in auditor.page.text


async def test_a_person_without_the_permission_gets_no_form(sign_in):
    browser = await sign_in("account:self", "purpose:declare")
    answer = await browser.open(HERE)
    assert answer.status_code == 403
    assert "your role does not let you see the audit log" in browser.said


async def test_an_id_that_is_no_account_here_can_be_asked_for(auditor, services):
    services.answers["POST /breach-reports"] = lambda _: httpx.Response(
        200, json=a_report(person_id="7")
    )
    await auditor.open(HERE)
    assert 'href="/audit/breach-report?by=id"' in auditor.page.text
    await auditor.open(f"{HERE}?by=id")
    await auditor.send(HERE, by="id", person_id="7", **PERIOD)
    assert "What 7 reached" in auditor.said
    assert 'type="text" value="7"' in auditor.page.text
    await auditor.open(f"{HERE}?account={READ}")
    assert f'type="text" value="{READ}"' in auditor.page.text, "an account of a finding, say"
