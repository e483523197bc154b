"""Cameras, agencies, people and their training at the console, before services that a test scripts."""

import json

import httpx
import pytest
from fastapi import Request

from services.console.api.cameras import captures_url
from services.console.domain.accounts import lock_act, why_not_lock
from tests.unit.console.conftest import Browser
from tests.unit.console.services import HIT, OTHER_HIT, READ, a_camera, page_of, problem

AT = "2026-06-01T11:00:00+00:00"
CREDENTIAL = "c" * 43
AGENCY = {
    "ori": "CA0520000", "name": "Tehama County Sheriff", "kind": "law_enforcement",
    "state": "US-CA", "contact": "records@tehama.example", "active": True, "treatment": "ordinary",
}  # fmt: skip


def issued(status, **changes):
    given = {"device": a_camera(**changes), "credential": CREDENTIAL}
    return lambda _: httpx.Response(status, json=given)


def sent(services, method, end):
    [asked] = services.asked(method, end)
    return json.loads(asked.content)


@pytest.fixture
async def manager(sign_in, services):
    """A browser of a person who manages cameras, agencies and people."""
    services.answers["GET /devices"] = page_of(a_camera(), a_camera(device_id=OTHER_HIT))
    services.answers["GET /agencies"] = page_of(AGENCY)
    return await sign_in(
        "account:self", "device:read", "device:manage", "agency:manage", "account:manage",
        "account:read",
    )  # fmt: skip


async def test_a_camera_may_have_its_own_limit_for_what_it_keeps_back(manager, services):
    services.answers["POST /devices"] = issued(201)
    await manager.open("/cameras/new")
    assert "the policy's limit: fixed 0, vehicle 72" in manager.said
    await manager.send("/cameras/new", name="Main St", kind="fixed", may_buffer_h="2.5")
    assert sent(services, "POST", "/devices") == {
        "name": "Main St", "kind": "fixed", "may_buffer_h": 2.5
    }  # fmt: skip
    assert CREDENTIAL in manager.said


@pytest.mark.parametrize(
    ("kind", "query"), [("fixed", ""), ("vehicle", "?latitude=39.9277&longitude=-122.1792")]
)
async def test_the_command_to_try_a_credential_has_a_place_where_the_camera_has_none(
    manager, services, kind, query
):
    services.answers["POST /devices"] = issued(201, kind=kind)
    await manager.open("/cameras/new")
    await manager.send("/cameras/new", name="Main St", kind=kind)
    assert f'@frame.jpg "https://alpr.example.org/ingest/v1/captures{query}"' in manager.said


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_on_this_machine_cameras_post_to_the_address_that_the_console_uses(
    app, manager, services, host
):
    here = Browser(app, origin=f"http://{host}:8000")
    await here.open("/sign-in")
    await here.send("/sign-in", username="o.lindqvist", password="right words", totp="123456")
    services.answers["POST /devices"] = issued(201)
    await here.open("/cameras/new")
    await here.send("/cameras/new", name="Main St", kind="fixed")
    assert '@frame.jpg "http://ingest/v1/captures"' in here.said
    await here.http.aclose()


@pytest.mark.parametrize(
    ("root_path", "expected"),
    [
        ("", "https://alpr.example.org/ingest/v1/captures"),
        ("/console", "https://alpr.example.org/ingest/v1/captures"),
        ("/alpr/console", "https://alpr.example.org/alpr/ingest/v1/captures"),
    ],
)
def test_elsewhere_cameras_post_beside_the_console(root_path, expected):
    headers = [(b"host", b"alpr.example.org")]
    scope = {"type": "http", "scheme": "https", "path": "/", "headers": headers}
    request = Request({**scope, "root_path": root_path})
    assert captures_url(request, "http://ingest:8000") == expected


async def test_a_refused_camera_says_why_and_keeps_what_was_typed(manager, services):
    services.answers["POST /devices"] = lambda _: problem(409, "Conflict", "the name is taken")
    await manager.open("/cameras/new")
    answer = await manager.send("/cameras/new", name="Main St", kind="vehicle")
    assert answer.status_code == 409
    assert "the name is taken" in manager.said
    assert 'value="Main St"' in answer.text
    assert 'value="vehicle" selected' in answer.text


