"""Findings at the console, before the real audit and identity: listed, assigned, commented on, closed."""

import re

import pytest

from services.audit.domain.findings import a_finding
from services.audit.store.findings import Findings
from services.audit.workers.watch import Watch
from shared.events import FindingChanged

PATH = re.compile(r'href="(/audit/findings/[0-9a-f-]{36})"')


@pytest.fixture
async def auditors(hire, train):
    """Two auditors."""
    first = await hire("a.first", "auditor", title="Auditor")
    second = await hire("b.second", "auditor", title="Auditor")
    await train(first, second)
    return first, second


@pytest.fixture
async def refused_officer(browser, sign_in, hire, train, audit, logged):
    """An officer who asked for the audit log five times, which is a finding."""
    officer = await hire("o.lindqvist", "officer")
    await train(officer)
    await sign_in(officer)
    for _ in range(5):
        assert (await browser.open("/audit")).status_code == 403
    await browser.open("/")
    await browser.send("/sign-out")
    await logged()
    await Watch(audit, audit.settings).catch_up()
    return officer


@pytest.fixture
def raised(audit):
    """Raise a finding about a person or a part; return its page."""

    async def raised(kind, subject, **details):
        finding = a_finding(kind, subject, audit.clock.now(), **details)
        async with audit.db.begin() as connection:
            assert await Findings(connection, "audit").raise_once(finding)
        return f"/audit/findings/{finding.finding_id}"

    return raised


@pytest.fixture
def as_auditor(browser, sign_in, declare):
    """Sign an auditor in, with a purpose."""

    async def enter(person):
        await sign_in(person)
        await declare("audit", "/audit")

    return enter


@pytest.mark.clause("468.3.1(c)/findings-worked")
async def test_a_finding_is_taken_commented_on_and_closed_with_its_outcome_and_reason(
    browser, as_auditor, auditors, refused_officer, audit, bus
):
    await as_auditor(auditors[0])
    await browser.open("/audit")
    assert "refused access" in browser.said
    assert PATH.findall(browser.page.text)
    await browser.open("/audit/findings?kind=refused_access")
    [here] = PATH.findall(browser.page.text)
    await browser.open(here)
    assert "Finding: refused access" in browser.said
    assert "not assigned Many accesses were refused" in browser.said
    assert "O.Lindqvist" in browser.said
    assert "Count 5" in browser.said
    assert "No person has worked on it yet." in browser.said
    assert f'<option value="{auditors[0].account_id}" selected>me: A.First' in browser.page.text
    await browser.send(
        f"{here}/assignment", assigned_to=auditors[0].account_id, assignment_note="I ask him"
    )
    assert "assigned to A.First" in browser.said
    await browser.send(f"{here}/comments", comment_note="He was curious")
    await browser.send(f"{here}/closure", outcome="misuse", closure_note="Told his sergeant")
    assert "closed: misuse" in browser.said
    assert "A.First, Auditor assigned to A.First I ask him" in browser.said
    assert "A.First, Auditor commented He was curious" in browser.said
    assert "A.First, Auditor closed: misuse Told his sergeant" in browser.said
    assert "It is closed, and stays on record." in browser.said
    assert "<textarea" not in browser.page.text
    await audit.relay.drain()
    assert [e.change for e in bus.events(FindingChanged)] == ["assigned", "commented", "closed"]


@pytest.mark.clause("468.3.1(c)/findings-worked")
async def test_findings_are_listed_by_their_state_their_kind_and_who_works_on_them(
    browser, as_auditor, auditors, raised
):
    first, second = auditors
    open_, mine, others, closed = [
        await raised("log_gap", f"service-{number}") for number in range(4)
    ]
    other_kind = await raised("kafka_disk", "broker 1")
    await as_auditor(first)
    for path, person in ((mine, first), (others, second)):
        await browser.open(path)
        await browser.send(
            f"{path}/assignment", assigned_to=person.account_id, assignment_note="Please look"
        )
    await browser.open(closed)
    await browser.send(f"{closed}/closure", outcome="false_alarm", closure_note="It was a drill")

    async def listed(**query):
        await browser.open("/audit/findings", params=query)
        return set(PATH.findall(browser.page.text))

    assert await listed() == {open_, other_kind}
    assert await listed(show="mine") == {mine}
    assert await listed(show="assigned") == {mine, others}
    assert "assigned to B.Second" in browser.said
    assert await listed(show="closed") == {closed}
    assert "closed: false alarm" in browser.said
    assert await listed(show="all") == {open_, mine, others, closed, other_kind}
    assert await listed(kind="kafka_disk") == {other_kind}
    assert await listed(show="mine", kind="kafka_disk") == set()
    assert "There is no such finding." in browser.said


@pytest.mark.clause("468.3.1(c)/findings-worked")
async def test_findings_continue_on_older_pages(browser, as_auditor, auditors, raised):
    paths = {await raised("log_gap", f"service-{number}") for number in range(53)}
    await as_auditor(auditors[0])
    await browser.open("/audit/findings?kind=log_gap")
    first = set(PATH.findall(browser.page.text))
    [older] = re.findall(r'href="(/audit/findings\?[^"]*after=[^"]+)"', browser.page.text)
    await browser.open(older.replace("&amp;", "&"))
    second = set(PATH.findall(browser.page.text))
    assert (len(first), len(second)) == (50, 3)
    assert first | second == paths


