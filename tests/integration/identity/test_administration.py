"""Permitted roles and changes of accounts; every change is an event with its author, its subject and its time."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from services.identity.workers.startup import announce_exclusive_roles
from shared.events import AccessAttempted, AccountChanged
from tests.integration.pages import paged


def an_account(**changes):
    return {
        "username": "j.rivera",
        "name": "Jo Rivera",
        "title": "Police Officer",
        "agency_ori": "CA0520100",
        "roles": ["officer"],
        "sources": ["department"],
        **changes,
    }


@pytest.mark.clause("468.3/assignment")
async def test_a_created_account_is_published_with_its_creator_and_time(
    administrator, clock, published
):
    made = await administrator.post("/v1/accounts", **an_account())
    assert made.status_code == 201
    [event] = [e for e in await published(AccountChanged) if e.details["username"] == "j.rivera"]
    assert event.actor.person_id == administrator.account_id
    assert event.actor.title == "Administration Sergeant"
    assert str(event.account_id) == made.json()["account"]["account_id"]
    assert event.occurred_at == clock.now()
    assert (event.change, event.status) == ("created", "invited")
    assert (event.details["roles"], event.details["sources"]) == (["officer"], ["department"])


FAULTY = [
    ({"title": "Volunteer"}, "title"),
    ({"title": "police officer"}, "title"),
    ({"roles": ["superuser"]}, "roles"),
    ({"roles": ["agency_requester"]}, "roles"),
    ({"agency_ori": "CA0010000"}, "agency_ori"),
    ({"title": "Agency Requester"}, "agency_ori"),
    ({"title": "Agency Requester", "agency_ori": "CA0010000"}, "roles"),
    (
        {
            "title": "Agency Requester",
            "agency_ori": "CA0010000",
            "roles": ["agency_requester", "officer"],
            "sources": [],
        },
        "roles",
    ),
    (
        {
            "title": "Agency Requester",
            "agency_ori": "CA0010000",
            "roles": ["agency_requester"],
        },
        "sources",
    ),
    ({"agency_ori": "short"}, "body.agency_ori"),
    ({"username": "no spaces"}, "body.username"),
    ({"username": "ab"}, "body.username"),
    ({"name": "x" * 101}, "body.name"),
    ({"name": "nul\x00"}, "body.name"),
    ({"name": " "}, "body.name"),
    ({"sources": ["county"]}, "body.sources.0"),
    ({"status": "active"}, "body.status"),
]


@pytest.mark.clause("468.3.1(a)/titles")
async def test_an_invalid_account_is_refused_with_its_field_and_not_stored(administrator, waiting):
    before = len(await waiting())
    for changes, field in FAULTY:
        answer = await administrator.post("/v1/accounts", **an_account(**changes))
        assert (answer.status_code, answer.json()["field"]) == (422, field), changes
        assert answer.headers["content-type"] == "application/problem+json"
    assert len(await waiting()) == before + len(FAULTY)  # the attempts alone
    listed = (await administrator.get("/v1/accounts")).json()["items"]
    assert [a["username"] for a in listed] == ["chief.admin"]


@pytest.mark.clause("468.3.1(a)/titles")
async def test_a_requester_of_another_agency_has_only_the_requester_permissions(hire):
    person = await hire("da.office", "agency_requester", title="Agency Requester", ori="CA0520013")
    me = (await person.get("/v1/me")).json()
    assert me["permissions"] == ["account:self", "release:download", "release:request"]
    assert me["agency_ori"] == "CA0520013"


EXCLUSIVE = [
    ("auditor", "officer"),
    ("alpr_administrator", "auditor"),
    ("alpr_administrator", "training_sergeant"),
]


@pytest.mark.clause("468.3/exclusive-roles")
@pytest.mark.parametrize("pair", EXCLUSIVE)
async def test_roles_that_exclude_each_other_are_refused_wherever_they_are_given(
    administrator, hire, pair, published
):
    made = await administrator.post("/v1/accounts", **an_account(roles=list(pair)))
    person = await hire("o.seven", pair[0])
    given = await administrator.put(f"/v1/accounts/{person.account_id}/roles", roles=list(pair))
    for answer in (made, given):
        assert answer.status_code == 422
        problem = answer.json()
        assert (problem["field"], problem["code"]) == ("roles", "exclusive_roles")
        assert problem["params"]["pairs"] == [list(pair)]
        assert all(role in problem["detail"] for role in pair)
    me = (await administrator.get(f"/v1/accounts/{person.account_id}")).json()
    assert me["roles"] == [pair[0]]
    assert "roles_assigned" not in {e.change for e in await published(AccountChanged)}


@pytest.mark.clause("468.3/exclusive-roles")
async def test_compatible_roles_can_be_held_together(administrator):
    for username, roles in (
        ("one", ["officer", "investigator"]),
        ("two", ["custodian", "training_sergeant"]),
        ("three", ["auditor"]),
    ):
        made = await administrator.post(
            "/v1/accounts", **an_account(username=username, roles=roles)
        )
        assert made.status_code == 201, made.text


@pytest.mark.clause("468.3/exclusive-roles")
async def test_an_account_in_place_with_such_roles_is_announced_at_the_next_start(
    hire, identity, as_owner, published
):
    person, other = await hire("o.seven", "officer"), await hire("o.eight", "officer")
    async with as_owner("identity") as connection:
        await connection.execute(
            text("UPDATE accounts SET roles = '{auditor,officer}' WHERE account_id = :account_id"),
            {"account_id": person.account_id},
        )
    assert await announce_exclusive_roles(identity) == 1
    [event] = [e for e in await published(AccountChanged) if e.change == "exclusive_roles_found"]
    assert str(event.account_id) == person.account_id != other.account_id
    assert event.details["pairs"] == [["auditor", "officer"]]
    assert (event.status, event.actor.name) == ("active", "identity")


async def test_usernames_are_unique_regardless_of_case(administrator):
    assert (await administrator.post("/v1/accounts", **an_account())).status_code == 201
    again = await administrator.post("/v1/accounts", **an_account(username="J.RIVERA"))
    assert (again.status_code, again.json()["field"]) == (409, "username")


@pytest.mark.clause("468.3/assignment")
async def test_an_administrator_cannot_change_their_own_account(administrator, published):
    own = f"/v1/accounts/{administrator.account_id}"
    roles = ["alpr_administrator", "officer"]
    acts = [
        await administrator.put(f"{own}/roles", roles=roles),
        await administrator.put(f"{own}/sources", sources=["federal"]),
        await administrator.client.patch(
            own, json={"title": "Chief of Police"}, headers=administrator.headers
        ),
    ]
    acts += [
        await administrator.post(f"{own}/{act}", reason="because I can")
        for act in ("lock", "lock/release", "separation", "reinstatement", "invitation")
    ]
    acts.append(await administrator.post(f"{own}/review", note="all mine"))
    assert {(a.status_code, a.json()["code"]) for a in acts} == {(403, "own_account")}
    me = (await administrator.get("/v1/me")).json()
    assert (me["roles"], me["sources"]) == (["alpr_administrator"], ["department"])
    changes = {e.change for e in await published(AccountChanged)}
    assert changes == {"created", "invitation_delivered", "enrolled"}


@pytest.mark.clause("468.3/assignment")
async def test_only_an_administrator_manages_and_refusals_are_recorded(hire, published):
    officer = await hire("o.seven", "officer")
    sergeant = await hire("t.sergeant", "training_sergeant", title="Training Sergeant")
    assert (await officer.post("/v1/accounts", **an_account())).status_code == 403
    assert (await sergeant.post("/v1/accounts", **an_account())).status_code == 403
    assert (await officer.get("/v1/accounts")).status_code == 403
    assert (await sergeant.get("/v1/accounts")).status_code == 200
    assert (await officer.client.get("/v1/accounts")).status_code == 401
    refused = [e for e in await published(AccessAttempted) if not e.allowed]
    assert [(e.permission, e.actor and e.actor.person_id) for e in refused] == [
        ("account:manage", officer.account_id),
        ("account:manage", sergeant.account_id),
        ("account:read", officer.account_id),
        ("account:read", None),
    ]


@pytest.mark.clause("468.3/assignment")
async def test_removing_a_role_revokes_tokens_that_contain_it(
    hire, administrator, clock, published
):
    officer = await hire("o.seven", "officer", "investigator")
    await administrator.sign_in()
    clock.advance(seconds=1)
    changed = await administrator.put(
        f"/v1/accounts/{officer.account_id}/roles",
        roles=["dispatcher", "dispatcher"],
        reason="moved to dispatch",
    )
    assert changed.json()["roles"] == ["dispatcher"]
    assert (await officer.get("/v1/me")).status_code == 401
    assert (await officer.renew()).status_code == 200
    permissions = (await officer.get("/v1/me")).json()["permissions"]
    assert "record:search" not in permissions
    [event] = [e for e in await published(AccountChanged) if e.change == "roles_assigned"]
    assert event.details["added"] == ["dispatcher"]
    assert event.details["removed"] == ["investigator", "officer"]
    assert event.details["reason"] == "moved to dispatch"


async def test_changes_of_an_account_are_in_order_whatever_the_clocks_say(
    hire, administrator, clock, published
):
    person = await hire("n.one")
    await administrator.sign_in()
    path = f"/v1/accounts/{person.account_id}/roles"
    for role in ("officer", "dispatcher"):
        assert (await administrator.put(path, roles=[role])).status_code == 200
        clock.advance(seconds=-1)  # the next replica's clock is behind
    events = [e for e in await published(AccountChanged) if str(e.account_id) == person.account_id]
    moments = [event.occurred_at for event in events]
    assert moments[-2] < moments[-1]


@pytest.mark.clause("468.4(e)/entitlement")
async def test_entitlements_to_sources_are_set_for_each_person(
    hire, administrator, clock, published
):
    officer = await hire("o.seven", "officer", sources=("department",))
    clock.advance(seconds=1)
    path = f"/v1/accounts/{officer.account_id}/sources"
    changed = await administrator.put(
        path, sources=["state", "department", "federal"], reason="joins the task force"
    )
    assert changed.json()["sources"] == ["department", "federal", "state"]
    assert (await officer.get("/v1/me")).status_code == 401, "the token has the old sources"
    assert (await officer.renew()).status_code == 200
    [event] = [e for e in await published(AccountChanged) if e.change == "sources_assigned"]
    assert event.details["added"] == ["federal", "state"]
    assert event.details["reason"] == "joins the task force"


@pytest.mark.clause("468.4(e)/entitlement")
async def test_removing_a_source_revokes_tokens_that_contain_it(hire, administrator, clock):
    officer = await hire("o.seven", "officer", sources=("department", "state"))
    await administrator.sign_in()
    clock.advance(seconds=1)
    path = f"/v1/accounts/{officer.account_id}/sources"
    changed = await administrator.put(path, sources=["department"])
    assert changed.json()["sources"] == ["department"]
    assert (await officer.get("/v1/me")).status_code == 401
    assert (await officer.renew()).status_code == 200
    assert (await officer.get("/v1/me")).json()["sources"] == ["department"]


@pytest.mark.clause("468.4(e)/entitlement")
async def test_a_person_of_another_agency_gets_no_source_later_either(hire, administrator):
    requester = await hire("r.one", "agency_requester", title="Agency Requester", ori="CA0520013")
    path = f"/v1/accounts/{requester.account_id}/sources"
    refused = await administrator.put(path, sources=["department"])
    assert (refused.status_code, refused.json()["field"]) == (422, "sources")
    assert (await requester.get("/v1/me")).json()["sources"] == []


@pytest.mark.clause("468.3.1(a)/titles")
async def test_a_new_title_must_allow_what_the_person_holds(hire, administrator, clock):
    officer = await hire("o.seven", "officer")
    clock.advance(seconds=1)
    path = f"/v1/accounts/{officer.account_id}"
    refused = await officer.client.patch(
        path, json={"title": "Volunteer"}, headers=administrator.headers
    )
    assert (refused.status_code, refused.json()["field"]) == (422, "title")
    promoted = await officer.client.patch(
        path, json={"title": "Detective"}, headers=administrator.headers
    )
    assert (promoted.status_code, promoted.json()["title"]) == (200, "Detective")
    assert promoted.json()["name"] == "O.Seven"
    assert (await officer.get("/v1/me")).status_code == 401, "the token has the old title"


@pytest.mark.clause("468.3.1(a)/titles")
async def test_a_new_title_revokes_tokens_with_the_former_one(
    hire, administrator, clock, published
):
    officer = await hire("o.seven", "officer")
    await administrator.sign_in()
    clock.advance(seconds=1)
    promoted = await officer.client.patch(
        f"/v1/accounts/{officer.account_id}",
        json={"title": "Detective"},
        headers=administrator.headers,
    )
    assert promoted.status_code == 200
    assert (await officer.get("/v1/me")).status_code == 401
    assert (await officer.renew()).status_code == 200
    assert (await officer.get("/v1/me")).json()["title"] == "Detective"
    [event] = [e for e in await published(AccountChanged) if e.change == "updated"]
    assert event.details["before"] == {"name": "O.Seven", "title": "Police Officer"}
    assert event.details["title"] == "Detective"


@pytest.mark.clause("468.3/assignment")
async def test_a_change_of_state_is_announced_with_its_reason(
    hire, administrator, as_owner, published
):
    person = await hire("n.one")
    await administrator.sign_in()
    path = f"/v1/accounts/{person.account_id}"
    reasons = {"lock": "badge lost", "lock/release": "badge found", "reinstatement": "back again"}
    for act, reason in reasons.items():
        if act == "reinstatement":
            async with as_owner("identity") as connection:
                await connection.execute(
                    text("UPDATE accounts SET status = 'disabled' WHERE account_id = :account_id"),
                    {"account_id": person.account_id},
                )
        answer = await administrator.post(f"{path}/{act}", reason=reason)
        assert answer.status_code == 200, answer.text
    events = [e for e in await published(AccountChanged) if str(e.account_id) == person.account_id]
    assert [(e.change, e.details["reason"]) for e in events[-3:]] == [
        ("locked", "badge lost"),
        ("unlocked", "badge found"),
        ("reinstated", "back again"),
    ]
    assert {e.actor.person_id for e in events[-3:]} == {administrator.account_id}


@pytest.mark.clause("468.4(e)/entitlement")
@pytest.mark.clause("468.3/assignment")
@pytest.mark.parametrize(
    ("kind", "held", "seen_others", "new"),
    [
        (
            "roles",
            ["investigator", "officer"],
            (["officer"], ["custodian", "investigator", "officer"], []),
            ["officer"],
        ),
        (
            "sources",
            ["department", "state"],
            (["state"], ["department", "federal", "state"], []),
            ["federal"],
        ),
    ],
)
async def test_only_what_the_administrator_saw_is_replaced(
    administrator, kind, held, seen_others, new
):
    made = await administrator.post("/v1/accounts", **an_account(**{kind: held}))
    account_id = made.json()["account"]["account_id"]
    path = f"/v1/accounts/{account_id}/{kind}"
    for seen in seen_others:
        refused = await administrator.put(path, **{kind: new, "replaces": seen})
        assert (refused.status_code, refused.json()["code"]) == (409, "account_changed_since"), seen
        shown = (await administrator.get(f"/v1/accounts/{account_id}")).json()
        assert shown[kind] == held
    done = await administrator.put(path, **{kind: new, "replaces": held[::-1]})
    assert (done.status_code, done.json()[kind]) == (200, new)


async def test_accounts_are_listed_in_pages_and_filtered(administrator):
    for n in range(5):
        await administrator.post("/v1/accounts", **an_account(username=f"person.{n}"))
    first = (await administrator.get("/v1/accounts?limit=4")).json()
    assert [a["username"] for a in first["items"]][:2] == ["chief.admin", "person.0"]
    rest = (await administrator.get(f"/v1/accounts?limit=4&after={first['next']}")).json()
    assert [a["username"] for a in rest["items"]] == ["person.3", "person.4"]
    assert rest["next"] is None
    invited = (await administrator.get("/v1/accounts?status=invited&role=officer")).json()
    assert len(invited["items"]) == 5
    active = (await administrator.get("/v1/accounts?status=active")).json()["items"]
    managing = (await administrator.get("/v1/accounts?role=alpr_administrator")).json()["items"]
    assert [a["username"] for a in active] == [a["username"] for a in managing] == ["chief.admin"]
    assert (await administrator.get("/v1/accounts?sign_in_locked=true")).json()["items"] == []
    others = (await administrator.get("/v1/accounts?sign_in_locked=false")).json()["items"]
    assert len(others) == 6
    for faulty in ("status=asleep", "role=%00", "limit=0", "limit=201"):
        answer = await administrator.get(f"/v1/accounts?{faulty}")
        assert (answer.status_code, answer.json()["field"]) == (
            422,
            f"query.{faulty.split('=')[0]}",
        )
    answer = await administrator.get("/v1/accounts?after=person.2")
    assert (answer.status_code, answer.json()["field"]) == (422, "after")


@pytest.mark.clause("468.6/yearly-review")
async def test_rights_not_reviewed_for_a_year_are_due(
    hire, administrator, clock, published, identity
):
    await hire("o.seven", "officer")
    for _ in range(5):
        clock.advance(days=73)
        await administrator.sign_in()
    due = (await administrator.get("/v1/accounts/reviews/due")).json()["items"]
    assert [a["username"] for a in due] == ["chief.admin", "o.seven"]
    officer = due[1]
    path = f"/v1/accounts/{officer['account_id']}/review"
    assert (await administrator.post(path, note="still on patrol")).status_code == 200
    due = (await administrator.get("/v1/accounts/reviews/due")).json()["items"]
    assert [a["username"] for a in due] == ["chief.admin"]
    async with identity.begin() as unit:
        kept = await unit.connection.execute(
            text("SELECT account_id, reviewed_by, roles, sources, note FROM reviews")
        )
        [(account_id, reviewed_by, *what)] = kept
    assert [str(account_id), str(reviewed_by)] == [officer["account_id"], administrator.account_id]
    assert what == [["officer"], [], "still on patrol"]
    [event] = [e for e in await published(AccountChanged) if e.change == "reviewed"]
    assert event.details["roles"] == ["officer"]
    assert event.details["note"] == "still on patrol"


@pytest.mark.clause("468.6/yearly-review")
async def test_a_review_confirms_no_rights_that_the_reviewer_did_not_see(hire, administrator):
    officer = await hire("o.seven", "officer", sources=["department"])
    path = f"/v1/accounts/{officer.account_id}/review"
    seen = {"roles": ["officer"], "sources": ["department"]}
    for field, changed in (("roles", ["investigator"]), ("sources", [])):
        answer = await administrator.post(path, note="still on patrol", **seen | {field: changed})
        assert (answer.status_code, answer.json()["field"]) == (409, field)
        assert answer.json()["code"] == "account_changed_since"
    assert (await administrator.post(path, note="still on patrol", **seen)).status_code == 200


@pytest.mark.clause("468.6/yearly-review")
async def test_rights_of_a_person_who_left_are_not_due_for_review(hire, administrator, clock):
    left = await hire("o.seven", "officer")
    gone = await administrator.post(f"/v1/accounts/{left.account_id}/separation", reason="retired")
    assert gone.status_code == 200
    for _ in range(5):
        clock.advance(days=73)
        await administrator.sign_in()
    due = (await administrator.get("/v1/accounts/reviews/due")).json()["items"]
    assert [a["username"] for a in due] == ["chief.admin"]


async def test_an_unknown_account_is_not_found(administrator):
    nobody = "/v1/accounts/00000000-0000-4000-8000-00000000dead"
    assert (await administrator.get(nobody)).status_code == 404
    assert (await administrator.put(f"{nobody}/roles", roles=[])).status_code == 404
    assert (await administrator.get("/v1/accounts/me")).status_code == 422


async def test_reviews_due_are_read_page_by_page(hire, administrator, clock):
    for username in ("o.seven", "o.eight"):
        await hire(username, "officer")
    for _ in range(5):
        clock.advance(days=73)
        await administrator.sign_in()

    async def fetch(path):
        return (await administrator.get(path)).json()

    due = await paged(fetch, "/v1/accounts/reviews/due")
    assert {one["username"] for one in due} == {"chief.admin", "o.seven", "o.eight"}


ON_FILE = {
    "trainings": "valid_until",
    "purposes": "justification",
    "reviews": "note",
    "provisioners": "person_id",
    "limit_lifts": "until",
}
"""A column of each table whose rows never change."""

NEVER_DELETED = ("accounts", "sessions", "signing_keys", "numbers", *ON_FILE)


async def test_the_services_role_changes_no_record_of_people_and_deletes_none(app, identity):
    """Whatever software has the role: what it may do is in `grants.sql` alone (ADR-0016)."""
    statements = [f"DELETE FROM {table}" for table in NEVER_DELETED]
    statements += [f"UPDATE {table} SET {one} = {one}" for table, one in ON_FILE.items()]
    for statement in statements:
        with pytest.raises(ProgrammingError, match="permission denied"):
            async with identity.begin() as unit:
                await unit.connection.execute(text(statement))
