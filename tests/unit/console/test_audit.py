"""The audit log and sampled audits, as auditors see them."""

import json
import re

import httpx
import pytest

from services.console.domain.sampled_audits import next_item
from tests.unit.console.services import HIT, OTHER_HIT, PERSON, READ, problem

HOSTILE = "<script>alert(1)</script>"
AUDITOR = ("account:self", "purpose:declare", "audit:read", "audit:work")
DECLARED = {
    "kind": "audit", "offence_type": "audit", "case_number": "A26-3",
    "justification": "quarterly audit of accesses",
}  # fmt: skip
BORIS = PERSON | {"person_id": "p-boris", "name": "Boris Audit", "title": "Auditor"}
MYSELF = PERSON | {"person_id": READ}


def an_entry(**changes):
    """Return an entry as audit shows it."""
    return {
        "seq": 41,
        "event_id": HIT,
        "kind": "access.attempted",
        "occurred_at": "2026-06-01T11:00:00Z",
        "appended_at": "2026-06-01T11:00:01Z",
        "service": "retention",
        "person_id": "p-7",
        "person_name": "Officer Seven",
        "permission": "record:search",
        "allowed": True,
        "purpose_kind": "criminal_investigation",
        "case_number": "26-001234",
        "plates": ["7ABC123"],
        "request_id": "r-1",
        "leaf_hash": "ab" * 32,
        "entry_hash": "cd" * 32,
        "event": {"type": "alpr.access.attempted.v1", "data": {"route": "/v1/reads/search"}},
        "entry": None,
        **changes,
    }


def an_item(**changes):
    reviewed = dict.fromkeys(("outcome", "note", "reviewed_by", "reviewed_at"))
    return {"number": 1, "seq": 41, **reviewed, **changes}


DONE = {
    "outcome": "proper",
    "note": "case file agrees",
    "reviewed_by": BORIS,
    "reviewed_at": "2026-06-01T11:00:00Z",
}


def an_audit(*items, **changes):
    items = list(items) or [an_item(), an_item(number=2, seq=7)]
    return {
        "audit_id": OTHER_HIT,
        "period_seq": 8,
        "occurred_from": "2026-05-01T00:00:00Z",
        "occurred_to": "2026-06-01T00:00:00Z",
        "log_size": 90,
        "root_hash": "cm9vdA==",
        "seed": "c2VlZA==",
        "population": 60,
        "drawn_by": BORIS,
        "drawn_at": "2026-06-01T10:00:00Z",
        "signed_off_by": None,
        "signed_off_at": None,
        "statement": None,
        "reviewed": sum(item["outcome"] is not None for item in items),
        "items": items,
        **changes,
    }


def a_period(**changes):
    return {
        "seq": 12,
        "occurred_from": "2026-05-01T00:00:00Z",
        "occurred_to": "2026-06-01T00:00:00Z",
        "fixed_at": "2026-06-01T00:00:02Z",
        "drawable": True,
        "audit_id": None,
        **changes,
    }


def page_of(*entries, following=None):
    return lambda _: httpx.Response(200, json={"items": list(entries), "next": following})


@pytest.fixture
def log(services, clock):
    """A log with one entry and one audit."""
    taken = {
        "purpose_id": READ, "purpose_token": "purpose-token",
        "expires_at": clock.now().replace(hour=13).isoformat(),
    }  # fmt: skip
    finding = {
        "finding_id": HIT, "kind": "log_gap", "subject": "retention",
        "details": {"seq": 7, "cases": ["26-1", "26-2"]},
        "raised_at": "2026-06-01T09:00:00Z", "status": "open", "assigned_to": None,
        "outcome": None, "steps": [],
    }  # fmt: skip
    answers = {
        "POST /purposes": (201, taken),
        "GET /findings": (200, {"items": [finding], "next": None}),
        "GET /audits": (200, {"items": [an_audit()]}),
        "GET /audits/periods": (200, {"items": [a_period(), a_period(seq=8, audit_id=OTHER_HIT)]}),
        f"GET /audits/{OTHER_HIT}": (200, an_audit()),
        "GET /entries/41": (200, an_entry(entry='{"id": 1}')),
    }
    for key, (status, body) in answers.items():
        services.answers[key] = lambda _, status=status, body=body: httpx.Response(
            status, json=body
        )
    services.answers["POST /entries/search"] = page_of(an_entry(), following="NDE")
    services.answers["GET /checkpoint"] = lambda _: httpx.Response(
        200,
        text="plateward.local/audit\n90\ncm9vdA==\n\n— plateward.local/audit sig\n",
        headers={"Last-Modified": "Mon, 01 Jun 2026 11:30:00 GMT"},
    )