async def test_a_form_is_not_shown_as_at_fault_while_its_service_is_down(manager, services):
    services.answers["POST /devices"] = lambda _: problem(503, "Try again later")
    await manager.open("/cameras/new")
    answer = await manager.send("/cameras/new", name="Main St", kind="fixed")
    assert answer.status_code == 503
    assert "Try again later" in manager.said
    assert 'action="/cameras/new"' not in answer.text


async def test_a_camera_of_which_all_comes_late_is_shown_with_why(sign_in, services):
    late = a_camera(last_seen_at=AT, late_since="2026-06-01T10:44:00Z")
    services.answers["GET /devices"] = page_of(late, a_camera(name="Elm St", last_seen_at=AT))
    browser = await sign_in("account:self", "device:read")
    await browser.open("/cameras")
    assert browser.said.count("its clock may be wrong: everything since") == 1
    assert "10:44" in browser.said or "03:44" in browser.said
    assert browser.said.count("came late") == 1


async def test_the_cameras_are_listed_page_by_page_with_what_each_needs(sign_in, services):
    seen = a_camera(last_seen_at=AT)
    revoked = a_camera(device_id=OTHER_HIT, name="Stolen", status="revoked", last_seen_at=AT)
    services.answers["GET /devices"] = page_of(seen, revoked, a_camera(name="New"), after="n/e")
    browser = await sign_in("account:self", "device:read", "device:manage")
    await browser.open("/cameras")
    assert browser.said.count("1 h 0 min ago") == 2
    assert browser.said.count("never") == 1
    assert f'action="/cameras/{HIT}/credential"' in browser.page.text
    assert f'action="/cameras/{OTHER_HIT}/credential"' not in browser.page.text, "reinstate it"
    assert 'href="/cameras?after=n/e"' in browser.page.text
    await browser.open("/cameras?after=n/e")
    assert services.asked("GET", "/devices")[-1].url.params["after"] == "n/e"
    reader = await sign_in("account:self", "device:read")
    await reader.open("/cameras")
    assert "/credential" not in reader.page.text
    assert "/revocation" not in reader.page.text
    assert "/cameras/new" not in reader.page.text


@pytest.mark.clause("468.3/pages")
@pytest.mark.parametrize(
    "path",
    ["/cameras/new", f"/cameras/{HIT}/revocation", "/agencies/CA0520000/bar", "/people/new"],
)
async def test_a_page_that_changes_the_department_is_for_those_who_may(sign_in, services, path):
    services.answers[f"GET /devices/{HIT}"] = lambda _: httpx.Response(200, json=a_camera())
    services.answers["GET /agencies/CA0520000"] = lambda _: httpx.Response(200, json=AGENCY)
    browser = await sign_in("account:self", "device:read", "release:read", "account:read")
    answer = await browser.open(path)
    assert answer.status_code == 403
    assert "your role does not let you" in browser.said


@pytest.mark.parametrize("act", ["revocation", "reinstatement"])
async def test_a_refused_change_of_a_camera_says_why_and_keeps_the_reason(manager, services, act):
    status = "active" if act == "revocation" else "revoked"
    services.answers[f"GET /devices/{HIT}"] = lambda _: httpx.Response(
        200, json=a_camera(status=status)
    )
    services.answers[f"POST /devices/{HIT}/{act}"] = lambda _: problem(409, "Conflict", "too late")
    await manager.open(f"/cameras/{HIT}/revocation")
    answer = await manager.send(f"/cameras/{HIT}/{act}", reason="the camera was stolen")
    assert answer.status_code == 409
    assert "too late" in manager.said
    assert "the camera was stolen" in answer.text
    assert sent(services, "POST", act) == {"reason": "the camera was stolen"}


async def test_a_refused_credential_says_why(manager, services):
    services.answers[f"POST /devices/{HIT}/credential"] = lambda _: problem(409, "No", "revoked")
    await manager.open("/cameras")
    answer = await manager.send(f"/cameras/{HIT}/credential")
    assert answer.status_code == 409
    assert "revoked" in manager.said


