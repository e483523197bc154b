"""The people who may review an access and sign off a sampled audit, whom the page names beforehand."""

import pytest

from services.console.domain.sampled_audits import WORK, why_not_review, why_not_sign

MAY = frozenset({WORK})


def an_audit(*, reviewed=1, drawn_by="drawer", reviewed_by="reviewer"):
    item = {"number": 1, "reviewed_by": {"person_id": reviewed_by}}
    return {"items": [item], "reviewed": reviewed, "drawn_by": {"person_id": drawn_by}}


def test_another_person_with_the_permission_signs_a_reviewed_audit():
    assert why_not_sign(an_audit(), "signer", MAY) == ""


@pytest.mark.parametrize(
    ("audit", "permissions", "why"),
    [
        (an_audit(), frozenset(), "your role does not let you draw"),
        (an_audit(reviewed=0), MAY, "1 of 1 accesses are not reviewed yet"),
        (an_audit(drawn_by="signer"), MAY, "another person signs it off"),
        (an_audit(reviewed_by="signer"), MAY, "another person signs it off"),
    ],
)
def test_every_other_person_gets_the_reason(audit, permissions, why):
    assert why in why_not_sign(audit, "signer", permissions)


def test_an_access_is_reviewed_by_another_person_with_the_permission():
    entry = {"person_id": "officer"}
    assert why_not_review(entry, "auditor", MAY) == ""
    assert "another person reviews it" in why_not_review(entry, "officer", MAY)
    assert "your role does not" in why_not_review(entry, "auditor", frozenset())
