"""Findings in words, and who may work on them."""

import ast

import httpx
import pytest

from services.audit.domain.findings import CONTRADICTING_READ, FindingOutcome
from services.console.domain.findings import (
    MEANINGS,
    OUTCOMES,
    WORK,
    Fact,
    facts_of,
    filters_of,
    person_in,
    why_not_work,
)
from tests.unit.console.conftest import ROOT
from tests.unit.console.services import HIT, READ, problem

HOSTILE = "<script>alert(1)</script>"
READS = ("account:self", "purpose:declare", "audit:read")
MAY = frozenset({WORK})
HERE = f"/audit/findings/{HIT}"


@pytest.fixture
def as_auditor(sign_in, services, clock):
    """Sign a person with these permissions in, and declare an audit."""
    taken = {
        "purpose_id": READ, "purpose_token": "purpose-token",
        "expires_at": clock.now().replace(hour=13).isoformat(),
    }  # fmt: skip
    services.answers["POST /purposes"] = lambda _: httpx.Response(201, json=taken)
    services.answers["GET /findings"] = lambda _: httpx.Response(
        200, json={"items": [a_finding()], "next": None}
    )

    async def enter(*permissions):
        browser = await sign_in(*permissions)
        await browser.open("/purpose?back=/audit/findings&opens=audit:read")
        await browser.send(
            "/purpose", back="/audit/findings", kind="audit", offence_type="audit",
            case_number="A26-3", justification="quarterly audit of accesses",
        )  # fmt: skip
        assert browser.page.url.path == "/audit/findings"
        return browser

    return enter


@pytest.fixture
async def auditor(as_auditor):
    """An auditor with a declared audit."""
    return await as_auditor(*READS, WORK)


