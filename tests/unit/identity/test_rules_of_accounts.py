"""Who may hold which roles and sources, and who may do what to an account: each rule with its code and field."""

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from services.identity.actions.announce import account_event
from services.identity.domain.accounts import (
    Account,
    check_approver,
    check_assignment,
    check_deliverer,
    check_not_own_account,
    check_token,
    is_privileged,
    may_manage,
    permissions_of,
    provisioner_of,
    rights_in_session,
)
from services.identity.domain.problem_codes import Code, OwnAct
from shared.core.errors import Conflict, CredentialEnded, InvalidInput, NotAuthorised
from shared.core.permissions import Permission
from shared.core.policy import load_policy
from shared.core.problem_codes import Common
from shared.core.types import Ori
from shared.events import Actor

POLICY = load_policy(Path(__file__).parents[3] / "policy.toml")
OURS, THEIRS = POLICY.department.ori, "CA0010000"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)


def an_account(**changes):
    return Account(
        **{
            "account_id": uuid4(),
            "username": "o.seven",
            "name": "Officer Seven",
            "title": "Police Officer",
            "agency_ori": Ori(OURS),
            "status": "active",
            "roles": ("officer",),
            "sources": (),
            "tokens_valid_from": NOON,
            "last_active_at": NOON,
            "reviewed_at": NOON,
            "created_at": NOON,
            "changed_at": NOON,
            **changes,
        }
    )


def assign(title="Police Officer", agency_ori=OURS, roles=(), sources=()):
    check_assignment(POLICY, title=title, agency_ori=agency_ori, roles=roles, sources=sources)


def assignment_refused(**assigned):
    with pytest.raises(InvalidInput) as refused:
        assign(**assigned)
    return refused.value


@pytest.mark.parametrize(
    "assigned",
    [
        {},
        {"roles": ["officer", "investigator"], "sources": ["stolen_vehicles"]},
        {"title": "Auditor", "roles": ["auditor"]},
        {"title": "Agency Requester", "agency_ori": THEIRS},
        {"title": "Agency Requester", "agency_ori": THEIRS, "roles": ["agency_requester"]},
    ],
)
def test_a_title_may_hold_its_agencys_roles(assigned):
    assign(**assigned)


@pytest.mark.clause("468.3.1(a)/titles")
@pytest.mark.parametrize(
    ("assigned", "problem", "field", "params"),
    [
        (
            {"title": "Agency Requester"},
            Code.TITLE_OF_OTHER_AGENCIES,
            "agency_ori",
            {},
        ),
        (
            {"title": "Agency Requester", "agency_ori": THEIRS, "roles": ["officer"]},
            Code.TITLE_ALLOWS_ONE_ROLE,
            "roles",
            {"role": "agency_requester"},
        ),
        (
            {
                "title": "Agency Requester",
                "agency_ori": THEIRS,
                "roles": ["agency_requester", "auditor"],
            },
            Code.TITLE_ALLOWS_ONE_ROLE,
            "roles",
            {"role": "agency_requester"},
        ),
        (
            {"title": "Agency Requester", "agency_ori": THEIRS, "sources": ["stolen_vehicles"]},
            Code.TITLE_ALLOWS_NO_SOURCE,
            "sources",
            {},
        ),
        (
            {"title": "Volunteer"},
            Code.TITLE_NOT_AUTHORISED,
            "title",
            {"allowed": sorted(POLICY.titles.authorised | POLICY.titles.external)},
        ),
        ({"agency_ori": THEIRS}, Code.TITLE_OF_THE_DEPARTMENT, "agency_ori", {}),
        (
            {"roles": ["officer", "agency_requester"]},
            Code.ROLE_OF_OTHER_AGENCIES,
            "roles",
            {"role": "agency_requester"},
        ),
        (
            {"roles": ["officer", "sheriff", "mayor"]},
            Code.ROLE_UNKNOWN,
            "roles",
            {"roles": ["mayor", "sheriff"], "allowed": sorted(POLICY.roles)},
        ),
        (
            {"roles": ["auditor", "officer"]},
            Code.EXCLUSIVE_ROLES,
            "roles",
            {"pairs": POLICY.exclusive_roles.pairs_in(["auditor", "officer"])},
        ),
    ],
)
def test_what_a_title_may_not_hold_is_refused(assigned, problem, field, params):
    fault = assignment_refused(**assigned)
    assert (fault.problem, fault.field, fault.params) == (problem, field, params)