@pytest.mark.parametrize(
    ("typed", "state"), [("ca", "US-CA"), ("us-nv", "US-NV"), ("US-CA", "US-CA")]
)
async def test_an_agency_is_sent_with_its_state_in_full(manager, services, typed, state):
    services.answers["POST /agencies"] = lambda _: httpx.Response(201, json=AGENCY)
    await manager.open("/agencies")
    given = {"name": "Sheriff", "kind": "law_enforcement", "contact": "records"}
    await manager.send("/agencies", **given, ori="ca0520000", state=typed)
    body = sent(services, "POST", "/agencies")
    assert body == {**given, "ori": "CA0520000", "state": state}


async def test_refused_changes_of_agencies_say_why_and_keep_what_was_typed(manager, services):
    services.lenient = True
    services.answers["POST /agencies"] = lambda _: problem(409, "Conflict", "is registered")
    await manager.open("/agencies")
    given = {"name": "Sheriff", "kind": "law_enforcement", "contact": "records"}
    answer = await manager.send("/agencies", **given, ori="ca0520000", state="ca")
    assert answer.status_code == 409
    assert "is registered" in manager.said
    assert 'value="Sheriff"' in answer.text
    services.answers["GET /agencies/CA0520000"] = lambda _: httpx.Response(200, json=AGENCY)
    services.answers["PATCH /agencies/CA0520000"] = lambda _: problem(409, "Conflict", "barred")
    answer = await manager.send("/agencies/CA0520000/bar")
    assert answer.status_code == 409
    assert "Conflict barred" in manager.said


async def test_all_pages_of_a_list_are_read(manager, services):
    reno = {**AGENCY, "ori": "NV0160100", "name": "Reno Police"}
    services.answers["GET /agencies"] = lambda request: (
        page_of(reno) if request.url.params.get("after") == "n/e" else page_of(AGENCY, after="n/e")
    )(request)
    await manager.open("/agencies")
    assert "Tehama County Sheriff CA0520000" in manager.said
    assert "Reno Police NV0160100" in manager.said


@pytest.mark.clause("468.3/pages")
async def test_a_reader_of_agencies_gets_no_form_to_change_them(sign_in, services):
    services.answers["GET /agencies"] = page_of(AGENCY)
    browser = await sign_in("account:self", "release:read")
    await browser.open("/agencies")
    assert "Tehama County Sheriff CA0520000" in browser.said
    assert 'action="/agencies"' not in browser.page.text
    assert "/bar" not in browser.page.text


async def test_agencies_are_read_with_a_purpose_only_if_it_opens_them(manager, services):
    """A purpose of another kind would be refused, though the list needs none."""
    services.permissions += ["purpose:declare"]
    await manager.open("/sign-in")
    await manager.send("/sign-in", username="o.lindqvist", password="right words", totp="123456")
    services.answers["GET /agencies/CA0520000"] = lambda _: httpx.Response(200, json=AGENCY)
    services.answers["PATCH /agencies/CA0520000"] = lambda _: httpx.Response(200, json=AGENCY)
    for kind, expected in (("system_maintenance", False), ("release", True)):
        await manager.open("/purpose")
        await manager.send(
            "/purpose", kind=kind, offence_type="vehicle theft", case_number="26-001234",
            justification="Review of what the county sheriff asked for",
        )  # fmt: skip
        services.seen.clear()
        await manager.open("/agencies")
        await manager.open("/agencies/CA0520000/bar")
        for asked in services.seen:
            assert ("X-ALPR-Purpose" in asked.headers) is expected, (kind, asked.url.path)
        await manager.send("/agencies/CA0520000/bar")
        [change] = services.asked("PATCH", "CA0520000")
        assert "X-ALPR-Purpose" not in change.headers
        assert json.loads(change.content) == {"active": False}