@pytest.fixture
async def auditor(sign_in, log):
    """An auditor with a declared audit."""
    browser = await sign_in(*AUDITOR)
    await browser.open("/purpose?back=/audit&opens=audit:read")
    await browser.send("/purpose", back="/audit", **DECLARED)
    assert browser.page.url.path == "/audit"
    return browser


async def test_the_log_is_opened_for_a_declared_audit_only(sign_in, services, log):
    browser = await sign_in(*AUDITOR)
    answer = await browser.open("/audit/entries")
    assert answer.headers["location"] == "/purpose?back=%2Faudit%2Fentries&opens=audit%3Aread"
    await browser.open(answer.headers["location"])
    assert "needs this purpose: audit." in browser.said
    assert '<option value="audit" selected>' in browser.page.text
    await browser.send("/purpose", back="/audit/entries", **DECLARED)
    assert "Search the audit log" in browser.said
    assert "Purpose: audit, audit, A26-3" in browser.said


async def test_another_purpose_does_not_open_the_log(sign_in, services, log):
    browser = await sign_in(*AUDITOR)
    await browser.open("/purpose")
    await browser.send("/purpose", back="/audit", **(DECLARED | {"kind": "criminal_investigation"}))
    assert browser.page.headers["location"].endswith("opens=audit%3Aread")


@pytest.mark.parametrize(
    "back", ["https://evil.example", "//evil.example", "/nowhere", "/audit/../x", "/audit?x=1"]
)
async def test_a_purpose_redirects_only_to_our_own_pages(sign_in, log, back):
    browser = await sign_in(*AUDITOR, "record:search")
    await browser.open("/purpose")
    await browser.send("/purpose", back=back, **DECLARED)
    assert browser.page.url.path == "/search"
    await browser.open("/purpose", params={"back": back})
    assert 'name="back" value="/search"' in browser.page.text


async def test_the_log_itself_refuses_a_person_without_the_permission(sign_in, services, log):
    browser = await sign_in("account:self")
    services.answers["GET /checkpoint"] = lambda _: problem(403, "Not permitted")
    assert (await browser.open("/audit")).status_code == 403
    assert services.asked("GET", "/checkpoint")


async def test_the_audit_page_displays_the_log_state_and_open_work(auditor, services):
    services.answers["POST /entries/search"] = page_of(an_entry(seq=94), following="OTQ")
    await auditor.open("/audit")
    for told in (
        "Newest checkpoint 90 entries, root cm9vdA==",
        "signed 2026-06-01 11:30:00 UTC (30 min 0 s ago)",
        "appended 2026-06-01 11:00:01 UTC ; 5 entries are newer than the checkpoint",
        "log gap retention cases: 26-1, 26-2; seq: 7",
        "2 of 60 0 of 2 reviewed",
    ):
        assert told in auditor.said, told


async def test_only_findings_that_nobody_works_on_are_shown_as_not_assigned(auditor, services):
    await auditor.open("/audit")
    asked = services.asked("GET", "/findings")[-1]
    assert dict(asked.url.params) == {"limit": "50", "status": "open"}


async def test_an_entry_of_no_request_has_no_other_entries_of_it(auditor, services):
    alone = an_entry(request_id=None, entry='{"id": 1}')
    services.answers["GET /entries/41"] = lambda _: httpx.Response(200, json=alone)
    services.answers["POST /entries/search"] = page_of(an_entry(seq=42))
    await auditor.open("/audit/entries/41")
    assert "Entry 41" in auditor.said
    assert "Other entries of the same request" not in auditor.said


