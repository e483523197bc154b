"""Who may decide on a request, how many approve it, and what a decision may name."""

from dataclasses import replace
from uuid import UUID

import pytest

from services.release.domain.requests import (
    RequestStatus,
    after_approval,
    agreed,
    check_named,
    check_reviewer,
)
from shared.core.errors import Conflict, InvalidInput, NotAuthorised
from tests.unit.release.requests import CITATION, DEPARTMENT, a_request

ONE, OTHER, THIRD = (UUID(int=number) for number in (1, 2, 3))
RESTRICTED = a_request(restricted=True, has_authority=True)
APPROVED_ONCE = replace(
    RESTRICTED, status=RequestStatus.FIRST_APPROVED, approved_by=frozenset({"sergeant"})
)


@pytest.mark.parametrize("status", ["submitted", "first_approved"])
def test_another_person_of_the_department_reviews_an_open_request(status):
    request = a_request(status=RequestStatus(status))
    check_reviewer(request, "sergeant", DEPARTMENT, DEPARTMENT)


@pytest.mark.parametrize(
    ("who", "ori", "code"),
    [
        ("requester", DEPARTMENT, "reviewer_is_requester"),
        ("sergeant", "CA0520000", "reviewer_of_another_agency"),
        ("sergeant", "NV0160100", "reviewer_of_another_agency"),
        ("registrar", DEPARTMENT, "reviewer_provisioned_account"),
        ("clerk", DEPARTMENT, "reviewer_provisioned_agency"),
    ],
)
def test_requesters_other_agencies_and_provisioners_do_not_review(who, ori, code):
    request = a_request(account_by=frozenset({"registrar"}), agency_by=frozenset({"clerk"}))
    with pytest.raises(NotAuthorised) as refused:
        check_reviewer(request, who, ori, DEPARTMENT)
    assert refused.value.code == code


def test_a_department_does_not_review_its_own_request_to_itself():
    request = a_request(agency_ori=DEPARTMENT)
    with pytest.raises(NotAuthorised) as refused:
        check_reviewer(request, "sergeant", DEPARTMENT, DEPARTMENT)
    assert refused.value.code == "reviewer_of_another_agency"


@pytest.mark.parametrize(
    "status", [one for one in RequestStatus if one not in ("submitted", "first_approved")]
)
def test_a_decided_request_cannot_be_decided_again(status):
    with pytest.raises(Conflict) as refused:
        check_reviewer(a_request(status=status), "sergeant", DEPARTMENT, DEPARTMENT)
    assert (refused.value.code, refused.value.params) == ("request_decided", {"status": status})


def test_an_ordinary_request_needs_one_approval():
    request = a_request()
    assert request.approvals_needed == 1
    assert after_approval(request, "sergeant", CITATION) is RequestStatus.APPROVED


def test_a_restricted_request_needs_a_document():
    with pytest.raises(NotAuthorised) as refused:
        after_approval(replace(RESTRICTED, has_authority=False), "sergeant", CITATION)
    assert refused.value.code == "authority_not_on_record"
    assert refused.value.params == {"citation": CITATION}


def test_a_restricted_request_needs_two_people():
    assert RESTRICTED.approvals_needed == 2
    assert after_approval(RESTRICTED, "sergeant", CITATION) is RequestStatus.FIRST_APPROVED
    assert after_approval(APPROVED_ONCE, "lieutenant", CITATION) is RequestStatus.APPROVED
    with pytest.raises(NotAuthorised) as refused:
        after_approval(APPROVED_ONCE, "sergeant", CITATION)
    assert refused.value.code == "second_approver_needed"
    assert refused.value.params == {"why": CITATION, "citation": CITATION}


@pytest.mark.clause("468.7(b)/provisioners")
def test_a_request_of_unknown_provisioners_needs_two_people_and_no_document():
    request = a_request(provisioners_known=False)
    assert request.approvals_needed == 2
    assert after_approval(request, "sergeant", CITATION) is RequestStatus.FIRST_APPROVED
    once = replace(request, approved_by=frozenset({"sergeant"}))
    assert after_approval(once, "lieutenant", CITATION) is RequestStatus.APPROVED
    with pytest.raises(NotAuthorised, match="not on record who provisioned"):
        after_approval(once, "sergeant", CITATION)


@pytest.mark.clause("468.7(b)/provisioners")
@pytest.mark.parametrize("since", ["account_by", "agency_by", "ended"])
def test_the_approval_of_one_who_became_a_provisioner_or_left_does_not_count(since):
    changed = replace(APPROVED_ONCE, **{since: frozenset({"sergeant"})})
    assert changed.counting == frozenset()
    assert after_approval(changed, "lieutenant", CITATION) is RequestStatus.FIRST_APPROVED
    twice = replace(changed, approved_by=frozenset({"sergeant", "lieutenant"}))
    assert twice.counting == {"lieutenant"}
    assert after_approval(twice, "captain", CITATION) is RequestStatus.APPROVED


@pytest.mark.parametrize("request_", [a_request(), RESTRICTED, APPROVED_ONCE])
def test_a_barred_agency_gets_no_approval(request_):
    with pytest.raises(Conflict) as refused:
        after_approval(replace(request_, barred=True), "captain", CITATION)
    assert refused.value.code == "agency_barred_since"


@pytest.mark.parametrize(
    ("originals", "lists", "pictures"),
    [([], [], False), ([], ["state"], False), ([ONE], [], True), ([ONE], ["state"], True)],
)
def test_an_approval_may_name_lists_and_of_asked_pictures_whole_frames(originals, lists, pictures):
    check_named(originals, lists, approves=True, pictures=pictures)


@pytest.mark.parametrize(
    ("originals", "lists", "approves", "pictures", "code", "field"),
    [
        ([], ["state"], False, True, "denial_names_lists", "list_sources"),
        ([ONE], [], False, True, "denial_names_originals", "originals"),
        ([ONE], [], True, False, "no_pictures_asked", "originals"),
    ],
)
def test_a_decision_names_nothing_that_it_cannot_release(
    originals, lists, approves, pictures, code, field
):
    with pytest.raises(InvalidInput) as refused:
        check_named(originals, lists, approves=approves, pictures=pictures)
    assert (refused.value.code, refused.value.field) == (code, field)


def test_a_denial_names_nothing():
    check_named([], [], approves=False, pictures=False)


@pytest.mark.parametrize(
    ("named", "both"),
    [
        ([], []),
        ([[OTHER, ONE]], [ONE, OTHER]),
        ([[ONE, OTHER], [THIRD, OTHER]], [OTHER]),
        ([[ONE], []], []),
        ([[ONE, OTHER], [OTHER, ONE], [ONE]], [ONE]),
    ],
)
def test_what_every_approver_named_is_released(named, both):
    assert agreed(named) == both