@pytest.mark.parametrize(
    ("deliverers", "said"),
    [
        ([HIT], "prints the sheet"),
        ([READ, HIT], "prints the sheet"),
        ([READ], "no active person can hand invitations over yet"),
        ([], "no active person can hand invitations over yet"),
    ],
)
async def test_the_inviter_reads_whether_another_active_person_hands_the_invitation_over(
    manager, services, deliverers, said
):
    found = [{**services.me(), "account_id": one} for one in deliverers]
    answers = page_of(*found[:2])
    services.answers["GET /accounts"] = answers
    account = {**services.me(), "account_id": OTHER_HIT, "status": "invited"}
    services.answers["POST /accounts"] = lambda _: httpx.Response(
        201, json={"state": "to_be_delivered", "account": account, "expires_at": AT}
    )
    services.seen.clear()
    await manager.open("/people/new")
    await manager.send(
        "/people/new", name="Nia New", username="n.new", title="Police Officer",
        agency_ori="ca0520100", role_officer="yes",
    )  # fmt: skip
    assert said in manager.said
    assert sent(services, "POST", "/accounts")["agency_ori"] == "CA0520100"
    asked = services.asked("GET", "/accounts")
    assert asked[0].url.params["role"] == "custodian"
    for one in asked:  # two, so that one of them is another person than the reader
        assert (one.url.params["status"], one.url.params["limit"]) == ("active", "2")


async def test_accounts_are_listed_by_state_page_by_page(manager, services):
    services.answers["GET /accounts"] = page_of(services.me(), after="o.next")
    services.answers["GET /accounts/invitations/proposed"] = page_of()
    await manager.open("/people?state=locked")
    assert "after=o.next" in manager.page.text
    await manager.open("/people?state=locked&after=o.next")
    [first, second] = services.asked("GET", "/accounts")[-2:]
    assert dict(first.url.params) == {"limit": "50", "status": "locked"}
    assert dict(second.url.params) == {"limit": "50", "status": "locked", "after": "o.next"}


def proposal(account_id, *, yours):
    return {
        "account_id": account_id, "username": "n.new", "name": "Nia New", "title": "Auditor",
        "proposed_by": "Ada Min", "proposed_at": AT, "reason": "lost the telephone",
        "expires_at": AT, "yours": yours,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("account_id", "yours", "offered"),
    [(HIT, False, "approval"), (HIT, True, ""), (OTHER_HIT, False, "invitation")],
)
async def test_a_person_has_the_form_that_their_own_proposal_leaves_open(
    manager, services, account_id, yours, offered
):
    services.answers[f"GET /accounts/{HIT}"] = lambda _: httpx.Response(
        200, json={**services.me(), "account_id": HIT}
    )
    services.answers[f"GET /accounts/{HIT}/limit-lifts"] = page_of()
    services.answers["GET /accounts/invitations/proposed"] = page_of(
        proposal(account_id, yours=yours)
    )
    await manager.open(f"/people/{HIT}")
    found = {
        act for act in ("approval", "invitation") if f'/people/{HIT}/{act}"' in manager.page.text
    }
    assert found == {offered} - {""}


@pytest.mark.parametrize(
    ("status", "offered"),
    [("active", True), ("invited", False), ("locked", False), ("separated", False)],
)
async def test_a_limit_is_lifted_only_for_a_person_who_can_use_it(
    manager, services, status, offered
):
    services.answers[f"GET /accounts/{HIT}"] = lambda _: httpx.Response(
        200, json={**services.me(), "account_id": HIT, "status": status}
    )
    services.answers[f"GET /accounts/{HIT}/limit-lifts"] = page_of()
    services.answers["GET /accounts/invitations/proposed"] = page_of()
    await manager.open(f"/people/{HIT}")
    assert (f'action="/people/{HIT}/limit"' in manager.page.text) is offered
    assert (f'href="/people/{HIT}/roles"' in manager.page.text) is (status != "separated")
    assert ("Invite anew" in manager.said) is (status != "separated")


async def test_a_reader_of_accounts_is_not_offered_to_invite(sign_in, manager, services):
    services.answers["GET /accounts"] = page_of()
    services.answers["GET /accounts/invitations/proposed"] = page_of()
    await manager.open("/people")
    assert 'href="/people/new"' in manager.page.text
    reader = await sign_in("account:self", "account:read")
    await reader.open("/people")
    assert 'href="/people/new"' not in reader.page.text


@pytest.mark.parametrize("yours", [True, False])
async def test_a_proposal_says_whether_this_person_or_another_approves_it(manager, services, yours):
    proposed = {
        "account_id": HIT, "username": "n.new", "name": "Nia New", "title": "Auditor",
        "proposed_by": "Ada Min", "proposed_at": AT, "reason": "lost the telephone",
        "expires_at": AT, "yours": yours,
    }  # fmt: skip
    services.answers["GET /accounts"] = page_of()
    services.answers["GET /accounts/invitations/proposed"] = page_of(proposed)
    await manager.open("/people")
    assert ("another administrator approves it" in manager.said) is yours
    assert ("awaits approval" in manager.said) is not yours


