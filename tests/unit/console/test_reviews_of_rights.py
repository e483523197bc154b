"""The yearly review of rights at the console: people due, and what is confirmed."""

import json

import httpx
import pytest

from tests.unit.console.services import HIT, READ, page_of, problem

MANAGER = ("account:self", "account:read", "account:manage")
HERE = f"/people/{HIT}"
SEEN = {"seen_roles": "investigator officer", "seen_sources": ""}


@pytest.fixture
def person(services):
    """An investigator whose last review is a year old."""
    person = services.me() | {
        "account_id": HIT, "name": "Ida Vega", "roles": ["investigator", "officer"], "sources": [],
        "reviewed_at": "2025-05-01T00:00:00Z",
    }  # fmt: skip
    services.answers[f"GET /accounts/{HIT}"] = lambda _: httpx.Response(200, json=person)
    services.answers["GET /accounts/reviews/due"] = page_of(
        person, services.me(), person | {"roles": ["night_watch"]}, after="NDE="
    )
    return person


@pytest.fixture
async def manager(sign_in, person):
    return await sign_in(*MANAGER)


async def test_people_due_are_listed_with_what_their_roles_let_them_do(manager):
    assert "People whose rights are due for review: 2" in manager.said, "another reviews one's own"
    await manager.open("/people/reviews")
    assert "Ida Vega" in manager.said
    assert "exports records" in manager.said
    assert "a role that the policy no longer has" in manager.said
    assert "another administrator reviews yours" in manager.said
    assert f'href="{HERE}/roles"' in manager.page.text
    assert f'href="/people/{READ}/roles"' not in manager.page.text
    assert "/people/reviews?after=NDE%3D" in manager.page.text


async def test_a_reader_of_accounts_sees_who_is_due_and_no_way_to_confirm(sign_in, person):
    browser = await sign_in("account:self", "account:read")
    await browser.open("/people/reviews")
    assert "Ida Vega" in browser.said
    assert f'href="{HERE}/roles"' not in browser.page.text


async def test_what_the_page_showed_is_confirmed_and_the_next_person_follows(manager, services):
    services.answers[f"POST /accounts/{HIT}/review"] = lambda _: httpx.Response(
        200, json=services.me()
    )
    await manager.open(f"{HERE}/roles")
    assert "Now: Investigator, Officer; hot lists: entitled to none." in manager.said
    assert 'name="seen_roles" value="investigator officer"' in manager.page.text
    await manager.send(f"{HERE}/review", review_note="still in the unit", **SEEN)
    assert manager.page.url.path == "/people/reviews"
    [asked] = services.asked("POST", "/review")
    assert json.loads(asked.content) == {
        "note": "still in the unit", "roles": ["investigator", "officer"], "sources": [],
    }  # fmt: skip


async def test_rights_that_changed_meanwhile_are_shown_as_they_are_now(manager, services, person):
    await manager.open(f"{HERE}/roles")
    person["roles"] = ["officer"]
    services.answers[f"POST /accounts/{HIT}/review"] = lambda _: problem(
        409, "Conflict", "another person changed this", field="roles", code="account_changed_since"
    )
    answer = await manager.send(f"{HERE}/review", review_note="still in the unit", **SEEN)
    assert answer.status_code == 409
    assert "another person changed this" in manager.said
    assert "Now: Officer; hot lists" in manager.said
    assert 'name="role_investigator" value="yes" checked' not in answer.text
    assert "still in the unit" in answer.text


async def test_a_note_that_is_missing_is_named_beside_its_own_field(manager, services):
    services.lenient = True
    services.answers[f"POST /accounts/{HIT}/review"] = lambda _: problem(
        422, "Refused", "note is missing", field="note"
    )
    await manager.open(f"{HERE}/roles")
    answer = await manager.send(f"{HERE}/review", **SEEN)
    assert 'id="review_note-wrong">note is missing' in answer.text
    assert 'id="reason-wrong"' not in answer.text
