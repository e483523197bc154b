"""The start page: what waits for the person themselves, and what the department lacks."""

import asyncio

import httpx
import pytest

from tests.unit.console.services import HIT, OTHER_HIT, READ, a_camera, page_of, problem

EVERYTHING = (
    "account:self",
    "purpose:declare",
    "hit:verify",
    "release:review",
    "account:deliver",
    "account:manage",
    "training:record",
)
TRAINED = "2100-01-01T00:00:00+00:00"
LIST = {
    "list_id": HIT, "name": "Stolen vehicles", "agency_ori": "CA0520100", "source": "state",
    "enabled": True, "staleness_hours": 24, "record_kinds_off": [], "active_version": 1,
    "entries": 1, "as_of": None, "activated_at": None, "stale": False,
    "created_at": TRAINED, "created_by": READ,
}  # fmt: skip


@pytest.fixture
def listed(services):
    """Answer a list with these items."""

    def listed(path, *items):
        services.answers[f"GET {path}"] = page_of(*items)

    return listed


@pytest.fixture
def account(services):
    """Make an account of identity's list."""

    def account(number, *roles, **changes):
        return {**services.me(), "account_id": number, "roles": list(roles), **changes}

    return account


@pytest.fixture
def complete(listed, account):
    """Make a department that lacks nothing; the reader, READ, is its only officer."""
    listed("/accounts", account(READ, "officer"), account(HIT, "training_sergeant"))
    listed("/devices", a_camera())
    listed("/lists", LIST)


def invited(number, *, yours):
    return {
        "account_id": number, "username": "n.new", "name": "Nia New", "title": "Police Officer",
        "agency_ori": "CA0520100", "expires_at": TRAINED, "yours": yours,
    }  # fmt: skip


def proposed(number, *, yours):
    given = {"proposed_by": "Ada Min", "proposed_at": TRAINED, "reason": "lost the telephone"}
    return {**invited(number, yours=yours), **given}


async def test_only_what_the_person_themselves_can_do_is_counted(
    sign_in, services, listed, account, complete
):
    listed("/accounts/invitations/waiting", *(invited(HIT, yours=yours) for yours in (True, False)))
    listed(
        "/accounts/invitations/proposed", *(proposed(HIT, yours=y) for y in (True, False, False))
    )
    listed("/training/due", *(account(number, "officer") for number in (READ, HIT, OTHER_HIT)))
    services.answers["GET /requests/waiting"] = lambda _: httpx.Response(
        200, json={"count": 4, "oldest_at": TRAINED, "states": []}
    )
    browser = await sign_in(*EVERYTHING)
    for said in (
        "Requests of other agencies to decide: 4",
        "Invitations to hand over: 1",
        "Proposals to approve: 2",
        "People whose training is due: 2",
    ):
        assert said in browser.said
    assert "Unverified hits" not in browser.said, "none waits"
    assert "Still missing" not in browser.said
    [asked] = services.asked("GET", "/v1/accounts")
    assert asked.url.params["status"] == "active"


async def test_what_a_role_cannot_do_is_neither_asked_for_nor_counted(sign_in, services):
    await sign_in("account:self", "release:read", "hit:read", "agency:manage")
    assert {r.url.path for r in services.seen} == {"/v1/sessions", "/v1/me"}


@pytest.mark.parametrize(
    "answer", [problem(503, "Try again later"), problem(403, "Purpose", code="purpose_missing")]
)
async def test_the_start_page_opens_without_what_a_service_does_not_say(sign_in, services, answer):
    for path in ("/hits/waiting", "/requests/waiting", "/accounts", "/devices", "/lists"):
        services.answers[f"GET {path}"] = lambda _: answer
    browser = await sign_in(*EVERYTHING)
    assert "Waiting for you" not in browser.said
    assert "Still missing" not in browser.said, "what is not known is not said to be missing"


async def test_a_service_that_hangs_does_not_hold_the_start_page_up_for_long(
    sign_in, services, complete
):
    browser = await sign_in(*EVERYTHING)
    services.seen.clear()
    await browser.open("/")
    assert len(services.seen) > 5
    limits = [one.extensions["timeout"] for one in services.seen]
    assert {(limit["connect"], limit["read"]) for limit in limits} == {(3.0, 3.0)}
    await browser.open("/people")
    assert services.seen[-1].extensions["timeout"]["read"] == 30.0, (
        "other pages wait for what they show"
    )