async def test_a_log_without_a_checkpoint_says_so(auditor, services):
    services.answers["GET /checkpoint"] = lambda _: problem(404, "Not found")
    await auditor.open("/audit")
    assert "The log has no signed checkpoint yet." in auditor.said


async def test_a_log_search_sends_the_entered_criteria_and_pages(auditor, services):
    await auditor.open("/audit/entries")
    typed = {"person_name": "Officer Seven", "plate": "7ABC123", "outcome": "allowed"}
    window = {"occurred_from": "2026-05-30T21:30"}
    await auditor.send("/audit/entries", **typed, **window, after="90")
    asked = services.asked("POST", "/entries/search")[-1]
    assert asked.headers["x-alpr-purpose"] == "purpose-token"
    assert json.loads(asked.content) == {
        **typed, "occurred_from": "2026-05-30T21:30Z", "after": "90", "limit": 50,
    }  # fmt: skip
    assert "Officer Seven access.attempted retention, record:search allowed" in auditor.said
    assert 'name="after" value="NDE"' in auditor.page.text
    assert 'name="after" value="90"' not in auditor.page.text
    assert "7ABC" not in str(auditor.page.url)


async def test_a_refused_search_names_its_field(auditor, services):
    services.answers["POST /entries/search"] = lambda _: problem(
        422, "A value is not acceptable", "must be before", field="body.occurred_from"
    )
    await auditor.open("/audit/entries")
    answer = await auditor.send("/audit/entries", occurred_from="2026-05-30T21:30")
    assert answer.status_code == 422
    assert "must be before Field: occurred from" in auditor.said
    assert 'value="2026-05-30T21:30"' in answer.text


async def test_an_entry_page_displays_the_entry_and_links_other_entries_of_the_request(
    auditor, services
):
    shown = an_entry(seq=42, kind="records.disclosed", person_name=HOSTILE, allowed=None)
    services.answers["POST /entries/search"] = page_of(shown, an_entry())
    await auditor.open("/audit/entries/41")
    assert json.loads(services.asked("POST", "/entries/search")[-1].content)["request_id"] == "r-1"
    assert "access.attempted of retention, record:search" in auditor.said
    assert '"route": "/v1/reads/search"' in auditor.said
    assert 'href="/audit/entries/42"' in auditor.page.text
    assert 'href="/audit/entries/41"' not in auditor.page.text
    assert HOSTILE not in auditor.page.text


async def test_entries_of_a_request_that_are_not_on_its_page_are_said_and_led_to(auditor, services):
    """An export has an entry for each thousand of its reads."""
    others = [an_entry(seq=seq) for seq in range(90, 41, -1)]
    services.answers["POST /entries/search"] = page_of(*others, following="NDE")
    for path in ("/audit/entries/41", f"/audit/samples/{OTHER_HIT}/items/1"):
        await auditor.open(path)
        assert "These are the newest of them." in auditor.said
        assert 'name="request_id" value="r-1"' in auditor.page.text
    await auditor.send("/audit/entries", request_id="r-1")
    asked = services.asked("POST", "/entries/search")[-1]
    assert json.loads(asked.content) == {"request_id": "r-1", "limit": 50}
    services.answers["POST /entries/search"] = page_of(*others)
    await auditor.open("/audit/entries/41")
    assert "These are the newest of them." not in auditor.said


async def test_a_sample_of_the_log_before_this_one_shows_the_entries_of_that_log(auditor, services):
    """Each log counts from 0, so that the same number here is another access."""
    there = an_audit(old_log=True)
    services.answers[f"GET /audits/{OTHER_HIT}"] = lambda _: httpx.Response(200, json=there)
    old = an_entry(person_name="Officer of old", person_id=READ)
    services.answers["GET /entries/41"] = lambda asked: httpx.Response(
        200, json=old if asked.url.params.get("old_log") == "true" else an_entry()
    )
    services.seen.clear()
    await auditor.open(f"/audit/samples/{OTHER_HIT}/items/1")
    assert "Officer of old" in auditor.said
    assert "this is your own access; another person reviews it" in auditor.said
    assert services.asked("POST", "/entries/search") == [], "it is no search of this log"
    await auditor.open(f"/audit/samples/{OTHER_HIT}")
    assert "its entries are of the log before this one" in auditor.said
    assert 'href="/audit/entries/' not in auditor.page.text
    assert "Report" not in auditor.said, "there is one of periods of this log alone"