@pytest.mark.clause("468.3.1(c)/findings-worked")
async def test_the_subject_of_a_finding_may_not_work_on_it_and_nobody_assigns_it_to_them(
    browser, as_auditor, auditors, raised, audit, bus
):
    first, second = auditors
    here = await raised("many_searches", second.account_id, count=70, limit=60)
    await as_auditor(first)
    await browser.open(here)
    assert f'<option value="{second.account_id}"' not in browser.page.text
    refused = await browser.send(
        f"{here}/assignment", assigned_to=second.account_id, assignment_note="Please look"
    )
    assert refused.status_code == 403
    assert re.search(r"Assign.*role=\"alert\".*Who works on it", refused.text, re.DOTALL)
    assert "Please look</textarea>" in refused.text, "what was typed is still there"
    await browser.send("/sign-out")
    await as_auditor(second)
    await browser.open(here)
    assert "You cannot work on it: it is about you; another person works on it." in browser.said
    assert "<textarea" not in browser.page.text
    for step, form in (
        ("assignment", {"assigned_to": first.account_id, "assignment_note": "Please look"}),
        ("comments", {"comment_note": "All is well"}),
        ("closure", {"outcome": "explained", "closure_note": "All is well"}),
    ):
        await browser.open(here)
        refused = await browser.send(f"{here}/{step}", **form)
        assert refused.status_code == 403, step
        assert 'role="alert"' in refused.text, step
    await audit.relay.drain()
    assert bus.events(FindingChanged) == []


@pytest.mark.clause("468.3.1(c)/findings-worked")
async def test_a_refused_value_is_named_beside_its_field_with_what_was_typed(
    browser, as_auditor, auditors, raised
):
    here = await raised("log_gap", "retention", seq=0)
    await as_auditor(auditors[0])
    await browser.open(here)
    refused = await browser.send(f"{here}/closure", outcome="explained", closure_note="x")
    assert refused.status_code == 422
    assert 'id="closure_note-wrong"' in refused.text
    assert 'id="comment_note-wrong"' not in refused.text
    assert '<input type="radio" name="outcome" value="explained" required checked>' in refused.text
    await browser.send(f"{here}/closure", closure_note="Found in the log of retention")
    assert 'id="outcome-wrong"' in browser.page.text
    await browser.open(here)
    assert "not assigned" in browser.said


async def test_a_finding_that_another_closed_meanwhile_says_so(
    browser, as_auditor, auditors, raised
):
    here = await raised("log_gap", "retention")
    await as_auditor(auditors[0])
    await browser.open(here)
    await browser.send(f"{here}/closure", outcome="explained", closure_note="It was a restart")
    refused = await browser.send(
        f"{here}/comments", token=await _token_of(browser, here), comment_note="Late"
    )
    assert refused.status_code == 409
    assert 'role="alert"' in refused.text
    assert "It is closed, and stays on record." in browser.said


async def _token_of(browser, here):
    await browser.open(here)
    return browser.token()


@pytest.mark.clause("468.3.1(c)/findings-worked")
async def test_a_finding_leads_to_the_entries_and_pages_that_it_is_about(
    browser, as_auditor, auditors, raised, logged, administrator
):
    await logged()
    here = await raised(
        "unverified_enforcement", administrator.account_id, seq=0, verified_seq=1, why="misread"
    )
    about_account = await raised("released_on_host", administrator.account_id, why="unlocked")
    about_entry = await raised("issuer_misused", "entry 1", seq=1)
    await as_auditor(auditors[0])
    await browser.open(here)
    assert "no verification had said before that the plate was read right" in browser.said
    for number in (0, 1):
        assert f'<a href="/audit/entries/{number}">{number}</a>' in browser.page.text
    assert f'<a href="/people/{administrator.account_id}">Ada Min</a>' in browser.page.text
    assert (await browser.open("/audit/entries/1")).status_code == 200
    assert (await browser.open(f"/people/{administrator.account_id}")).status_code == 200
    await browser.open(about_account)
    assert "A command on the host released an account" in browser.said
    await browser.open(about_entry)
    assert browser.page.text.count('href="/audit/entries/1"') == 1


async def test_without_identity_a_finding_is_worked_on_with_ids_in_place_of_names(
    browser, as_auditor, auditors, raised, services
):
    here = await raised("many_searches", auditors[1].account_id, count=70, limit=60)
    await as_auditor(auditors[0])
    del services["identity"]
    await browser.open(here)
    assert browser.page.status_code == 200
    assert f"<code>{auditors[1].account_id}</code>" in browser.page.text
    await browser.send(f"{here}/comments", comment_note="Identity does not answer")
    assert "commented Identity does not answer" in browser.said
    await browser.open("/audit/findings")
    assert PATH.findall(browser.page.text) == [here]


@pytest.mark.clause("468.3.1(c)/findings-worked")
async def test_findings_need_the_permission_and_a_purpose(
    browser, sign_in, hire, train, raised, auditors
):
    here = await raised("log_gap", "retention")
    officer = await hire("o.lindqvist", "officer")
    await train(officer)
    await sign_in(officer)
    for path in ("/audit/findings", here):
        assert (await browser.open(path)).status_code == 403
    await browser.open("/")
    refused = await browser.send(f"{here}/comments", comment_note="All is well")
    assert refused.status_code == 403
    await browser.open("/")
    await browser.send("/sign-out")
    await sign_in(auditors[0])
    answer = await browser.open(here)
    assert answer.headers["location"].startswith("/purpose?back=")