def kinds_in_audit():
    """Return the kinds of all findings that audit raises."""
    for path in sorted((ROOT / "services" / "audit").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "a_finding":
                kind = node.args[0]
                if not isinstance(kind, ast.Constant):
                    assert ast.unparse(kind) == "CONTRADICTING_READ", "give a kind as it is"
                yield kind.value if isinstance(kind, ast.Constant) else CONTRADICTING_READ


def a_finding(**changes):
    return {
        "finding_id": HIT, "kind": "log_gap", "subject": "retention", "details": {"seq": 7},
        "raised_at": "2026-06-01T09:00:00Z", "status": "open", "assigned_to": None,
        "outcome": None, "steps": [], **changes,
    }  # fmt: skip


def test_every_kind_of_finding_is_explained_at_the_console_and_in_the_runbook():
    kinds = set(kinds_in_audit())
    assert len(kinds) > 20, "the walk is broken"
    assert kinds == set(MEANINGS)
    runbook = (ROOT / "docs" / "operations" / "audit-log.md").read_text()
    assert {kind for kind in kinds if f"`{kind}`" not in runbook} == set()


def test_every_outcome_of_audit_is_offered():
    assert set(OUTCOMES) == set(FindingOutcome.__args__)


def test_a_choice_becomes_filters_of_the_list():
    assert filters_of("open", "me") == {"status": "open"}
    assert filters_of("mine", "me") == {"status": "assigned", "assigned_to": "me"}
    assert filters_of("assigned", "me") == {"status": "assigned"}
    assert filters_of("closed", "me") == {"status": "closed"}
    assert filters_of("all", "me") == {}


def test_entries_come_first_and_lead_to_their_pages():
    details = {"count": 3, "verified_seq": 4, "seq": 7, "audit_id": READ, "account_id": HIT}
    [entry, verification, account, audit, count] = facts_of(
        a_finding(details=details), {"account:read"}
    )
    assert entry == Fact("Entry", "7", "/audit/entries/7")
    assert verification == Fact("Entry of the verification", "4", "/audit/entries/4")
    assert account == Fact("Account", HIT, f"/people/{HIT}")
    assert audit == Fact("Sampled audit", "this audit", f"/audit/samples/{READ}")
    assert count == Fact("Count", "3")
    [*_, account, _, _] = facts_of(a_finding(details=details), frozenset())
    assert account.path == "", "an account that the person may not open"


def test_a_subject_that_is_an_entry_leads_there_once():
    [entry] = facts_of(a_finding(subject="entry 9", details={"seq": 9}), ())
    assert entry.path == "/audit/entries/9"
    [entry, _] = facts_of(a_finding(subject="entry 9", details={"count": 2}), ())
    assert entry.path == "/audit/entries/9"
    assert facts_of(a_finding(subject="entry nine", details={}), ()) == []


@pytest.mark.parametrize("odd", [-1, "7", None, [7], "7/../../people"])
def test_an_odd_number_of_an_entry_leads_nowhere(odd):
    [fact] = facts_of(a_finding(details={"seq": odd}), ())
    assert fact.path == ""


def test_times_lists_and_groups_are_written_out():
    details = {
        "since": "2026-06-01T09:00:00+00:00", "day": "2026-06-01", "cases": ["26-1", "26-2"],
        "pairs": [], "reads": [{"plate": "7ABC123"}], "why": "The clock",
    }  # fmt: skip
    facts = {fact.name: fact for fact in facts_of(a_finding(details=details), ())}
    assert facts["Since"].at is not None
    assert facts["Day"].at is None
    assert facts["Why"].at is None
    assert facts["Cases"].text == "26-1, 26-2"
    assert facts["Pairs"].text == "none"
    assert facts["Reads"].text == "plate: 7ABC123"


def test_a_person_is_told_from_services_and_addresses():
    assert str(person_in(HIT)) == HIT
    for text in ("retention", "address 192.0.2.7", "", None, f"device {HIT}"):
        assert person_in(text) is None


def test_a_finding_is_worked_by_a_person_with_the_permission_whom_it_is_not_about():
    assert why_not_work(a_finding(subject="officer"), "auditor", MAY) == ""
    assert "another person works on it" in why_not_work(
        a_finding(subject="officer"), "officer", MAY
    )
    assert "your role does not" in why_not_work(a_finding(), "auditor", frozenset())


async def test_a_finding_is_shown_escaped_and_a_kind_of_a_later_version_too(auditor, services):
    later = a_finding(kind="brand_new", subject=HOSTILE, details={"why": HOSTILE})
    services.answers[f"GET /findings/{HIT}"] = lambda _: httpx.Response(200, json=later)
    await auditor.open(HERE)
    assert "Finding: brand new" in auditor.said
    assert "no explanation of this kind" in auditor.said
    assert HOSTILE not in auditor.page.text


async def test_a_person_who_may_read_the_log_only_sees_no_forms(as_auditor, services):
    browser = await as_auditor(*READS)
    services.answers[f"GET /findings/{HIT}"] = lambda _: httpx.Response(200, json=a_finding())
    await browser.open(HERE)
    assert "You cannot work on it: your role does not let you" in browser.said
    assert f'action="{HERE}' not in browser.page.text


async def test_a_finding_that_does_not_exist_says_so(auditor, services):
    services.answers[f"GET /findings/{HIT}"] = lambda _: problem(404, "Not found", "no such")
    answer = await auditor.open(HERE)
    assert answer.status_code == 404


async def test_the_list_keeps_its_choice_on_the_way_to_older_findings(auditor, services):
    services.answers["GET /findings"] = lambda _: httpx.Response(
        200, json={"items": [a_finding()], "next": "NDE="}
    )
    await auditor.open("/audit/findings?show=closed&kind=log_gap")
    asked = dict(services.asked("GET", "/findings")[-1].url.params)
    assert asked == {"limit": "50", "status": "closed", "kind": "log_gap"}
    assert "show=closed&amp;kind=log_gap&amp;after=NDE%3D" in auditor.page.text
    assert '<option value="closed" selected>' in auditor.page.text
    assert '<option value="log_gap" selected>' in auditor.page.text
