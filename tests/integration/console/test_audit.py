"""The audit log at the console, before the real services: searched, sampled, reviewed, signed off."""

import re

import pytest

from services.audit.service import AuditService
from shared.events import AccessAttempted, AuditChanged
from shared.http.models import key_of
from shared.service.running import service_of


@pytest.fixture
async def auditors(hire, train):
    """Two auditors, without any work that is in a sample."""
    first = await hire("a.first", "auditor", title="Auditor")
    second = await hire("b.second", "auditor", title="Auditor")
    await train(first, second)
    return first, second


async def test_the_log_is_searched_and_the_search_is_in_it(
    browser, sign_in, auditors, declare, logged, administrator
):
    await sign_in(auditors[0])
    await declare("audit", "/audit")
    await logged()
    await browser.open("/audit")
    assert "Newest checkpoint" in browser.said
    assert "signed 2026-06-01" in browser.said
    await browser.open("/audit/entries")
    await browser.send("/audit/entries", person_name="Ada Min", kind="access.attempted")
    assert "Ada Min access.attempted identity, account:manage allowed" in browser.said
    [seq, *_] = re.findall(r'href="/audit/entries/([0-9]+)"', browser.page.text)
    await browser.open(f"/audit/entries/{seq}")
    assert administrator.account_id in browser.said
    await logged()
    await browser.open("/audit/entries")
    await browser.send("/audit/entries", person_name="A.First", permission="audit:read")
    assert "A.First access.attempted audit, audit:read allowed audit 26-0117" in browser.said


async def test_pages_of_the_log_continue_without_overlap(
    browser, sign_in, auditors, declare, logged
):
    await sign_in(auditors[0])
    await declare("audit", "/audit")
    for _ in range(3):  # each view adds entries itself: soon there is more than one page of them
        for _ in range(5):
            await browser.open("/audit")
        await logged()
    await browser.open("/audit/entries")
    await browser.send("/audit/entries", person_name="A.First")
    first = re.findall(r'href="/audit/entries/([0-9]+)"', browser.page.text)
    assert len(first) == 50
    [after] = re.findall(r'name="after" value="([^"]+)"', browser.page.text)
    await browser.send("/audit/entries", person_name="A.First", after=after)
    second = re.findall(r'href="/audit/entries/([0-9]+)"', browser.page.text)
    assert second
    assert max(map(int, second)) < min(map(int, first)) == key_of(after, int)


@pytest.fixture
def month_ended(services, clock, logged):
    """Lets June end with the entries until now, and signs the source of its sample's seed."""

    async def end():
        await logged()
        clock.advance(days=30)
        writer = service_of(services["audit"], AuditService).writer
        assert await writer.fix_period(1) is not None
        await writer.sign_if_grown()

    return end


@pytest.mark.clause("468.6(c)/audits")
@pytest.mark.clause("468.6(c)/audit-periods")
async def test_a_sample_is_drawn_reviewed_item_by_item_and_signed_off_by_another(
    browser, sign_in, auditors, declare, logged, month_ended, audit, bus
):
    first, second = auditors
    await month_ended()
    await sign_in(first)
    await declare("audit", "/audit")
    await browser.open("/audit")
    assert "2026-06-01" in browser.said
    assert "once two more checkpoints are signed" in browser.said
    await logged()
    await browser.open("/audit")
    [period] = re.findall(r'name="period_seq" value="([0-9]+)"', browser.page.text)
    await browser.send("/audit/samples", period_seq=period)
    here = browser.page.url.path
    [count] = re.findall(r"Reviewed: 0 of ([0-9]+)", browser.said)
    assert int(count) > 1
    assert f"{count} of {count} accesses are not reviewed yet" in browser.said
    await browser.open(f"{here}/items/1")
    while "/items/" in browser.page.url.path:
        answer = await browser.send(browser.page.url.path, outcome="proper", note="as it should be")
        assert answer.status_code == 200, browser.said
    assert f"Reviewed: {count} of {count}" in browser.said
    assert "you drew or reviewed it; another person signs it off" in browser.said
    refused = await browser.send(f"{here}/sign-off", statement="Reviewed in full")
    assert refused.status_code == 403
    assert "another person must sign it off" in browser.said
    await browser.send("/sign-out")
    await sign_in(second)
    await declare("audit", "/audit")
    await browser.open(here)
    await browser.send(f"{here}/sign-off", statement="Reviewed in full")
    assert "Statement Reviewed in full By B.Second, Auditor" in browser.said
    await audit.relay.drain()
    changes = [(e.change, e.actor.person_id) for e in bus.events(AuditChanged)]
    assert changes[0] == ("drawn", first.account_id)
    assert changes[-1] == ("signed_off", second.account_id)
    await logged()
    await browser.open(here)
    [report] = re.findall(r'href="(/audit/periods/[0-9]+/report)"', browser.page.text)
    await browser.open(report)
    assert "Corning Police Department complete Purpose: audit" in browser.said
    assert "By B.Second, Auditor, 2026-07-01" in browser.said
    await browser.open(f"{report}?names=false")
    assert "B.Second" not in browser.said.split("Results of the reviews")[1]
    saved = await browser.open(f"{report}/file?names=false")
    assert saved.headers["content-disposition"].endswith('-without-names.html"')
    assert "B.Second" not in saved.text


async def test_a_period_is_not_drawn_twice(
    browser, sign_in, auditors, declare, logged, month_ended
):
    await month_ended()
    await sign_in(auditors[0])
    await declare("audit", "/audit")
    await logged()
    await browser.open("/audit")
    [period] = re.findall(r'name="period_seq" value="([0-9]+)"', browser.page.text)
    assert (await browser.send("/audit/samples", period_seq=period)).status_code == 200
    answer = await browser.send("/audit/samples", period_seq=period)
    assert answer.status_code == 409
    assert "this period has a sample already" in browser.said


async def test_without_the_permission_the_log_is_refused_and_the_attempt_is_recorded(
    browser, sign_in, hire, train, declare, audit, bus
):
    officer = await hire("o.lindqvist", "officer")
    await train(officer)
    await sign_in(officer)
    assert 'href="/audit"' not in browser.page.text
    for path in ("/audit", "/audit/entries/0"):
        assert (await browser.open(path)).status_code == 403
    await audit.relay.drain()
    attempts = [e for e in bus.events(AccessAttempted) if e.service == "audit"]
    assert {(e.actor.person_id, e.allowed) for e in attempts} == {(officer.account_id, False)}