@pytest.mark.clause("468.3.1(a)/titles")
def test_a_title_gives_the_rights_of_its_agencys_roles_alone():
    every = [*POLICY.roles, "of an older policy"]
    for title in POLICY.titles.authorised:
        ours = [
            permissions for role, permissions in POLICY.roles.items() if role != "agency_requester"
        ]
        assert permissions_of(POLICY, title, every) == frozenset().union(*ours)
    for title in POLICY.titles.external:
        assert permissions_of(POLICY, title, every) == POLICY.roles["agency_requester"]
        assert permissions_of(POLICY, title, ["officer"]) == frozenset()
    assert permissions_of(POLICY, "Volunteer", every) == frozenset()


def with_accounts(**changes):
    return msgspec.structs.replace(
        POLICY, accounts=msgspec.structs.replace(POLICY.accounts, **changes)
    )


def test_a_code_withholds_the_rights_of_roles_that_need_a_security_key():
    strict = with_accounts(security_key_for=frozenset({"officer", "investigator", "auditor"}))
    account = an_account(roles=("officer", "investigator", "dispatcher"))
    every = permissions_of(POLICY, account.title, account.roles)

    by_key = rights_in_session(strict, account, by_key=True)
    assert (by_key.permissions, by_key.withheld_roles) == (every, ())
    lenient = rights_in_session(with_accounts(security_key_for=frozenset()), account, by_key=False)
    assert (lenient.permissions, lenient.withheld_roles) == (every, ())
    by_code = rights_in_session(strict, account, by_key=False)
    assert by_code.permissions == POLICY.roles["dispatcher"]
    assert by_code.withheld_roles == ("investigator", "officer")


def test_a_person_reaches_their_own_account_by_a_code_and_nothing_else():
    strict = with_accounts(security_key_for=frozenset({"officer"}))
    by_code = rights_in_session(strict, an_account(), by_key=False)
    assert by_code.permissions == {Permission.ACCOUNT_SELF}
    rightless = rights_in_session(strict, an_account(title="Volunteer"), by_key=False)
    assert rightless.permissions == frozenset()


@pytest.mark.clause("468.7(b)/provisioners")
def test_software_is_no_provisioner():
    program = Actor(person_id="system:identity", name="identity", title="", agency_ori=None)
    assert program.is_software
    assert provisioner_of(account_event(an_account(), "created", program)) is None


@pytest.mark.clause("468.3/two-to-reinvite")
def test_a_role_that_takes_two_to_reinvite_counts_even_once_it_is_gone():
    policy = with_accounts(two_to_reinvite=frozenset({"auditor"}))
    assert is_privileged(policy, an_account(roles=("auditor",))) is True
    assert is_privileged(policy, an_account(held_roles=("auditor",))) is True
    assert is_privileged(policy, an_account(held_roles=("officer",))) is False


@pytest.mark.clause("468.3/deliverer")
def test_neither_the_invited_nor_an_inviter_delivers():
    account, other = an_account(status="invited"), an_account()
    with pytest.raises(NotAuthorised) as refused:
        check_deliverer(account, [], account.actor)
    assert refused.value.problem is Code.OWN_ACCOUNT
    assert refused.value.params == {"doing": OwnAct.DELIVER_INVITATION}
    with pytest.raises(NotAuthorised) as refused:
        check_deliverer(account, ["x", other.actor.person_id], other.actor)
    assert refused.value.problem is Code.INVITER_DELIVERS
    check_deliverer(account, ["x"], other.actor)


@pytest.mark.clause("468.3/two-to-reinvite")
def test_neither_the_proposer_nor_the_person_approves_a_reinvitation():
    account, other = an_account(), an_account()
    check_approver(account, uuid4(), other.actor)
    with pytest.raises(NotAuthorised) as refused:
        check_approver(account, uuid4(), account.actor)
    assert refused.value.problem is Code.OWN_ACCOUNT
    assert refused.value.params == {"doing": OwnAct.INVITE}
    with pytest.raises(NotAuthorised) as refused:
        check_approver(account, other.account_id, other.actor)
    assert refused.value.problem is Code.REINVITATION_NEEDS_ANOTHER_PERSON


