"""The inviter does not deliver the invitation; privileged roles need two people for another invitation."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from services.identity.actions.enrolment import BESIDE_WITHIN
from shared.events import AccessAttempted, AccountChanged
from tests.integration.identity.conftest import PASSWORD, Person
from tests.integration.pages import paged
from tests.integration.serving import client_of

OFFICER = {
    "username": "j.rivera",
    "name": "Jo Rivera",
    "title": "Police Officer",
    "agency_ori": "CA0520100",
    "roles": ["officer"],
}


@pytest.fixture
async def sergeant(hire):
    return await hire("t.sergeant", "training_sergeant", title="Training Sergeant")


@pytest.fixture
async def second(hire):
    return await hire("s.lee", "alpr_administrator", title="Administration Sergeant")


@pytest.fixture
async def invited(administrator, sergeant):
    """Has the administrator invite a person; returns the path of the invitation."""
    await administrator.sign_in()
    made = await administrator.post("/v1/accounts", **OFFICER)
    assert made.status_code == 201
    assert "token" not in made.text
    assert made.json()["state"] == "to_be_delivered"
    return f"/v1/accounts/{made.json()['account']['account_id']}/invitation"


def changes(events, path):
    return [(e.change, e.actor.person_id) for e in events if str(e.account_id) in path]


@pytest.mark.clause("468.3/deliverer")
async def test_another_person_fetches_an_invitation_once_and_it_is_on_record(
    administrator, sergeant, invited, client, clock, published
):
    waiting = (await sergeant.get("/v1/accounts/invitations/waiting")).json()["items"]
    assert [(one["username"], one["yours"]) for one in waiting] == [("j.rivera", False)]
    given = await sergeant.post(f"{invited}/delivery")
    assert given.status_code == 200, given.text
    assert (given.json()["name"], given.json()["username"]) == ("Jo Rivera", "j.rivera")
    assert changes(await published(AccountChanged), invited) == [
        ("created", administrator.account_id),
        ("invitation_delivered", sergeant.account_id),
    ]
    again = await sergeant.post(f"{invited}/delivery")
    assert (again.status_code, again.json()["code"]) == (409, "invitation_delivered")
    assert "token" not in again.json()
    assert (await sergeant.get("/v1/accounts/invitations/waiting")).json()["items"] == []
    await Person(client, clock, "j.rivera").enrol(given.json()["invitation_token"])
    assert (await sergeant.post(f"{invited}/delivery")).status_code == 409


@pytest.mark.clause("468.3/deliverer")
async def test_the_inviter_and_the_invited_person_cannot_fetch_an_invitation(
    administrator, second, sergeant, invited, as_owner, published, identity, handed_over
):
    await second.sign_in()
    without = await second.post(f"{invited}/delivery")
    assert (without.status_code, without.json()["code"]) == (403, "permission_missing")
    both = await second.put(
        f"/v1/accounts/{administrator.account_id}/roles", roles=["alpr_administrator", "custodian"]
    )
    assert both.status_code == 200
    await administrator.sign_in()
    waiting = (await administrator.get("/v1/accounts/invitations/waiting")).json()["items"]
    assert [one["yours"] for one in waiting] == [True]
    own = await administrator.post(f"{invited}/delivery")
    assert (own.status_code, own.json()["code"]) == (403, "inviter_delivers")
    refused = [e for e in await published(AccessAttempted) if not e.allowed]
    assert "must hand the invitation over" in refused[-1].reason
    assert "invitation_delivered" not in dict(changes(await published(AccountChanged), invited))
    assert (await sergeant.post(f"{invited}/delivery")).status_code == 200


@pytest.mark.clause("468.3/deliverer")
async def test_an_invitation_that_ended_is_not_delivered(sergeant, invited, clock):
    clock.advance(hours=73)
    await sergeant.sign_in()
    assert (await sergeant.post(f"{invited}/delivery")).status_code == 409
    assert (await sergeant.get("/v1/accounts/invitations/waiting")).json()["items"] == []


@pytest.mark.clause("468.3/deliverer")
async def test_an_invitation_is_of_no_use_to_an_account_that_is_not_invited(
    administrator, sergeant, invited, client, as_owner
):
    other = await administrator.post("/v1/accounts", **{**OFFICER, "username": "k.sato"})
    undelivered = f"/v1/accounts/{other.json()['account']['account_id']}/invitation"
    token = (await sergeant.post(f"{invited}/delivery")).json()["invitation_token"]
    async with as_owner("identity") as connection:  # whatever left the invitations in place
        await connection.execute(
            text("UPDATE accounts SET status = 'disabled' WHERE status = 'invited'")
        )
    begun = await client.post(
        "/v1/enrolment", json={"invitation_token": token, "password": PASSWORD}
    )
    assert (begun.status_code, begun.json()["code"]) == (401, "invitation_not_held")
    refused = await sergeant.post(f"{undelivered}/delivery")
    assert (refused.status_code, refused.json()["code"]) == (409, "invitation_not_waiting")


@pytest.mark.clause("468.3/deliverer")
async def test_a_new_invitation_ends_the_one_before(administrator, sergeant, invited, client):
    old = (await sergeant.post(f"{invited}/delivery")).json()["invitation_token"]
    await administrator.sign_in()
    again = await administrator.post(invited, reason="the sheet is lost")
    assert (again.status_code, again.json()["state"]) == (200, "to_be_delivered")
    begun = await client.post("/v1/enrolment", json={"invitation_token": old, "password": PASSWORD})
    assert begun.status_code == 401
    assert (await sergeant.post(f"{invited}/delivery")).status_code == 200


@pytest.mark.clause("468.6/separation")
async def test_a_separation_ends_what_waits_to_be_delivered_or_approved(
    administrator, sergeant, invited, hire
):
    auditor = await hire("a.one", "auditor", title="Auditor")
    await administrator.sign_in()
    anew = f"/v1/accounts/{auditor.account_id}/invitation"
    assert (await administrator.post(anew, reason="lost it")).json()["state"] == "proposed"
    for path in (anew, invited):
        left = path.replace("/invitation", "/separation")
        assert (await administrator.post(left, reason="has left")).status_code == 200
    proposed = await administrator.get("/v1/accounts/invitations/proposed")
    assert proposed.json()["items"] == []
    await sergeant.sign_in()
    assert (await sergeant.get("/v1/accounts/invitations/waiting")).json()["items"] == []
    assert (await sergeant.post(f"{invited}/delivery")).status_code == 409


@pytest.mark.clause("468.6/inactive")
async def test_a_disabled_person_who_enrols_anew_is_not_disabled_again_at_the_next_sign_in(
    hire, administrator, as_owner, handed_over
):
    person = await hire("n.one")
    async with as_owner("identity") as connection:
        await connection.execute(
            text(
                "UPDATE accounts SET status = 'disabled', last_active_at = last_active_at"
                " - interval '91 days' WHERE account_id = :account_id"
            ),
            {"account_id": person.account_id},
        )
    await administrator.sign_in()
    path = f"/v1/accounts/{person.account_id}/invitation"
    renewed = await administrator.post(path, reason="back from leave")
    await person.enrol(await handed_over(renewed))
    assert (await person.sign_in()).access


@pytest.mark.clause("468.6(a)/login")
async def test_who_is_invited_anew_enrols_with_a_new_password_and_a_new_second_factor(
    hire, administrator, client, handed_over
):
    officer = await hire("o.seven", "officer")
    await administrator.sign_in()
    path = f"/v1/accounts/{officer.account_id}/invitation"
    renewed = await administrator.post(path, reason="the telephone was stolen")
    token = await handed_over(renewed)
    confirmation = {"invitation_token": token, "totp": officer.code()}
    refused = await client.post("/v1/enrolment/confirmation", json=confirmation)
    assert (refused.status_code, refused.json()["code"]) == (422, "password_not_set")


@pytest.mark.clause("468.3/two-to-reinvite")
@pytest.mark.parametrize(
    ("role", "title"),
    [("auditor", "Auditor"), ("alpr_administrator", "Lieutenant"), ("custodian", "Lieutenant")],
)
async def test_a_privileged_person_is_invited_anew_by_two(
    administrator, second, sergeant, hire, published, role, title
):
    person = await hire("p.person", role, title=title)
    path = f"/v1/accounts/{person.account_id}/invitation"
    await administrator.sign_in()
    proposed = await administrator.post(path, reason="lost the telephone")
    assert (proposed.status_code, proposed.json()["state"]) == (200, "proposed")
    assert proposed.json()["account"]["status"] == "active"
    assert (await person.get("/v1/me")).status_code == 200  # the invitation is unchanged
    own = await administrator.post(f"{path}/approval")
    assert (own.status_code, own.json()["code"]) == (403, "reinvitation_needs_another_person")
    assert (await person.get("/v1/me")).status_code == 200
    await second.sign_in()
    approved = await second.post(f"{path}/approval")
    assert (approved.status_code, approved.json()["state"]) == (200, "to_be_delivered")
    assert (await person.get("/v1/me")).status_code == 401
    events = await published(AccountChanged)
    told = dict(changes(events, path))
    assert told["reinvitation_proposed"] == administrator.account_id
    assert told["reinvited"] == second.account_id
    [reinvited] = [e for e in events if e.change == "reinvited"]
    assert reinvited.details["proposed_by"] == [administrator.account_id]
    assert (await second.post(f"{path}/approval")).status_code == 409  # it is used up
    assert (await sergeant.post(f"{path}/delivery")).status_code == 200


@pytest.mark.clause("468.3/two-to-reinvite")
async def test_a_person_whose_privileged_role_was_removed_is_invited_anew_by_two(
    administrator, second, sergeant, hire
):
    person = await hire("p.person", "auditor", title="Auditor")
    here = f"/v1/accounts/{person.account_id}"
    await administrator.sign_in()
    for roles in (["officer"], []):
        removed = await administrator.put(f"{here}/roles", roles=roles)
        assert (removed.status_code, removed.json()["roles"]) == (200, roles)
    assert removed.json()["held_roles"] == ["auditor", "officer"]
    alone = await administrator.post(f"{here}/invitation", reason="lost the telephone")
    assert (alone.status_code, alone.json()["state"]) == (200, "proposed")
    assert (await sergeant.post(f"{here}/invitation/delivery")).status_code == 409
    await person.sign_in()  # the password and the second factor are unchanged
    await second.sign_in()
    assert (await second.post(f"{here}/invitation/approval")).status_code == 200
    again = await administrator.post(f"{here}/invitation", reason="the invitation got lost")
    assert again.json()["state"] == "proposed"


@pytest.mark.clause("468.3/two-to-reinvite")
async def test_a_privileged_person_whom_an_older_replica_stored_is_invited_anew_by_two(
    administrator, hire, as_owner
):
    person = await hire("p.person", "auditor", title="Auditor")
    here = f"/v1/accounts/{person.account_id}"
    for removed in (False, True):
        async with as_owner("identity") as connection:
            await connection.execute(text("UPDATE accounts SET held_roles = '{}'"))
        if removed:
            await administrator.put(f"{here}/roles", roles=[])
        proposed = await administrator.post(f"{here}/invitation", reason="lost the telephone")
        assert proposed.json()["state"] == "proposed"


@pytest.mark.clause("468.3/two-to-reinvite")
async def test_a_proposed_invitation_is_listed_until_it_is_approved_or_expires(
    administrator, second, sergeant, hire, clock
):
    person = await hire("p.person", "auditor", title="Auditor")
    path, listed = (
        f"/v1/accounts/{person.account_id}/invitation",
        "/v1/accounts/invitations/proposed",
    )

    async def seen(who):
        await who.sign_in()
        return (await who.get(listed)).json()["items"]

    assert await seen(administrator) == []
    await administrator.post(path, reason="lost the telephone")
    [own], [other] = await seen(administrator), await seen(second)
    assert (own["yours"], other["yours"]) == (True, False)
    assert (other["username"], other["reason"]) == ("p.person", "lost the telephone")
    assert (
        other["proposed_by"]
        == (await second.get("/v1/accounts/" + administrator.account_id)).json()["name"]
    )
    assert await seen(second) == [other]
    reader = await sergeant.get(listed)
    assert (reader.status_code, reader.json()["code"]) == (403, "permission_missing")
    await second.post(f"{path}/approval")
    assert await seen(second) == []
    third = await hire("t.third", "alpr_administrator", title="Lieutenant")
    await administrator.sign_in()
    await administrator.post(f"/v1/accounts/{third.account_id}/invitation", reason="lost it too")
    [theirs] = await seen(third)
    assert theirs["yours"], "nobody approves for themselves"
    clock.advance(hours=73)
    assert await seen(second) == []


@pytest.mark.clause("468.3/two-to-reinvite")
async def test_the_proposer_and_the_approver_cannot_deliver_the_invitation(
    administrator, second, hire, as_owner, identity
):
    person = await hire("p.person", "auditor", title="Auditor")
    path = f"/v1/accounts/{person.account_id}/invitation"
    for one, other in ((second, administrator), (administrator, second)):
        await one.sign_in()
        both = ["alpr_administrator", "custodian"]
        await one.put(f"/v1/accounts/{other.account_id}/roles", roles=both)
    await administrator.sign_in()
    await second.sign_in()
    await administrator.post(path, reason="lost the telephone")
    assert (await second.post(f"{path}/approval")).status_code == 200
    for one in (administrator, second):
        answer = await one.post(f"{path}/delivery")
        assert (answer.status_code, answer.json()["code"]) == (403, "inviter_delivers")


@pytest.mark.clause("468.3/deliverer")
async def test_the_creator_of_an_account_does_not_deliver_the_invitation_that_another_renewed(
    administrator, second, sergeant
):
    await second.sign_in()
    both = ["alpr_administrator", "custodian"]
    await second.put(f"/v1/accounts/{administrator.account_id}/roles", roles=both)
    await administrator.sign_in()
    made = await administrator.post("/v1/accounts", **OFFICER)
    path = f"/v1/accounts/{made.json()['account']['account_id']}/invitation"
    renewed = await second.post(path, reason="they say the sheet got lost")
    assert (renewed.status_code, renewed.json()["state"]) == (200, "to_be_delivered")
    [waiting] = (await administrator.get("/v1/accounts/invitations/waiting")).json()["items"]
    assert waiting["yours"]
    answer = await administrator.post(f"{path}/delivery")
    assert (answer.status_code, answer.json()["code"]) == (403, "inviter_delivers")
    assert (await sergeant.post(f"{path}/delivery")).status_code == 200


@pytest.mark.clause("468.3/two-to-reinvite")
async def test_an_own_or_unproposed_or_expired_invitation_cannot_be_approved(
    administrator, second, hire, clock
):
    third = await hire("t.third", "alpr_administrator", title="Lieutenant")
    path = f"/v1/accounts/{third.account_id}/invitation"
    assert (await second.post(f"{path}/approval")).status_code == 409
    await administrator.sign_in()
    await administrator.post(path, reason="lost the telephone")
    own = await third.post(f"{path}/approval")
    assert (own.status_code, own.json()["code"]) == (403, "own_account")
    clock.advance(hours=73)
    await second.sign_in()
    assert (await second.post(f"{path}/approval")).status_code == 409


@pytest.mark.clause("468.3.1(b)/training")
async def test_a_disabled_person_whose_training_lapsed_since_the_proposal_is_not_invited_anew(
    administrator, second, sergeant, hire, clock, as_owner
):
    person = await hire("p.person", "custodian", title="Lieutenant")
    await sergeant.sign_in()
    completed_on = (clock.now() - timedelta(days=364)).date().isoformat()
    await sergeant.post("/v1/training", account_id=person.account_id, completed_on=completed_on)
    async with as_owner("identity") as connection:
        await connection.execute(
            text("UPDATE accounts SET status = 'disabled' WHERE account_id = :account_id"),
            {"account_id": person.account_id},
        )
    path = f"/v1/accounts/{person.account_id}/invitation"
    await administrator.sign_in()
    proposed = await administrator.post(path, reason="lost the telephone")
    assert (proposed.status_code, proposed.json()["state"]) == (200, "proposed")
    clock.advance(days=1)
    await second.sign_in()
    refused = await second.post(f"{path}/approval")
    assert (refused.status_code, refused.json()["code"]) == (409, "account_training_not_current")
    account = (await second.get(f"/v1/accounts/{person.account_id}")).json()
    assert account["status"] == "disabled"


@pytest.mark.parametrize("state", ["disabled", "locked", "active"])
async def test_an_inactive_person_whose_training_lapsed_since_an_invitation_is_not_invited_again(
    administrator, sergeant, hire, clock, as_owner, state
):
    person = await hire("o.nine", "officer")
    await sergeant.sign_in()
    completed_on = (clock.now() - timedelta(days=362)).date().isoformat()
    await sergeant.post("/v1/training", account_id=person.account_id, completed_on=completed_on)
    async with as_owner("identity") as connection:
        await connection.execute(
            text(
                "UPDATE accounts SET status = :state, created_at = created_at - interval '99 days',"
                " last_active_at = last_active_at - interval '91 days' WHERE account_id = :account_id"
            ),
            {"account_id": person.account_id, "state": state},
        )
    path = f"/v1/accounts/{person.account_id}/invitation"
    await administrator.sign_in()
    assert (await administrator.post(path, reason="back from leave")).status_code == 200
    clock.advance(days=4)
    await administrator.sign_in()
    refused = await administrator.post(path, reason="the sheet is lost")
    assert (refused.status_code, refused.json()["code"]) == (409, "account_training_not_current")
    await sergeant.sign_in()
    completed_on = clock.now().date().isoformat()
    await sergeant.post("/v1/training", account_id=person.account_id, completed_on=completed_on)
    assert (await administrator.post(path, reason="trained again")).status_code == 200


async def test_a_person_who_never_enrolled_is_invited_again_without_training_however_late(
    administrator, invited, clock
):
    clock.advance(days=89)
    await administrator.sign_in()
    clock.advance(days=2)
    await administrator.sign_in()
    again = await administrator.post(invited, reason="the sheet is lost")
    assert (again.status_code, again.json()["state"]) == (200, "to_be_delivered")


@pytest.mark.clause("468.3/deliverer")
@pytest.mark.parametrize("act", ["separation", "lock", "roles"])
async def test_a_proposal_ends_with_the_rights_of_its_proposer(administrator, second, hire, act):
    auditor = await hire("a.one", "auditor", title="Auditor")
    third = await hire("t.three", "alpr_administrator", title="Administration Sergeant")
    path = f"/v1/accounts/{auditor.account_id}/invitation"
    await second.sign_in()
    assert (await second.post(path, reason="lost it")).json()["state"] == "proposed"
    await administrator.sign_in()
    proposer = f"/v1/accounts/{second.account_id}"
    if act == "roles":
        ended = await administrator.put(f"{proposer}/roles", roles=["officer"])
    else:
        ended = await administrator.post(f"{proposer}/{act}", reason="misused the system")
    assert ended.status_code == 200
    listed = await administrator.get("/v1/accounts/invitations/proposed")
    assert listed.json()["items"] == []
    refused = await administrator.post(f"{path}/approval")
    assert (refused.status_code, refused.json()["code"]) == (409, "reinvitation_not_proposed")
    again = await administrator.post(path, reason="lost it")
    assert again.json()["state"] == "proposed"
    await third.sign_in()
    assert (await third.post(f"{path}/approval")).status_code == 200


async def enrol(client, clock, token, **headers):
    person = Person(client, clock, "j.rivera")
    begun = await client.post(
        "/v1/enrolment", json={"invitation_token": token, "password": PASSWORD}
    )
    person.secret = begun.json()["totp_secret"]
    done = await client.post(
        "/v1/enrolment/confirmation",
        json={"invitation_token": token, "totp": person.code()},
        headers=headers,
    )
    assert done.status_code == 200, done.text


@pytest.mark.clause("468.3/deliverer")
@pytest.mark.parametrize("who", ["administrator", "sergeant"])
async def test_an_enrolment_from_the_inviters_or_deliverers_browser_is_recorded(
    administrator, sergeant, invited, client, clock, published, as_owner, who
):
    await sergeant.sign_in()
    token = (await sergeant.post(f"{invited}/delivery")).json()["invitation_token"]
    person = {"administrator": administrator, "sergeant": sergeant}[who]
    await moved(as_owner)
    browsers = f"nonsense,{person.browser}"
    await enrol(client, clock, token, **{"X-Known-Browsers": browsers})
    [event] = [e for e in await published(AccountChanged) if e.change == "enrolled" and
               str(e.account_id) in invited]  # fmt: skip
    assert event.details["beside"] == {person.account_id: "browser"}


@pytest.mark.clause("468.3/deliverer")
async def test_an_enrolment_from_the_deliverers_address_within_the_hour_is_recorded(
    administrator, sergeant, invited, client, clock, published, as_owner
):
    await sergeant.sign_in()
    token = (await sergeant.post(f"{invited}/delivery")).json()["invitation_token"]
    for _ in range(3):  # in use, however long ago it was opened
        clock.advance(minutes=25)
        assert (await sergeant.renew()).status_code == 200
    clock.advance(seconds=BESIDE_WITHIN.total_seconds() - 1)
    await enrol(client, clock, token)
    [event] = [e for e in await published(AccountChanged) if e.change == "enrolled" and
               str(e.account_id) in invited]  # fmt: skip
    assert event.details["beside"] == {sergeant.account_id: "address"}


@pytest.mark.clause("468.3/deliverer")
async def test_an_enrolment_from_elsewhere_or_after_the_hour_names_no_other_account(
    administrator, sergeant, invited, client, clock, published, as_owner
):
    await sergeant.sign_in()
    token = (await sergeant.post(f"{invited}/delivery")).json()["invitation_token"]
    clock.advance(seconds=BESIDE_WITHIN.total_seconds())
    await enrol(client, clock, token, **{"X-Known-Browsers": sergeant.browser})
    [event] = [e for e in await published(AccountChanged) if e.change == "enrolled" and
               str(e.account_id) in invited]  # fmt: skip
    assert "beside" not in event.details


@pytest.mark.clause("468.3/deliverer")
async def test_two_unknown_addresses_are_not_the_same_one(
    sergeant, invited, app, clock, published, as_owner
):
    await sergeant.sign_in()
    token = (await sergeant.post(f"{invited}/delivery")).json()["invitation_token"]
    await moved(as_owner, "")
    async with client_of(app, "identity", address="") as client:
        await enrol(client, clock, token)
    [event] = [e for e in await published(AccountChanged) if e.change == "enrolled" and
               str(e.account_id) in invited]  # fmt: skip
    assert "beside" not in event.details


async def moved(as_owner, address="203.0.113.9"):
    """Have all sessions come from another address than the tests' client."""
    async with as_owner("identity") as connection:
        await connection.execute(
            text("UPDATE sessions SET client_address = :address"), {"address": address}
        )


async def test_invitations_are_read_page_by_page(administrator, sergeant):
    for username in ("a.one", "b.two", "c.three"):
        await administrator.post("/v1/accounts", **{**OFFICER, "username": username})

    async def fetch(path):
        return (await sergeant.get(path)).json()

    waiting = await paged(fetch, "/v1/accounts/invitations/waiting")
    assert len({one["account_id"] for one in waiting}) == 3


async def test_proposals_are_read_page_by_page(administrator, hire):
    people = [await hire(f"p.{word}", "auditor", title="Auditor") for word in ("a", "b", "c")]
    await administrator.sign_in()
    for person in people:
        path = f"/v1/accounts/{person.account_id}/invitation"
        await administrator.post(path, reason="lost the telephone")

    async def fetch(path):
        return (await administrator.get(path)).json()

    proposed = await paged(fetch, "/v1/accounts/invitations/proposed")
    assert {one["account_id"] for one in proposed} == {one.account_id for one in people}
