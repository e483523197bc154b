"""The roles, sources and titles that an account may hold."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args
from uuid import uuid4

import msgspec
import pytest

from services.identity.actions.announce import account_event
from services.identity.domain.accounts import (
    ALLOWED_FROM,
    Account,
    Status,
    check_deliverer,
    permissions_of,
    provisioner_of,
)
from shared.core.errors import Conflict, NotAuthenticated, NotAuthorised
from shared.core.permissions import Permission
from shared.core.policy import load_policy
from shared.core.types import Ori
from shared.testing import FakeClock, some_people

POLICY = load_policy(Path(__file__).parents[3] / "policy.toml")
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def an_account(**changes):
    return Account(
        **{
            "account_id": uuid4(),
            "username": "o.seven",
            "name": "Officer Seven",
            "title": "Police Officer",
            "agency_ori": Ori("CA0520100"),
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


def test_every_permission_in_the_policy_exists():
    known = {permission.value for permission in Permission}
    assert set().union(*POLICY.roles.values()) <= known


def test_roles_give_their_permissions_together():
    both = permissions_of(POLICY, "Auditor", ["auditor", "custodian"])
    assert both == POLICY.roles["auditor"] | POLICY.roles["custodian"]


@pytest.mark.clause("468.3.1(a)/titles")
def test_an_unauthorised_title_has_no_permissions_with_any_role():
    assert permissions_of(POLICY, "Volunteer", POLICY.roles) == frozenset()
    titles = POLICY.titles
    without = msgspec.structs.replace(
        POLICY,
        titles=msgspec.structs.replace(titles, authorised=titles.authorised - {"Dispatcher"}),
    )
    assert permissions_of(POLICY, "Dispatcher", ["dispatcher"])
    assert permissions_of(without, "Dispatcher", ["dispatcher"]) == frozenset()


@pytest.mark.clause("468.3.1(a)/titles")
def test_an_external_title_holds_the_requesters_role_alone():
    held = permissions_of(POLICY, "Agency Requester", POLICY.roles)
    assert held == POLICY.roles["agency_requester"]
    ours = permissions_of(POLICY, "Police Officer", ["agency_requester"])
    assert ours == frozenset()


@pytest.mark.clause("468.6/separation")
@pytest.mark.parametrize("sign_in_locked_at", [None, NOON])
def test_a_separated_account_accepts_no_change(sign_in_locked_at):
    gone = an_account(status="separated", sign_in_locked_at=sign_in_locked_at)
    for change in ALLOWED_FROM:
        with pytest.raises(Conflict):
            gone.check_change(change)


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ("locked", {"active"}),
        ("unlocked", {"locked"}),
        ("reinstated", {"disabled"}),
        ("disabled", {"active"}),
        ("roles_assigned", {"invited", "active", "locked", "disabled"}),
    ],
)
def test_a_change_follows_the_states_that_allow_it_alone(change, allowed):
    for status in get_args(Status):
        with nullcontext() if status in allowed else pytest.raises(Conflict):
            an_account(status=status).check_change(change)


@pytest.mark.clause("468.7(b)/provisioners")
@pytest.mark.parametrize(
    ("changes", "is_provisioner"),
    [
        (("created", "updated", "roles_assigned", "sources_assigned", "reinstated"), True),
        (("reinvitation_proposed", "reinvited", "invitation_delivered"), True),
        (("locked", "unlocked", "reviewed", "separated", "password_changed"), False),
    ],
)
def test_whoever_gives_an_account_or_its_rights_is_its_provisioner(changes, is_provisioner):
    account, other = an_account(), an_account()
    for change in changes:
        found = provisioner_of(account_event(account, change, other.actor))
        assert found == (other.actor.person_id if is_provisioner else None), change
        assert provisioner_of(account_event(account, change, account.actor)) is None


@pytest.mark.clause("468.3/deliverer")
def test_an_invited_person_cannot_deliver_to_themselves():
    account, other = an_account(status="invited"), an_account()
    check_deliverer(account, ["somebody"], other.actor)
    for who, inviters in ((account, ["somebody"]), (other, [other.actor.person_id])):
        with pytest.raises(NotAuthorised):
            check_deliverer(account, inviters, who.actor)


@pytest.mark.clause("468.6/separation")
def test_revocation_ends_every_token_issued_so_far_whatever_the_clocks_say():
    account = an_account(last_active_at=NOON + timedelta(milliseconds=3))
    for now in (NOON, NOON + timedelta(milliseconds=3)):  # a replica behind, one in step
        revoked = account.revoked(now, status="locked")
        assert revoked.tokens_valid_from > account.last_active_at
        assert revoked.status == "locked"
    later = NOON + timedelta(seconds=1)
    assert account.revoked(later).tokens_valid_from == later
    twice = account.revoked(later).revoked(NOON)
    assert twice.tokens_valid_from == later


def test_an_older_account_state_does_not_replace_a_newer_one():
    people = some_people(FakeClock())
    account = an_account(number=1)
    active = account_event(account, "enrolled", account.actor)
    later = replace(account, status="separated", number=2)
    people.know(account_event(later, "separated", account.actor))
    people.know(active)  # as Kafka brings it, after identity knew better
    claims = {"sub": str(account.account_id), "iat": (NOON + timedelta(hours=1)).timestamp()}
    with pytest.raises(NotAuthenticated, match="separated"):
        people.check(claims)


@pytest.mark.clause("468.3.1(b)/training")
def test_training_is_current_until_its_last_moment():
    trained = an_account(trained_until=NOON)
    assert trained.is_trained(NOON - timedelta(microseconds=1))
    assert not trained.is_trained(NOON)
    assert not an_account().is_trained(NOON)


@pytest.mark.clause("468.3.1(b)/refreshers")
def test_a_refresher_is_due_thirty_days_ahead():
    trained = an_account(trained_until=NOON)
    assert not trained.is_refresher_due(POLICY, NOON - timedelta(days=31))
    assert trained.is_refresher_due(POLICY, NOON - timedelta(days=30))
    assert an_account().is_refresher_due(POLICY, NOON)
    assert not an_account(title="Agency Requester").is_refresher_due(POLICY, NOON)


@pytest.mark.clause("468.6/inactive")
def test_an_account_is_inactive_after_ninety_days():
    account = an_account()
    assert not account.is_inactive(POLICY, NOON + timedelta(days=90, microseconds=-1))
    assert account.is_inactive(POLICY, NOON + timedelta(days=90))