async def test_who_invited_a_person_gets_no_form_to_print_their_sheet(sign_in, services):
    invited = {
        "account_id": HIT, "username": "n.new", "name": "Nia New", "title": "Police Officer",
        "agency_ori": "CA0520100", "expires_at": AT,
    }  # fmt: skip
    services.answers["GET /accounts/invitations/waiting"] = page_of(
        {**invited, "yours": True}, {**invited, "account_id": OTHER_HIT, "yours": False}
    )
    services.answers[f"POST /accounts/{HIT}/invitation/delivery"] = lambda _: problem(
        403, "Not permitted", "another person hands it over"
    )
    browser = await sign_in("account:self", "account:deliver")
    await browser.open("/invitations")
    assert f'action="/invitations/{OTHER_HIT}"' in browser.page.text
    assert f'action="/invitations/{HIT}"' not in browser.page.text
    answer = await browser.send(f"/invitations/{HIT}")
    assert answer.status_code == 403
    assert "another person hands it over" in browser.said


ACCOUNT = {"account_id": HIT, "status": "active", "sign_in_locked_at": None, "trained_until": None,
           "permissions": []}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "act"),
    [
        ({}, "lock"),
        ({"status": "locked"}, "unlock"),
        ({"sign_in_locked_at": AT}, "unlock"),
        ({"status": "disabled"}, "reinstatement"),
        ({"status": "disabled", "sign_in_locked_at": AT}, "unlock"),
        ({"status": "invited"}, ""),
        ({"status": "separated"}, ""),
    ],
)
def test_the_state_of_an_account_says_what_may_follow(changed, act):
    assert lock_act({**ACCOUNT, **changed}) == act


@pytest.mark.parametrize(
    ("trained_s", "permissions", "refused"),
    [
        (None, ["record:search"], True),
        (0, ["record:search"], True),
        (1, ["record:search"], False),
        (None, ["training:record"], False),
    ],
)
def test_a_disabled_person_who_needs_training_comes_back_trained(
    clock, trained_s, permissions, refused
):
    until = None
    if trained_s is not None:
        now = clock.now()
        until = now.replace(second=now.second + trained_s).isoformat()
    disabled = {"status": "disabled", "trained_until": until, "permissions": permissions}
    why = why_not_lock({**ACCOUNT, **disabled}, READ, clock.now())
    assert ("a Training Sergeant has to record it first" in why) is refused


@pytest.mark.parametrize("act", ["lock", "unlock", "reinstatement"])
async def test_a_refused_lock_says_why_and_keeps_the_reason(manager, services, act):
    status = {"lock": "active", "unlock": "locked", "reinstatement": "disabled"}[act]
    services.answers[f"GET /accounts/{HIT}"] = lambda _: httpx.Response(
        200, json={**services.me(), "account_id": HIT, "status": status}
    )
    route = "lock/release" if act == "unlock" else act
    services.answers[f"POST /accounts/{HIT}/{route}"] = lambda _: problem(409, "No", "not now")
    await manager.open(f"/people/{HIT}/lock")
    answer = await manager.send(f"/people/{HIT}/{act}", reason="telephone stolen")
    assert answer.status_code == 409
    assert "not now" in manager.said
    assert "telephone stolen" in answer.text


async def test_refused_training_says_why_and_keeps_what_was_typed(sign_in, services):
    person = {**services.me(), "account_id": HIT}
    services.answers["GET /training/due"] = page_of(person, services.me())
    services.answers["POST /training"] = lambda _: problem(422, "Invalid", "in the future")
    browser = await sign_in("account:self", "training:record")
    await browser.open("/training")
    assert f'<option value="{READ}"' not in browser.page.text, "another person records their own"
    answer = await browser.send("/training", account_id=HIT, completed_on="2099-01-01")
    assert answer.status_code == 422
    assert "in the future" in browser.said
    assert f'<option value="{HIT}" selected' in answer.text
    assert 'value="2099-01-01"' in answer.text
