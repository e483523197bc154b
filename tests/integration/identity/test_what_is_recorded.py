"""What changes of accounts and sessions leave in the log, each event whole, and what answers show of them."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from shared.events import AccountChanged, PurposeDeclared, SessionChanged, TrainingRecorded
from tests.integration.identity.conftest import COURIER
from tests.integration.identity.declaring import a_purpose, officer

__all__ = ["officer"]

WHOM = {"username": "o.seven", "name": "O.Seven", "title": "Police Officer"}


@pytest.fixture
def changes(published):
    """Return what is recorded of an account: what, its state then, by whom, and the details.

    `test_provisioners.py` is about one detail of them, the people who had a hand in the account.
    """

    async def changes(person):
        found = await published(AccountChanged)
        return [
            (
                one.change,
                one.status,
                one.actor.person_id,
                {name: one.details[name] for name in one.details if name != "provisioned"},
            )
            for one in found
            if str(one.account_id) == person.account_id
        ]

    return changes


@pytest.mark.clause("468.3/assignment")
async def test_all_that_an_administrator_does_with_an_account(hire, administrator, clock, changes):
    person = await hire("o.seven", "officer", sources=["department"])
    await administrator.sign_in()
    path, why = f"/v1/accounts/{person.account_id}", {"reason": "moves to dispatch"}
    by = administrator.account_id
    held = {"roles": ["dispatcher"], "sources": ["state"]}
    for method, rest, body in (
        ("PUT", "/roles", {"roles": ["dispatcher"], **why}),
        ("PUT", "/sources", {"sources": ["state"], **why}),
        ("PATCH", "", {"name": "Ola Seven", "title": "Dispatcher"}),
        ("POST", "/lock", {"reason": "badge lost"}),
        ("POST", "/lock/release", {"reason": "badge found"}),
        ("POST", "/review", {"note": "still at dispatch"}),
        ("POST", "/invitation", {"reason": "a new telephone"}),
        ("POST", "/separation", {"reason": "retired"}),
    ):
        clock.advance(seconds=1)
        answer = await person.client.request(
            method, path + rest, json=body, headers=administrator.headers
        )
        assert answer.status_code == 200, answer.text
    renamed = WHOM | {"name": "Ola Seven", "title": "Dispatcher"}
    before = {"name": "O.Seven", "title": "Police Officer"}
    given = {"agency_ori": "CA0520100", "roles": ["officer"], "sources": ["department"]}
    assert await changes(person) == [
        ("created", "invited", by, WHOM | given),
        ("invitation_delivered", "invited", COURIER.person_id, WHOM | {"how": "paper"}),
        ("enrolled", "active", person.account_id, WHOM | {"beside": {by: "address"}}),
        (
            "roles_assigned",
            "active",
            by,
            WHOM | why | {"roles": ["dispatcher"], "added": ["dispatcher"], "removed": ["officer"]},
        ),
        (
            "sources_assigned",
            "active",
            by,
            WHOM | why | {"sources": ["state"], "added": ["state"], "removed": ["department"]},
        ),
        ("updated", "active", by, renamed | {"before": before}),
        ("locked", "locked", by, renamed | {"reason": "badge lost"}),
        ("unlocked", "active", by, renamed | {"reason": "badge found"}),
        ("reviewed", "active", by, renamed | held | {"note": "still at dispatch"}),
        ("reinvited", "invited", by, renamed | {"reason": "a new telephone"}),
        ("separated", "separated", by, renamed | {"reason": "retired", "held": held}),
    ]


@pytest.mark.clause("468.3/two-to-reinvite")
async def test_a_proposal_is_shown_and_recorded_with_who_made_it_and_why(
    hire, administrator, clock, changes
):
    second = await hire("b.second", "alpr_administrator", title="Administration Sergeant")
    auditor = await hire("a.auditor", "auditor", title="Auditor")
    await administrator.sign_in()
    path = f"/v1/accounts/{auditor.account_id}/invitation"
    proposed_at = clock.now()
    answer = await administrator.post(path, reason="lost the telephone")
    assert (answer.status_code, answer.json()["state"]) == (200, "proposed")
    await second.sign_in()
    [shown] = (await second.get("/v1/accounts/invitations/proposed")).json()["items"]
    times = [datetime.fromisoformat(shown.pop(name)) for name in ("proposed_at", "expires_at")]
    assert times == [proposed_at, datetime.fromisoformat(answer.json()["expires_at"])]
    assert shown == {
        "account_id": auditor.account_id, "username": "a.auditor", "name": "A.Auditor", "title": "Auditor",
        "proposed_by": "Ada Min", "reason": "lost the telephone", "yours": False,
    }  # fmt: skip
    approved = await second.post(f"{path}/approval")
    assert approved.status_code == 200, approved.text
    whom = {"username": "a.auditor", "name": "A.Auditor", "title": "Auditor"}
    why = {"reason": "lost the telephone"}
    by = administrator.account_id
    assert (await changes(auditor))[-2:] == [
        ("reinvitation_proposed", "active", by, whom | why),
        ("reinvited", "invited", second.account_id, whom | why | {"proposed_by": [by]}),
    ]
    sergeant = await hire("t.sergeant", "training_sergeant", title="Training Sergeant")
    waiting = (await sergeant.get("/v1/accounts/invitations/waiting")).json()["items"]
    [shown] = [one for one in waiting if one["account_id"] == auditor.account_id]
    assert shown == {
        "account_id": auditor.account_id, "username": "a.auditor", "name": "A.Auditor", "title": "Auditor",
        "agency_ori": "CA0520100", "expires_at": approved.json()["expires_at"], "yours": False,
    }  # fmt: skip
    delivered_at = clock.now()
    given = (await sergeant.post(f"{path}/delivery")).json()
    assert given["expires_at"] == approved.json()["expires_at"]
    clock.advance(seconds=9)
    again = (await sergeant.post(f"{path}/delivery")).json()
    assert datetime.fromisoformat(again["params"]["delivered_at"]) == delivered_at


async def test_a_session_from_its_opening_to_its_end(hire, administrator, clock, client, published):
    person = await hire("o.seven", "officer")
    clock.advance(minutes=1)
    opened_at = clock.now()
    signed_in = (await person.try_sign_in()).json()
    person.access, person.refresh = signed_in["access_token"], signed_in["refresh_token"]
    clock.advance(minutes=2)
    used_at = clock.now()
    renewed = (await person.renew()).json()
    assert {renewed[name] for name in ("session_id",)} == {signed_in["session_id"]}
    assert datetime.fromisoformat(renewed["idle_until"]) == used_at + timedelta(minutes=30)
    assert datetime.fromisoformat(renewed["expires_at"]) == used_at + timedelta(minutes=10)
    clock.advance(minutes=1)
    await client.delete("/v1/sessions/current", headers=person.headers)
    ended_at = clock.now()
    await person.sign_in()
    shown = (await person.get("/v1/me/sessions")).json()["items"][1]
    times = [datetime.fromisoformat(shown.pop(n)) for n in ("opened_at", "used_at", "closed_at")]
    assert times == [opened_at, used_at, ended_at]
    assert shown == {
        "session_id": signed_in["session_id"], "client_address": "127.0.0.1", "closed_reason": "signed out",
        "current": False,
    }  # fmt: skip
    path = f"/v1/accounts/{person.account_id}/lock"
    await administrator.sign_in()
    assert (await administrator.post(path, reason="badge lost")).status_code == 200
    last = (await published(SessionChanged))[-1]
    told = [
        (one.change, str(one.account_id), one.client_address, one.reason, one.actor.person_id)
        for one in await published(SessionChanged)
        if str(one.session_id) == signed_in["session_id"]
    ]
    own = person.account_id
    assert told == [
        ("opened", own, "127.0.0.1", None, own),
        ("refreshed", own, "127.0.0.1", None, own),
        ("closed", own, "", "signed out", own),
    ]
    assert (last.change, str(last.account_id), last.reason) == ("closed", own, "account locked")
    assert last.session_id is not None
    assert last.actor.person_id == administrator.account_id
    revoked = [e for e in await published(AccountChanged) if e.change == "tokens_revoked"]
    assert [(e.details["reason"], e.actor.person_id) for e in revoked] == [("signed out", own)]


async def test_a_refused_sign_in_is_recorded_with_its_account_and_address(hire, published):
    person = await hire("o.seven", "officer")
    await person.try_sign_in(password="not this one, but long")
    person.username = "n.nobody"
    await person.try_sign_in()
    told = [e for e in await published(SessionChanged) if e.change == "refused"]
    assert [
        (e.account_id and str(e.account_id), e.client_address, e.reason, e.actor.person_id)
        for e in told
    ] == [
        (person.account_id, "127.0.0.1", "wrong password or second factor", person.account_id),
        (None, "127.0.0.1", "unknown username", "unknown"),
    ]


async def test_an_account_is_shown_with_each_of_its_times(hire, administrator, train, clock):
    created_at = clock.now()
    person = await hire("o.seven", "officer", "dispatcher", sources=["state"])
    await train(person)
    await administrator.sign_in()
    path = f"/v1/accounts/{person.account_id}"
    assert (await administrator.put(f"{path}/roles", roles=["officer"])).status_code == 200
    clock.advance(minutes=1)
    reviewed_at = clock.now()
    assert (await administrator.post(f"{path}/review", note="on patrol")).status_code == 200
    clock.advance(minutes=1)
    await person.sign_in()
    active_at = clock.now()
    clock.advance(minutes=1)
    locked_at = clock.now()
    for _ in range(5):
        await person.try_sign_in(password="not this one, but long")
    shown = (await administrator.get(path)).json()
    me = (await person.get("/v1/me")).json()
    assert me == shown | {"withheld_roles": []}
    times = {
        name: datetime.fromisoformat(shown.pop(name))
        for name in ("created_at", "reviewed_at", "last_active_at", "sign_in_locked_at", "trained_until")
    }  # fmt: skip
    today = datetime(created_at.year, created_at.month, created_at.day, tzinfo=UTC)
    assert times == {
        "created_at": created_at, "reviewed_at": reviewed_at, "last_active_at": active_at,
        "sign_in_locked_at": locked_at, "trained_until": today + timedelta(days=365),
    }  # fmt: skip
    assert "record:search" in shown.pop("permissions")
    assert shown == {
        "account_id": person.account_id, "username": "o.seven", "name": "O.Seven", "title": "Police Officer",
        "agency_ori": "CA0520100", "status": "active", "roles": ["officer"],
        "held_roles": ["dispatcher", "officer"], "sources": ["state"], "refresher_due": False,
        "keys_only": False,
    }  # fmt: skip


async def test_training_and_a_lifted_limit_are_shown_as_they_were_recorded(
    hire, administrator, clock, published
):
    sergeant = await hire("t.sergeant", "training_sergeant", title="Training Sergeant")
    person = await hire("o.seven", "officer")
    body = {"account_id": person.account_id, "completed_on": "2026-05-20", "course": "First aid"}
    recorded = await sergeant.post("/v1/training", **body)
    [told] = await published(TrainingRecorded)
    ends = datetime(2027, 5, 20, tzinfo=UTC)
    assert msgspec.to_builtins(told) | {"event_id": ""} == {
        "event_id": "", "occurred_at": msgspec.to_builtins(clock.now().astimezone(UTC)),
        "actor": {"person_id": sergeant.account_id, "name": "T.Sergeant", "title": "Training Sergeant",
                  "agency_ori": "CA0520100"},
        "account_id": person.account_id, "course": "First aid", "completed_on": "2026-05-20T00:00:00Z",
        "valid_until": "2027-05-20T00:00:00Z",
    }  # fmt: skip
    shown = recorded.json()
    at = [datetime.fromisoformat(shown.pop(name)) for name in ("recorded_at", "valid_until")]
    assert at == [clock.now(), ends]
    assert shown.pop("training_id")
    assert shown == body | {"recorded_by": sergeant.account_id}
    await administrator.sign_in()
    lift = {"case_number": "26-001234", "reason": "Canvass of two weeks"}
    path = f"/v1/accounts/{person.account_id}/limit-lifts"
    shown = (await administrator.post(path, **lift)).json()
    assert (await administrator.get(path)).json()["items"] == [shown]
    at = [datetime.fromisoformat(shown.pop(name)) for name in ("lifted_at", "until")]
    assert at == [clock.now(), clock.now() + timedelta(hours=24)]
    del shown["lift_id"]
    assert shown == lift | {
        "account_id": person.account_id, "lifted_by": administrator.account_id,
    }  # fmt: skip
    assert (await administrator.post(f"{path[:-12]}/lock", reason="badge lost")).status_code == 200
    refused = await administrator.post(path, **lift)
    assert (refused.status_code, refused.json()["params"]) == (409, {"status": "locked"})


async def test_a_purpose_is_recorded_and_shown_as_it_was_declared(officer, clock, published):
    said = a_purpose(case_number=None, call_number="C26-77", scope={"plate": "7ABC123"})
    declared = (await officer.post("/v1/purposes", **said)).json()
    ends = clock.now() + timedelta(minutes=60)
    assert datetime.fromisoformat(declared["expires_at"]) == ends
    forbidden = a_purpose(kind="immigration_enforcement")
    assert (await officer.post("/v1/purposes", **forbidden)).status_code == 403
    accepted, refused = await published(PurposeDeclared)
    asked = {name: said[name] for name in ("kind", "offence_type", "call_number", "justification")}
    assert msgspec.to_builtins(accepted.purpose) == asked | {"purpose_id": declared["purpose_id"]}
    assert (accepted.accepted, accepted.expires_at, accepted.reason, accepted.scope) == (
        True,
        ends,
        None,
        {"plate": "7ABC123"},
    )
    assert accepted.actor.person_id == refused.actor.person_id == officer.account_id
    assert msgspec.to_builtins(refused.purpose) == forbidden
    assert (refused.accepted, refused.expires_at, refused.scope) == (False, None, {})
    assert "7284.6" in refused.reason
    [shown] = (await officer.get("/v1/purposes")).json()["items"]
    at = [datetime.fromisoformat(shown.pop(name)) for name in ("declared_at", "expires_at")]
    assert at == [clock.now(), ends]
    assert shown == asked | {
        "purpose_id": declared["purpose_id"], "case_number": None, "scope": {"plate": "7ABC123"},
    }  # fmt: skip
