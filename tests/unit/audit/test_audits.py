"""Who may review and sign off an audit, and who may work on a finding."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.audit.domain.audits import (
    Audit,
    Item,
    check_open,
    check_reviewer,
    check_sign_off,
    item_to_review,
)
from services.audit.domain.findings import Finding, Step, check_work
from services.audit.domain.policies import ACKNOWLEDGING_ROLES, check_role
from services.audit.domain.problem_codes import Code
from services.audit.domain.sampling import draw, sample_of, sample_size
from shared.core.errors import Conflict, NotAuthorised, NotFound
from shared.events import Actor

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def an_actor(person_id):
    return Actor(person_id=person_id, name="A. Person", title="Auditor", agency_ori="CA0520100")


def an_item(number, reviewed_by=None):
    if reviewed_by is None:
        return Item(number=number, seq=40 + number)
    by = an_actor(reviewed_by)
    return Item(number=number, seq=40 + number, outcome="proper", note="", reviewed_by=by)


def an_audit(*items, signed_off_at=None):
    return Audit(
        audit_id=UUID(int=1),
        period_seq=9,
        occurred_from=NOON,
        occurred_to=NOON,
        log_size=50,
        root_hash=bytes(32),
        seed=bytes(32),
        population=len(items),
        drawn_by=an_actor("drawer"),
        drawn_at=NOON,
        old_log=False,
        signed_off_by=None,
        signed_off_at=signed_off_at,
        statement=None,
        items=list(items),
    )


def code_of(raised):
    return raised.value.problem


def test_an_open_audit_accepts_work_and_a_signed_one_does_not():
    check_open(an_audit())
    with pytest.raises(Conflict) as raised:
        check_open(an_audit(signed_off_at=NOON))
    assert code_of(raised) is Code.AUDIT_SIGNED_OFF


def test_an_item_is_reviewed_once_and_only_if_the_audit_has_it():
    audit = an_audit(an_item(1, "reviewer"), an_item(2))
    assert item_to_review(audit, 2).seq == 42
    with pytest.raises(Conflict) as raised:
        item_to_review(audit, 1)
    assert code_of(raised) is Code.ITEM_REVIEWED
    for number in (0, 3):
        with pytest.raises(NotFound) as missing:
            item_to_review(audit, number)
        assert code_of(missing) is Code.ITEM_UNKNOWN


def test_a_reviewer_cannot_review_their_own_access():
    check_reviewer("officer", "reviewer")
    check_reviewer(None, "reviewer")
    with pytest.raises(NotAuthorised) as raised:
        check_reviewer("officer", "officer")
    assert code_of(raised) is Code.AUDIT_OF_OWN_ACCESS


def test_an_audit_is_signed_off_by_a_person_who_neither_drew_nor_reviewed_it():
    audit = an_audit(an_item(1, "first"), an_item(2, "second"))
    assert audit.reviewed == 2
    check_sign_off(audit, "supervisor")
    for person_id in ("drawer", "first", "second"):
        with pytest.raises(NotAuthorised) as raised:
            check_sign_off(audit, person_id)
        assert code_of(raised) is Code.AUDIT_SIGNED_BY_SUBJECT


def test_an_audit_is_signed_off_only_with_every_item_reviewed():
    audit = an_audit(an_item(1, "reviewer"), an_item(2), an_item(3))
    assert audit.reviewed == 1
    with pytest.raises(Conflict) as raised:
        check_sign_off(audit, "supervisor")
    assert code_of(raised) is Code.AUDIT_UNREVIEWED
    assert "2 items" in raised.value.detail


def a_finding(status="open"):
    return Finding(
        finding_id=UUID(int=2),
        kind="many_searches",
        subject="officer",
        details={},
        captured_on=NOON.date(),
        raised_at=NOON,
        status=status,
        assigned_to=None,
        outcome=None,
        steps=[],
    )


def a_step(by="auditor", assigned_to=None):
    return Step(
        change="assigned", by=an_actor(by), at=NOON, note="Ask them", assigned_to=assigned_to
    )


def test_a_finding_is_worked_by_and_assigned_to_others_than_its_subject():
    for status in ("open", "assigned"):
        check_work(a_finding(status), a_step(assigned_to="sergeant"))
    for step in (a_step(by="officer"), a_step(assigned_to="officer")):
        with pytest.raises(NotAuthorised) as raised:
            check_work(a_finding(), step)
        assert code_of(raised) is Code.FINDING_WORKED_BY_SUBJECT


def test_a_closed_finding_accepts_no_step_and_its_subject_is_refused_first():
    with pytest.raises(Conflict) as raised:
        check_work(a_finding("closed"), a_step())
    assert code_of(raised) is Code.FINDING_CLOSED
    with pytest.raises(NotAuthorised):
        check_work(a_finding("closed"), a_step(by="officer"))


def test_a_policy_is_acknowledged_in_a_role_that_the_person_holds():
    assert ACKNOWLEDGING_ROLES == ("alpr_administrator", "auditor")
    check_role("auditor", {"audit:read"}, {"audit:read", "audit:work"})
    with pytest.raises(NotAuthorised) as raised:
        check_role("auditor", {"audit:read", "audit:work"}, {"audit:read"})
    assert code_of(raised) is Code.POLICY_ROLE_MISSING


def test_a_sample_has_the_drawn_members_of_the_population_in_order():
    population = list(range(1000, 1400))
    size = sample_size(400)
    places = draw(b"seed", 400, size)
    assert sample_of(b"seed", population) == [1000 + place for place in places]
    assert sample_of(b"seed", []) == []