async def test_a_sample_is_drawn_for_a_period_and_opened(auditor, services):
    services.answers["POST /audits"] = lambda _: httpx.Response(201, json=an_audit())
    await auditor.open("/audit")
    assert "2026-05-01" in auditor.said
    assert 'name="period_seq" value="12"' in auditor.page.text
    assert 'name="period_seq" value="8"' not in auditor.page.text  # it is drawn
    button = '<button aria-label="Draw the sample from 2026-05-01">Draw the sample</button>'
    assert button in auditor.page.text
    await auditor.send("/audit/samples", period_seq="12")
    [asked] = services.asked("POST", "/audits")
    assert json.loads(asked.content) == {"period_seq": 12}
    assert auditor.page.url.path == f"/audit/samples/{OTHER_HIT}"
    assert "seed c2VlZA==" in auditor.said


async def test_a_period_that_was_never_drawn_is_shown_however_many_came_after_it(auditor, services):
    drawn = [a_period(seq=seq, audit_id=OTHER_HIT) for seq in range(220, 20, -1)]
    services.answers["GET /audits/periods"] = lambda request: (
        page_of(a_period(seq=12))
        if request.url.params.get("after") == "MjE"
        else page_of(*drawn, following="MjE")
    )(request)
    await auditor.open("/audit")
    assert 'name="period_seq" value="12"' in auditor.page.text
    assert "Every period that has ended has its sample." not in auditor.said


async def test_audits_before_the_newest_are_reached_page_by_page(auditor, services):
    services.answers["GET /audits"] = page_of(an_audit(), following="a/b")
    await auditor.open("/audit")
    assert 'href="/audit?after=a/b"' in auditor.page.text
    services.answers["GET /audits"] = page_of(an_audit())
    await auditor.open("/audit?after=a/b")
    assert services.asked("GET", "/audits")[-1].url.params["after"] == "a/b"
    assert "Older audits" not in auditor.said


async def test_a_refused_draw_is_reported_on_the_same_page(auditor, services):
    services.answers["POST /audits"] = lambda _: problem(409, "Conflict", "it was drawn before")
    answer = await auditor.send("/audit/samples", period_seq="12")
    assert answer.status_code == 409
    assert "it was drawn before" in auditor.said


async def test_a_period_whose_checkpoints_are_not_signed_yet_has_no_button(auditor, services):
    services.answers["GET /audits/periods"] = page_of(a_period(drawable=False))
    await auditor.open("/audit")
    assert "once two more checkpoints are signed" in auditor.said
    assert "Draw the sample" not in auditor.page.text


async def test_reviews_follow_one_another_until_none_is_left(auditor, services):
    audits = iter([an_audit(an_item(**DONE), an_item(number=2)), an_audit(an_item(**DONE))])
    for number in (1, 2):
        services.answers[f"POST /audits/{OTHER_HIT}/items/{number}/review"] = lambda _: (
            httpx.Response(200, json=next(audits))
        )
    here = f"/audit/samples/{OTHER_HIT}"
    await auditor.open(f"{here}/items/1")
    await auditor.send(f"{here}/items/1", outcome="proper", note="case file agrees")
    asked = services.asked("POST", "/items/1/review")
    assert json.loads(asked[0].content) == {"outcome": "proper", "note": "case file agrees"}
    assert auditor.page.url.path == f"{here}/items/2"
    services.answers["GET /entries/7"] = lambda _: httpx.Response(200, json=an_entry(seq=7))
    await auditor.open(f"{here}/items/2")
    await auditor.send(f"{here}/items/2", outcome="unclear", note="no case file")
    assert auditor.page.url.path == here


