"""What a finding of enforcement says of the hit's verifications (policy 468.4(f), ADR-0116)."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.audit.domain.enforcement import Enforced, Verified, unverified_enforcement

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ACTION = Enforced(9, UUID(int=1), "officer", NOON, has_reason=True)


@pytest.mark.clause("468.4(f)/enforcement-finding")
@pytest.mark.parametrize(
    ("verifications", "seq", "why"),
    [
        ([], None, "the hit was not verified"),
        (
            [
                Verified(3, "misread", NOON - 2 * MINUTE),
                Verified(4, "wrong_state", NOON - MINUTE),
                Verified(5, "correct_read", NOON + MINUTE),
            ],
            4,
            "the hit was verified as wrong state",
        ),
        (
            [
                Verified(None, "correct_read", NOON + MINUTE),
                Verified(6, "misread", NOON + 2 * MINUTE),
            ],
            None,
            "the hit was verified only afterwards",
        ),
    ],
    ids=["none", "the last one before", "the first one after, in the old log"],
)
def test_the_last_verification_before_the_action_is_named_or_else_the_first_after(
    verifications, seq, why
):
    finding = unverified_enforcement(ACTION, verifications)
    assert finding.details["why"] == f"{why}; the disposition states a reason"
    assert finding.details.get("verified_seq") == seq
