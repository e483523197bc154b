"""Agencies and requests for tests of release."""

from dataclasses import replace
from datetime import UTC, datetime

from services.release.domain.requests import Agency, RequestFacts, RequestStatus

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
