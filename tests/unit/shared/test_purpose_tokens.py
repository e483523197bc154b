"""What a purpose token must be to open a permission, and what the service reads from it."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest

from shared.access.purposes import purpose_of
from shared.core.errors import NotAuthorised
from shared.core.permissions import Permission
from shared.core.problem_codes import Common
from shared.events import PurposeRecord
from shared.testing import FakeClock, TestAuthority
from shared.testing.authority import committed_policy

OFFICER = "00000000-0000-4000-8000-000000000007"
OTHER = "00000000-0000-4000-8000-000000000008"
PURPOSE_ID = UUID("00000000-0000-4000-8000-0000000000aa")
EXPORT, SEARCH = Permission.RECORD_EXPORT, Permission.RECORD_SEARCH
FREE = Permission.ALERT_RECEIVE
"""A permission that needs no purpose."""


@pytest.fixture
def authority():
    return TestAuthority(FakeClock())


def read(authority, token, permission=SEARCH, account_id=OFFICER, **options):
    runtime = SimpleNamespace(policy=committed_policy(), people=authority.people)
    return purpose_of(runtime, permission, account_id, token, authority.clock.now(), **options)


def refusal(authority, token, permission=SEARCH, **options):
    with pytest.raises(NotAuthorised) as caught:
        read(authority, token, permission, **options)
    return caught.value


def test_a_purpose_is_what_its_token_says(authority):
    token = authority.purpose_token(
        jti=str(PURPOSE_ID),
        kind="missing_person",
        offence_type="child at risk",
        case_number="26-001234",
        call_number="C26-0099",
        justification="Seen near the river with the child",
        scope={"plate": "7ABC123"},
    )
    purpose = read(authority, token)
    assert purpose.record == PurposeRecord(
        kind="missing_person",
        offence_type="child at risk",
        case_number="26-001234",
        call_number="C26-0099",
        purpose_id=PURPOSE_ID,
        justification="Seen near the river with the child",
    )
    assert purpose.scope == {"plate": "7ABC123"}
    assert purpose.lifted_until is None


def test_a_purpose_without_optional_claims_has_no_scope(authority):
    purpose = read(
        authority, authority.purpose_token(scope=None, offence_type=None, case_number=None)
    )
    assert purpose.scope == {}
    assert purpose.record.offence_type is purpose.record.case_number is None
    assert purpose.record.justification is purpose.record.call_number is None


@pytest.mark.clause("468.4(a)/purpose")
def test_a_permission_that_needs_a_purpose_is_refused_without_a_token(authority):
    fault = refusal(authority, None, EXPORT)
    assert fault.problem is Common.PURPOSE_MISSING
    kinds = committed_policy().purposes.kinds_for(EXPORT)
    assert fault.params == {"kinds": sorted(kinds), "permission": EXPORT}


def test_a_permission_that_needs_none_is_open_without_a_token_unless_its_route_needs_one(authority):
    assert not FREE.needs_purpose
    assert read(authority, None, FREE) is None
    assert refusal(authority, None, FREE, needed=True).problem is Common.PURPOSE_MISSING
    assert read(authority, authority.purpose_token(), FREE).record.kind == "criminal_investigation"


@pytest.mark.clause("468.4(a)/purpose")
def test_a_token_that_cannot_be_verified_is_refused_with_its_reason(authority):
    ended = authority.purpose_token()
    authority.clock.advance(hours=1, seconds=6)
    for token, reason in (
        ("junk", Common.TOKEN_UNSIGNED),
        (authority.access_token(), Common.TOKEN_OF_ANOTHER_KIND),
        (ended, Common.TOKEN_EXPIRED),
        (TestAuthority(authority.clock).purpose_token(), Common.TOKEN_INVALID),
    ):
        fault = refusal(authority, token)
        assert fault.problem is Common.PURPOSE_TOKEN_REFUSED
        assert fault.params["because"].problem is reason


@pytest.mark.clause("468.4(a)/purpose")
def test_the_purpose_of_another_person_opens_nothing(authority):
    token = authority.purpose_token(account_id=OTHER)
    assert refusal(authority, token).problem is Common.PURPOSE_OF_ANOTHER_PERSON
    assert read(authority, token, account_id=OTHER) is not None


@pytest.mark.clause("468.4(a)/purpose-opens")
@pytest.mark.parametrize(
    ("kind", "opened", "closed"),
    [
        ("criminal_investigation", EXPORT, Permission.AUDIT_READ),
        ("system_maintenance", Permission.HOTLIST_READ, SEARCH),
        ("department_action", SEARCH, EXPORT),
        ("release", Permission.RELEASE_REVIEW, SEARCH),
        ("audit", Permission.RELEASE_READ, Permission.RELEASE_REVIEW),
    ],
)
def test_a_kind_opens_only_the_permissions_of_its_row(authority, kind, opened, closed):
    token = authority.purpose_token(kind=kind)
    assert read(authority, token, opened).record.kind == kind
    fault = refusal(authority, token, closed)
    assert fault.problem is Common.PURPOSE_DOES_NOT_OPEN
    assert fault.params == {
        "kind": kind,
        "kinds": sorted(committed_policy().purposes.kinds_for(closed)),
        "permission": closed,
    }


@pytest.mark.parametrize("kind", ["routine_patrol", "personal_use", None, 7, "CRIMINAL"])
def test_a_kind_that_cannot_be_declared_opens_nothing(authority, kind):
    fault = refusal(authority, authority.purpose_token(kind=kind))
    assert fault.problem is Common.PURPOSE_DOES_NOT_OPEN
    assert fault.params["kind"] == str(kind)


def test_a_lift_of_the_limit_ends_at_the_moment_of_its_claim(authority):
    until = datetime(2026, 5, 2, 9, 30, tzinfo=UTC)
    for seconds in (until.timestamp(), int(until.timestamp())):
        token = authority.purpose_token(limit_lifted_until=seconds)
        assert read(authority, token).lifted_until == until
    assert read(authority, authority.purpose_token()).lifted_until is None


@pytest.mark.parametrize("until", [True, "2026-05-02T09:30:00Z", None, [1], {}])
def test_a_lift_without_a_moment_lifts_nothing(authority, until):
    token = authority.purpose_token(limit_lifted_until=until)
    assert read(authority, token).lifted_until is None


def test_a_token_holds_for_as_long_as_the_policy_says(authority):
    token = authority.purpose_token()
    authority.clock.advance(minutes=committed_policy().purposes.token_minutes, seconds=-1)
    assert read(authority, token)
    authority.clock.advance(seconds=1)
    assert refusal(authority, token).params["because"].problem is Common.TOKEN_EXPIRED
    long = authority.purpose_token(
        exp=(authority.clock.now() + timedelta(hours=1, seconds=10)).timestamp()
    )
    assert refusal(authority, long).params["because"].problem is Common.TOKEN_LASTS_TOO_LONG
