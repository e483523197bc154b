"""Who may receive data: by what an agency is and where, at filing, at the approval and at the download."""

from contextlib import nullcontext
from uuid import uuid4

import pytest

from services.release.domain.requests import (
    RECORDS_CITATION,
    Treatment,
    check_recipient,
    check_treatment,
    refusal,
    treatment,
)
from shared.core.errors import NotAuthorised
from tests.unit.release.requests import CITATION, RECIPIENTS, STATES, a_request, an_agency


@pytest.mark.parametrize(
    ("kind", "state", "expected"),
    [
        ("law_enforcement", "US-CA", Treatment.ORDINARY),
        ("prosecutor", "US-CA", Treatment.ORDINARY),
        ("law_enforcement", "US-NV", Treatment.RESTRICTED),
        ("prosecutor", "MX-BCN", Treatment.RESTRICTED),
        ("federal", "US-CA", Treatment.RESTRICTED),
        ("private", "US-CA", Treatment.RESTRICTED),
        ("other_public", "US-CA", Treatment.RECORDS_RELEASE),
        ("other_public", "US-NV", Treatment.RECORDS_RELEASE),
    ],
)
def test_a_recipient_is_treated_by_what_it_is_and_where(kind, state, expected):
    assert treatment(an_agency(kind, state), RECIPIENTS, STATES) is expected


@pytest.mark.parametrize("has_authority", [True, False])
def test_no_document_allows_a_records_release_to_other_public_agencies(has_authority):
    agency = an_agency("other_public")
    refused = refusal(
        agency, Treatment.RECORDS_RELEASE, has_authority=has_authority, citation=CITATION
    )
    assert refused is not None
    assert (refused.problem.code, refused.citation) == ("records_policy_applies", RECORDS_CITATION)
    assert "Records Maintenance and Release Policy" in refused.reason


@pytest.mark.parametrize("has_authority", [True, False])
def test_an_ordinary_request_needs_no_document(has_authority):
    how = Treatment.ORDINARY
    assert refusal(an_agency(), how, has_authority=has_authority, citation=CITATION) is None


@pytest.mark.parametrize(
    ("agency", "named"),
    [
        (an_agency("federal"), "federal agencies"),
        (an_agency("private"), "private recipients"),
        (an_agency(state="US-NV"), "agencies of US-NV"),
    ],
)
def test_a_refusal_says_who_is_refused_and_why_and_a_document_lifts_it(agency, named):
    how = Treatment.RESTRICTED
    refused = refusal(agency, how, has_authority=False, citation=CITATION)
    assert refused is not None
    assert named in refused.reason
    assert (refused.problem.code, refused.citation) == ("authority_needed", CITATION)
    assert not refusal(agency, how, has_authority=True, citation=CITATION)


def test_the_answer_to_a_refused_request_has_the_number_of_its_file():
    refused = refusal(
        an_agency("federal"), Treatment.RESTRICTED, has_authority=False, citation=CITATION
    )
    request_id = uuid4()
    error = refused.error(request_id)
    assert error.code == "authority_needed"
    assert error.params == {
        "recipients": "federal agencies",
        "citation": CITATION,
        "request_id": request_id,
    }


@pytest.mark.parametrize(
    ("how", "has_authority", "approvers", "citation"),
    [
        (Treatment.ORDINARY, False, {"sergeant"}, None),
        (Treatment.RESTRICTED, True, {"sergeant", "lieutenant"}, None),
        (Treatment.RESTRICTED, True, {"sergeant"}, CITATION),
        (Treatment.RESTRICTED, False, {"sergeant", "lieutenant"}, CITATION),
        (Treatment.RECORDS_RELEASE, True, {"sergeant", "lieutenant"}, RECORDS_CITATION),
    ],
)
def test_an_agency_that_changed_since_gets_only_what_was_approved_for_its_like(
    how, has_authority, approvers, citation
):
    request = a_request(has_authority=has_authority, approved_by=frozenset(approvers))
    if citation is None:
        check_treatment(request, how, CITATION)
        return
    with pytest.raises(NotAuthorised) as refused:
        check_treatment(request, how, CITATION)
    assert refused.value.code == "agency_restricted_since"
    assert refused.value.params["citation"] == citation


@pytest.mark.clause("468.7(b)/provisioners")
@pytest.mark.parametrize(
    ("known", "filed_it", "approvers", "is_allowed"),
    [
        (True, False, {"sergeant"}, True),
        # Two approvers were needed if it was unknown at the decision.
        (False, True, {"sergeant"}, True),
        (False, False, {"sergeant"}, False),
        (False, False, {"sergeant", "lieutenant"}, True),
    ],
)
def test_a_recipient_of_unknown_provisioners_filed_the_request_or_two_approved_it(
    known, filed_it, approvers, is_allowed
):
    request = a_request(provisioners_known=known, approved_by=frozenset(approvers))
    with nullcontext() if is_allowed else pytest.raises(NotAuthorised):
        check_recipient(request, filed_it=filed_it)


@pytest.mark.clause("468.7(b)/provisioners")
@pytest.mark.parametrize("filed_it", [True, False])
@pytest.mark.parametrize("approvers", [{"sergeant"}, {"sergeant", "lieutenant"}])
def test_a_recipient_whom_any_approver_provisioned_downloads_nothing(filed_it, approvers):
    request = a_request(
        approved_by=frozenset(approvers), account_by=frozenset({"sergeant", "captain"})
    )
    with pytest.raises(NotAuthorised) as refused:
        check_recipient(request, filed_it=filed_it)
    assert refused.value.code == "recipient_provisioned_by_approver"