@pytest.fixture
def in_flight(services):
    """The number of requests to services that were under way, at the start of each one; ingest answers last."""
    handle, under_way, counted = services.handle, set(), []

    async def count(request):
        under_way.add(request)
        counted.append(len(under_way))
        try:
            while request.url.host == "ingest" and len(under_way) > 1:
                await asyncio.sleep(0)
            return await handle(request)
        finally:
            under_way.remove(request)

    services.handle = count
    return counted


async def test_the_services_are_asked_at_once(in_flight, sign_in, services, complete):
    browser = await sign_in(*EVERYTHING)
    services.seen.clear()
    await browser.open("/")
    assert max(in_flight) == len(services.seen) > 5


async def test_a_revoked_token_is_replaced_once_for_all_that_the_page_asks(
    in_flight, sign_in, services, listed, complete
):
    listed("/accounts/invitations/waiting", invited(HIT, yours=False))
    browser = await sign_in(*EVERYTHING)
    newest, answers = services.number, dict(services.answers)
    for path, answer in answers.items():
        services.answers[path] = lambda request, answer=answer: (
            problem(401, "A valid credential is required")
            if request.headers["authorization"] == f"Bearer access-{newest}"
            else answer(request)
        )
    await browser.open("/")
    assert len(services.asked("POST", "/sessions/renewal")) == 1
    assert "Invitations to hand over: 1" in browser.said
    await browser.open("/")
    assert "Invitations to hand over: 1" in browser.said, "the cookie has the new token"


async def test_the_start_page_sends_no_declared_purpose(sign_in, services, complete):
    browser = await sign_in(*EVERYTHING)
    await browser.open("/purpose")
    await browser.send(
        "/purpose", kind="release", offence_type="vehicle theft", case_number="26-001234",
        justification="Review of what the county sheriff asked for",
    )  # fmt: skip
    services.seen.clear()
    await browser.open("/")
    assert len(services.seen) > 5
    assert not [r.url.path for r in services.seen if "X-ALPR-Purpose" in r.headers]


@pytest.mark.parametrize(
    ("changed", "lack"),
    [
        ({}, ""),
        ({"trained_until": None}, "No trained person receives alerts"),
        ({"trained_until": "2026-05-31T00:00:00Z"}, "No trained person receives alerts"),
        ({"roles": ["auditor"]}, "No trained person receives alerts"),
    ],
)
async def test_only_trained_people_count_as_receivers_of_alerts(
    sign_in, listed, account, complete, changed, lack
):
    officer = {**account(OTHER_HIT, "officer"), **changed}
    reader = account(READ, "alpr_administrator")
    listed("/accounts", reader, officer, account(HIT, "training_sergeant"))
    browser = await sign_in(*EVERYTHING)
    assert ("Still missing" in browser.said) is bool(lack)
    assert lack in browser.said


async def test_a_department_of_more_people_than_a_page_holds_lacks_none_of_the_others(
    sign_in, services, account, complete
):
    first = [account(f"p-{number}", "investigator") for number in range(200)]
    second = [account(READ, "officer"), account(HIT, "training_sergeant")]
    services.answers["GET /accounts"] = lambda request: (
        page_of(*second) if "after" in request.url.params else page_of(*first, after="YQ")
    )(request)
    browser = await sign_in(*EVERYTHING)
    assert "Still missing" not in browser.said
    asked = [dict(one.url.params) for one in services.asked("GET", "/v1/accounts")]
    assert asked[1] == {"status": "active", "limit": "200", "after": "YQ"}


@pytest.mark.parametrize("until", [None, "2026-05-31T00:00:00Z"])
async def test_an_administrator_reads_that_their_own_training_is_missing(
    sign_in, listed, account, complete, until
):
    own = account(READ, "alpr_administrator", trained_until=until)
    listed("/accounts", own, account(HIT, "officer"), account(OTHER_HIT, "training_sergeant"))
    browser = await sign_in(*EVERYTHING)
    assert "Your own training is not on record" in browser.said


@pytest.mark.parametrize(
    ("versions", "said"), [([], "There is no hot list."), ([None], "No hot list is in force."),
                           ([None, 2], "")])  # fmt: skip
async def test_a_department_lacks_a_list_until_one_is_in_force(
    sign_in, listed, complete, versions, said
):
    listed("/lists", *({**LIST, "active_version": version} for version in versions))
    browser = await sign_in(*EVERYTHING)
    assert ("Still missing" in browser.said) is bool(said)
    assert said in browser.said


async def test_what_waits_for_training_is_not_asked_for(sign_in, services, listed, complete):
    services.trained_until = None
    await sign_in("account:self", "purge:authorise", "release:review", "policy:acknowledge")
    assert {r.url.path for r in services.seen} == {"/v1/sessions", "/v1/me"}