async def test_a_proper_access_needs_no_note(auditor, services):
    services.answers[f"POST /audits/{OTHER_HIT}/items/1/review"] = lambda _: httpx.Response(
        200, json=an_audit(an_item(**DONE))
    )
    here = f"/audit/samples/{OTHER_HIT}"
    await auditor.open(f"{here}/items/1")
    [note] = re.findall(r"<textarea [^>]*>", auditor.page.text)
    assert "required" not in note
    await auditor.send(f"{here}/items/1", outcome="proper", note="")
    [asked] = services.asked("POST", "/items/1/review")
    assert json.loads(asked.content) == {"outcome": "proper"}


@pytest.mark.parametrize(("number", "following"), [(1, 3), (3, 4), (4, 1), (9, 1)])
def test_reviews_continue_at_the_next_open_item_and_wrap_around(number, following):
    left = [an_item(number=n) for n in (1, 3, 4) if n != number]
    audit = an_audit(an_item(**(DONE | {"number": 2})), *left)
    assert next_item(audit, number) == following


async def test_a_refused_review_keeps_what_was_typed(auditor, services):
    services.answers[f"POST /audits/{OTHER_HIT}/items/1/review"] = lambda _: problem(
        422, "A value is not acceptable", "at least 3", field="body.note"
    )
    services.lenient = True
    await auditor.open(f"/audit/samples/{OTHER_HIT}/items/1")
    answer = await auditor.send(
        f"/audit/samples/{OTHER_HIT}/items/1", outcome="unclear", note=HOSTILE
    )
    assert answer.status_code == 422
    assert "Field: note" in auditor.said
    assert 'value="unclear" required checked' in answer.text
    assert HOSTILE not in answer.text
    assert 'maxlength="2000"' in answer.text, "audit takes no more"


async def test_a_persons_own_access_is_not_offered_for_review(auditor, services):
    services.answers["GET /entries/41"] = lambda _: httpx.Response(
        200, json=an_entry(person_id=READ)
    )
    await auditor.open(f"/audit/samples/{OTHER_HIT}/items/1")
    assert "this is your own access; another person reviews it" in auditor.said
    assert 'name="outcome"' not in auditor.page.text


async def test_an_item_that_was_never_drawn_is_not_found(auditor):
    assert (await auditor.open(f"/audit/samples/{OTHER_HIT}/items/9")).status_code == 404


@pytest.mark.parametrize(
    ("audit", "why"),
    [
        (an_audit(), "2 of 2 accesses are not reviewed yet"),
        (an_audit(an_item(**DONE), drawn_by=MYSELF), "another person signs it off"),
        (an_audit(an_item(**(DONE | {"reviewed_by": MYSELF}))), "another person signs it off"),
    ],
    ids=["not reviewed", "drawn by oneself", "reviewed by oneself"],
)
async def test_the_page_explains_why_a_person_cannot_sign_off(auditor, services, audit, why):
    services.answers[f"GET /audits/{OTHER_HIT}"] = lambda _: httpx.Response(200, json=audit)
    await auditor.open(f"/audit/samples/{OTHER_HIT}")
    assert why in auditor.said
    assert 'name="statement"' not in auditor.page.text


async def test_another_person_signs_off_with_a_statement(auditor, services):
    whole = an_audit(an_item(**DONE))
    services.answers[f"GET /audits/{OTHER_HIT}"] = lambda _: httpx.Response(200, json=whole)
    services.answers[f"POST /audits/{OTHER_HIT}/sign-off"] = lambda _: httpx.Response(
        200, json=whole
    )
    await auditor.open(f"/audit/samples/{OTHER_HIT}")
    assert 'maxlength="2000"' in auditor.page.text, "audit takes no more"
    await auditor.send(f"/audit/samples/{OTHER_HIT}/sign-off", statement="No misuse was found")
    [asked] = services.asked("POST", "/sign-off")
    assert json.loads(asked.content) == {"statement": "No misuse was found"}


async def test_a_person_who_may_only_read_gets_no_forms(sign_in, log):
    browser = await sign_in("account:self", "purpose:declare", "audit:read")
    await browser.open("/purpose")
    await browser.send("/purpose", back="/audit", **DECLARED)
    assert "Draw the sample" not in browser.said
    for path in (f"/audit/samples/{OTHER_HIT}", f"/audit/samples/{OTHER_HIT}/items/1"):
        await browser.open(path)
        assert "your role does not let you draw, review or sign off audits" in browser.said