def test_nothing_of_their_own_account_is_a_persons_to_administer():
    account = an_account()
    check_not_own_account(account, an_account().actor, doing=OwnAct.LOCK)
    for act in OwnAct:
        with pytest.raises(NotAuthorised) as refused:
            check_not_own_account(account, account.actor, doing=act)
        assert refused.value.problem is Code.OWN_ACCOUNT
        assert refused.value.params == {"doing": act}


@pytest.mark.parametrize(
    ("changes", "may"),
    [
        ({"roles": ("alpr_administrator",)}, True),
        ({"roles": ("alpr_administrator",), "status": "locked"}, False),
        ({"roles": ("alpr_administrator",), "title": "Volunteer"}, False),
        ({"roles": ("training_sergeant",)}, False),
    ],
)
def test_an_active_administrator_manages_accounts(changes, may):
    assert may_manage(POLICY, an_account(**changes)) is may


@pytest.mark.clause("468.6/separation")
@pytest.mark.parametrize("status", ["invited", "locked", "disabled", "separated"])
def test_a_token_ends_with_its_account(status):
    with pytest.raises(CredentialEnded) as ended:
        check_token(an_account(status=status), NOON + TICK)
    assert (ended.value.problem, ended.value.params) == (Common.ACCOUNT_ENDED, {"status": status})


def test_a_token_of_an_unknown_account_has_ended():
    with pytest.raises(CredentialEnded) as ended:
        check_token(None, NOON)
    assert ended.value.problem is Common.ACCOUNT_ENDED
    assert ended.value.params == {"status": "unknown"}


def test_a_token_is_revoked_that_was_issued_before_the_account_says():
    check_token(an_account(), NOON)
    with pytest.raises(CredentialEnded) as ended:
        check_token(an_account(), NOON - TICK)
    assert ended.value.problem is Common.TOKEN_REVOKED


@pytest.mark.clause("468.6/separation")
def test_a_revocation_counts_a_clock_that_is_ahead_by_a_microsecond():
    ahead = an_account(last_active_at=NOON + timedelta(seconds=9))
    assert ahead.revoked(NOON).tokens_valid_from == NOON + timedelta(seconds=9) + TICK


@pytest.mark.parametrize(
    ("status", "change", "allowed"),
    [
        ("active", "unlocked", True),
        ("separated", "unlocked", False),
        ("active", "reinstated", False),
    ],
)
def test_a_locked_sign_in_may_be_unlocked_and_changes_nothing_else(status, change, allowed):
    account = an_account(status=status, sign_in_locked_at=NOON)
    with nullcontext() if allowed else pytest.raises(Conflict):
        account.check_change(change)


def test_a_state_that_forbids_a_change_is_named():
    an_account(status="invited").check_change("roles_assigned")
    with pytest.raises(Conflict) as refused:
        an_account(status="separated").check_change("roles_assigned")
    assert refused.value.problem is Code.ACCOUNT_STATE_FORBIDS
    assert refused.value.params == {"status": "separated", "change": "roles assigned"}


@pytest.mark.clause("468.6/inactive")
@pytest.mark.parametrize(
    ("changes", "days", "reactivated"),
    [
        ({"status": "disabled"}, 0, True),
        ({"created_at": NOON - TICK}, 90, True),
        ({"created_at": NOON - TICK}, 89, False),
        ({}, 90, False),
    ],
)
def test_an_enrolment_that_would_bring_back_an_unused_account_is_seen(changes, days, reactivated):
    account = an_account(**changes)
    assert account.is_reactivated(POLICY, NOON + timedelta(days=days)) is reactivated


def test_a_person_has_enrolled_once_they_were_active_after_their_account_was_made():
    assert an_account(created_at=NOON - TICK).has_enrolled is True
    assert an_account().has_enrolled is False


def test_an_account_remembers_the_roles_that_it_had():
    account = an_account(held_roles=("auditor",))
    assert account.ever_held == {"auditor", "officer"}
