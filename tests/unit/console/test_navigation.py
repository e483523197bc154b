"""The pages and forms that the start page and the navigation offer to each role."""

import re

import pytest

from services.console.domain.navigation import is_within
from shared.core.policy import load_policy
from tests.unit.console.conftest import ROOT, Browser
from tests.unit.console.services import READ

LIST = "0199c0de-0000-7000-8000-000000000151"
ROLES = load_policy(ROOT / "policy.toml").roles
OFFERED = {
    "officer": {"/alerts", "/search", "/hotlists"},
    "dispatcher": {"/alerts", "/hotlists"},
    "investigator": {"/alerts", "/search", "/hotlists", "/holds"},
    "alpr_administrator": {
        "/hotlists",
        "/releases",
        "/holds",
        "/people",
        "/cameras",
        "/agencies",
        "/purges",
        "/policies",
        "/accuracy",
    },
    "training_sergeant": {"/invitations", "/training"},
    "custodian": {"/invitations", "/releases", "/holds", "/purges"},
    "auditor": {"/releases", "/audit", "/purges", "/policies", "/accuracy"},
    "agency_requester": {"/requests"},
}
EVERYONES = {"/account", "/policy"}


@pytest.mark.clause("468.3/pages")
@pytest.mark.parametrize("role", sorted(ROLES))
async def test_each_role_is_offered_the_pages_of_its_permissions_and_no_others(sign_in, role):
    browser = await sign_in(*ROLES[role])
    found = set(re.findall(r'<a href="(/[a-z]+)"', browser.page.text)) - EVERYONES
    assert found == OFFERED[role]
    [listed] = re.findall(r'<ul class="links">(.*?)</ul>', browser.page.text, re.DOTALL)
    assert set(re.findall(r'<a href="(/[a-z]+)"', listed)) - EVERYONES == OFFERED[role]


def test_a_page_is_within_the_console_by_whole_parts_of_its_path():
    assert is_within("/holds")
    assert is_within(f"/holds/{READ}")
    assert not is_within("/holdsworth")
    assert not is_within("/")


FORMS = {
    "/search": "search the records",
    "/audit/entries": "see the audit log",
    "/holds/new": "place, export or release holds",
    f"/holds/new/{READ}": "place, export or release holds",
    "/hotlists/new": "change the hot lists",
    f"/hotlists/{LIST}/new": "change the hot lists",
    f"/hotlists/{LIST}/upload": "change the hot lists",
}


@pytest.mark.clause("468.3/pages")
@pytest.mark.parametrize("path", FORMS)
async def test_a_form_that_would_be_refused_is_replaced_by_the_reason(sign_in, path):
    browser = await sign_in("account:self", "purpose:declare")
    answer = await browser.open(path)
    assert answer.status_code == 403
    assert f"your role does not let you {FORMS[path]}" in browser.said
    assert 'class="stack' not in answer.text


@pytest.mark.clause("468.3/pages")
async def test_people_whose_role_declares_no_purposes_get_no_purpose_form(sign_in):
    browser = await sign_in("account:self", "training:record")
    answer = await browser.open("/purpose")
    assert answer.status_code == 403
    assert "your role does not let you declare a purpose" in browser.said


@pytest.mark.clause("468.3/pages")
async def test_people_without_training_are_offered_no_page_that_would_refuse_them(
    sign_in, services
):
    services.trained_until = None
    browser = await sign_in(*ROLES["officer"])
    assert "no department-approved training of yours is on record" in browser.said
    for link in OFFERED["officer"]:
        assert f'href="{link}"' not in browser.page.text
    assert (await browser.open("/search")).status_code == 403
    assert "ask the Training Sergeant" in browser.said


@pytest.mark.clause("468.3/pages")
async def test_a_change_of_roles_changes_what_pages_offer_with_the_next_token(
    sign_in, services, clock
):
    browser = await sign_in(*ROLES["officer"])
    assert 'href="/search"' in browser.page.text
    services.permissions = sorted(ROLES["dispatcher"])
    services.trained_until = "2100-02-01T00:00:00Z"
    clock.advance(minutes=8)
    await browser.open("/")
    assert 'href="/search"' not in browser.page.text
    assert 'href="/alerts"' in browser.page.text
    assert (await browser.open("/search")).status_code == 403
    services.permissions = sorted(ROLES["officer"])
    clock.advance(minutes=8)
    await browser.open("/")
    assert 'href="/search"' in browser.page.text


@pytest.mark.clause("468.3/pages")
async def test_training_recorded_after_the_sign_in_opens_the_pages_from_the_start_page(
    sign_in, services, start
):
    trained, services.trained_until = services.trained_until, None
    browser = await sign_in(*ROLES["officer"])
    services.trained_until = trained
    await browser.open("/")
    assert "training of yours" not in browser.said
    assert 'href="/search"' in browser.page.text
    replica = Browser(start())
    replica.http.cookies = browser.http.cookies
    for one in (browser, replica):
        assert (await one.open("/search")).headers["location"] == "/purpose"
    await replica.http.aclose()
