"""Pure rules: the permitted recipients, reviewers and steps."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.release.domain.requests import (
    Agency,
    RequestFacts,
    RequestStatus,
    Treatment,
    after_approval,
    check_download,
    check_recipient,
    check_reviewer,
    refusal,
    treatment,
)
from shared.core.errors import Conflict, NotAuthorised, Unavailable
from shared.core.fields import storable
from shared.objects.delivery import opened, sealed

RECIPIENTS = frozenset({"law_enforcement", "prosecutor"})
STATES = frozenset({"US-CA"})
CITATION = "Civil Code 1798.90.55"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
DEPARTMENT = "CA0520100"


def an_agency(kind="law_enforcement", state="US-CA"):
    return Agency("CA0520000", "Sheriff", kind, state, "records")


def a_request(**changes):
    facts = RequestFacts(
        status=RequestStatus.SUBMITTED,
        restricted=False,
        filed_by="requester",
        agency_ori="CA0520000",
        has_authority=False,
    )
    return replace(facts, **changes)


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
    assert "Records Maintenance and Release Policy" in refused.reason


def test_a_refusal_says_who_is_refused_and_why():
    for agency, said in (
        (an_agency("federal"), "federal agencies"),
        (an_agency("private"), "private recipients"),
        (an_agency(state="US-NV"), "agencies of US-NV"),
    ):
        refused = refusal(agency, Treatment.RESTRICTED, has_authority=False, citation=CITATION)
        assert refused is not None
        assert said in refused.reason
        assert refused.citation == CITATION
        assert not refusal(agency, Treatment.RESTRICTED, has_authority=True, citation=CITATION)


def test_the_department_reviews_and_never_the_requester():
    check_reviewer(a_request(), "sergeant", DEPARTMENT, DEPARTMENT)
    for who, ori in (("requester", DEPARTMENT), ("sergeant", "CA0520000"), ("x", "NV0160100")):
        with pytest.raises(NotAuthorised):
            check_reviewer(a_request(), who, ori, DEPARTMENT)


@pytest.mark.parametrize(
    "status", [s for s in RequestStatus if s not in ("submitted", "first_approved")]
)
def test_a_decided_request_cannot_be_decided_again(status):
    with pytest.raises(Conflict, match=status.value):
        check_reviewer(a_request(status=status), "sergeant", DEPARTMENT, DEPARTMENT)


def test_an_ordinary_request_needs_one_approval():
    assert after_approval(a_request(), "sergeant", CITATION) is RequestStatus.APPROVED


def test_a_restricted_request_needs_a_document_and_two_people():
    with pytest.raises(NotAuthorised, match=CITATION):
        after_approval(a_request(restricted=True), "sergeant", CITATION)
    ready = a_request(restricted=True, has_authority=True)
    assert after_approval(ready, "sergeant", CITATION) is RequestStatus.FIRST_APPROVED
    once = replace(ready, approved_by=frozenset({"sergeant"}))
    with pytest.raises(NotAuthorised, match="a second person"):
        after_approval(once, "sergeant", CITATION)
    assert after_approval(once, "lieutenant", CITATION) is RequestStatus.APPROVED


def test_a_barred_agency_gets_no_approval():
    with pytest.raises(Conflict):
        after_approval(a_request(barred=True), "sergeant", CITATION)


def test_a_package_can_be_downloaded_only_while_packaged_and_unexpired():
    expires_at = NOON + timedelta(days=14)
    check_download(RequestStatus.PACKAGED, expires_at, NOON)
    for status, now in (
        (RequestStatus.PACKAGED, expires_at),
        (RequestStatus.EXPIRED, NOON),
        (RequestStatus.APPROVED, NOON),
        (RequestStatus.SUBMITTED, NOON),
        (RequestStatus.DENIED, NOON),
    ):
        with pytest.raises(Conflict):
            check_download(status, expires_at, now)


@pytest.mark.clause("468.7(b)/provisioners")
@pytest.mark.parametrize(
    ("known", "filed_it", "approvers", "allowed"),
    [
        (True, False, {"sergeant"}, True),
        (
            False,
            True,
            {"sergeant"},
            True,
        ),  # it took two approvers if it was unknown at the decision
        (False, False, {"sergeant"}, False),
        (False, False, {"sergeant", "lieutenant"}, True),
    ],
)
def test_a_recipient_of_unknown_provisioners_filed_the_request_or_two_approved_it(
    known, filed_it, approvers, allowed
):
    request = a_request(provisioners_known=known, approved_by=frozenset(approvers))
    with nullcontext() if allowed else pytest.raises(NotAuthorised):
        check_recipient(request, filed_it=filed_it)


@pytest.mark.parametrize("given", ["a\x00b", "a\ud800b"])
def test_text_that_cannot_be_stored_is_refused(given):
    with pytest.raises(ValueError, match=r"NUL|surrogate"):
        storable(given)


async def stream(*pieces):
    for piece in pieces:
        yield piece


async def collect(pieces, taken):
    async for piece in pieces:
        taken.append(piece)


def goes_on():
    """Raise nothing: the recipient's account has not ended."""


async def test_the_last_piece_is_sent_after_the_digest_and_the_receipt():
    from hashlib import sha256

    taken, receipts = [], []

    async def receipt():
        receipts.append(len(taken))

    digest = sha256(b"abcdef").hexdigest()
    await collect(
        sealed(await opened(stream(b"ab", b"cd", b"ef")), digest, receipt, goes_on), taken
    )
    assert taken == [b"ab", b"cd", b"ef"]
    assert receipts == [2]


async def test_a_wrong_digest_stops_before_the_last_piece_and_leaves_no_receipt():
    taken, receipts = [], []

    async def receipt():
        receipts.append(1)

    with pytest.raises(Unavailable):
        await collect(sealed(stream(b"ab", b"cd"), "0" * 64, receipt, goes_on), taken)
    assert taken == [b"ab"]
    assert receipts == []
