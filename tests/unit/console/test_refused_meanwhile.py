"""Refusals of forms that a page no longer offers: another person acted first, or a right was lost meanwhile."""

import httpx
import pytest

from tests.unit.console.services import (
    EXPORT,
    HIT,
    HOLD,
    PERSON,
    a_booking,
    a_hit,
    a_hold,
    an_export,
    page_of,
    problem,
)

VERIFICATION = {
    "method": "CLETS", "reference": "T26-9", "outcome": "correct_read", "note": None,
    "at": "2026-06-01T12:00:00+00:00", "by": PERSON | {"name": "Ana Ramirez"},
}  # fmt: skip
DECLARED = {
    "kind": "criminal_investigation", "offence_type": "homicide", "case_number": "26-0117",
    "justification": "evidence of the homicide on Solano Street",
}  # fmt: skip
READER = ("account:self", "purpose:declare", "hit:read", "hold:read", "release:read")


def answering(body):
    return lambda _: httpx.Response(200, json=body)


def refusing(status, detail, **members):
    return lambda _: problem(status, "Refused", detail, **members)


@pytest.fixture
async def reader(sign_in, services):
    """A person who reads hits, holds and agencies, with a purpose, and changes none of them."""
    browser = await sign_in(*READER)
    await browser.open("/purpose")
    await browser.send("/purpose", **DECLARED)
    return browser


async def test_who_verifies_second_reads_that_their_verification_was_not_recorded(
    officer, services
):
    services.answers[f"GET /hits/{HIT}"] = answering(a_hit())
    await officer.open(f"/hits/{HIT}")
    verified = a_hit(status="verified", outcome="correct_read", verification=VERIFICATION)
    services.answers[f"GET /hits/{HIT}"] = answering(verified)
    services.answers[f"POST /hits/{HIT}/verification"] = refusing(409, "this hit is verified")
    answer = await officer.send(f"/hits/{HIT}/verification", reference="T26-1", outcome="misread")
    assert answer.status_code == 409
    assert "Refused this hit is verified" in officer.said
    assert "By Ana Ramirez" in officer.said


@pytest.mark.parametrize("step", ["verification", "disposition"])
async def test_a_right_that_was_lost_before_the_form_was_sent_is_named(reader, services, step):
    services.answers[f"GET /hits/{HIT}"] = answering(a_hit())
    services.answers[f"POST /hits/{HIT}/{step}"] = refusing(403, "your role changed")
    await reader.open(f"/hits/{HIT}")
    typed = {"reference": "T26-1", "outcome": "misread", "disposition": "stopped"}
    answer = await reader.send(f"/hits/{HIT}/{step}", enforcement="no", **typed)
    assert answer.status_code == 403
    assert "Refused your role changed" in reader.said


async def test_an_agency_that_was_not_registered_for_want_of_a_right_says_so(reader, services):
    services.lenient = True
    services.answers["GET /agencies"] = page_of()
    services.answers["POST /agencies"] = refusing(403, "your role changed")
    await reader.open("/agencies")
    answer = await reader.send("/agencies", name="Sheriff")
    assert answer.status_code == 403
    assert "Refused your role changed" in reader.said


async def test_a_refused_release_of_a_hold_offers_no_form_to_who_may_release_none(reader, services):
    services.answers[f"GET /holds/{HOLD}"] = answering(a_hold())
    services.answers["GET /evidence-exports"] = page_of()
    services.answers[f"POST /holds/{HOLD}/release"] = refusing(403, "your role changed")
    await reader.open(f"/holds/{HOLD}")
    answer = await reader.send(f"/holds/{HOLD}/release", reason="case closed")
    assert answer.status_code == 403
    assert "Refused your role changed" in reader.said
    assert f'action="/holds/{HOLD}/release"' not in answer.text


@pytest.mark.parametrize(
    ("permissions", "state", "bookings"),
    [
        (READER, "ready", []),
        ((*READER, "hold:manage"), "withdrawn", []),
        ((*READER, "hold:manage"), "ready", [a_booking()]),
    ],
    ids=["right lost", "withdrawn by another", "booked by another"],
)
async def test_a_refused_withdrawal_offers_no_form_where_none_is_possible(
    sign_in, services, permissions, state, bookings
):
    browser = await sign_in(*permissions)
    await browser.open("/purpose")
    await browser.send("/purpose", **DECLARED)
    services.answers[f"GET /evidence-exports/{EXPORT}"] = answering(an_export(state=state))
    services.answers[f"GET /evidence-exports/{EXPORT}/bookings"] = page_of(*bookings)
    services.answers[f"GET /evidence-exports/{EXPORT}/custody-acts"] = page_of()
    services.answers[f"POST /evidence-exports/{EXPORT}/withdrawal"] = refusing(409, "too late")
    await browser.open(f"/holds/exports/{EXPORT}")
    here = f"/holds/exports/{EXPORT}/withdrawal"
    answer = await browser.send(here, reason="asked for by mistake")
    assert "Refused too late" in browser.said
    assert f'action="{here}"' not in answer.text
