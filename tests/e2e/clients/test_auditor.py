"""An auditor searches the log, draws a month's sample, reviews it; another auditor signs the audit off."""

import asyncpg
import pytest

from local.demo.auditing import audit_purpose
from local.stack.data import port_of
from local.stack.postgres import Postgres
from shared.testing import eventually
from tests.e2e.clients.python import refusal

pytestmark = pytest.mark.clients

MONTHS = 3
"""Ended months with accesses, one for each client: a month has one audit."""
ACCESSES = 3
"""Accesses of each month."""

DATE_BACK = """
    SET LOCAL session_replication_role = replica;  -- without triggers: the log is append-only
    UPDATE audit.entries SET appended_at = appended_at - interval '{months} months' WHERE seq = 0;
    UPDATE audit.entries e SET occurred_at = e.occurred_at - interval '1 month' * (1 + n % {months})
    FROM (
        SELECT seq, row_number() OVER (ORDER BY seq) AS n FROM audit.entries
        WHERE kind = 'access.attempted' AND allowed ORDER BY seq LIMIT {accesses}
    ) chosen WHERE chosen.seq = e.seq;
"""


def auditor(service, *, auditor, second_auditor):
    audit = service("audit", auditor)
    purpose = declared(service("identity", auditor))
    allowed = audit.model("EntryQuery", kind="access.attempted", outcome="allowed", limit=5)
    entries = audit.search_entries(allowed, purpose=purpose).items
    periods = audit.list_periods(purpose=purpose).items
    period = next(one for one in periods if one.drawable and one.audit_id is None)
    drawn = audit.draw_audit(audit.model("AuditIn", period_seq=period.seq), purpose=purpose)
    proper = audit.model("ReviewIn", outcome="proper")
    for item in drawn.items:
        reviewed = audit.review_item(drawn.audit_id, item.number, proper, purpose=purpose)
    statement = audit.model("SignOffIn", statement="Every access had its purpose")
    by_one_person = refusal(audit.sign_off_audit, drawn.audit_id, statement, purpose=purpose)
    second = service("audit", second_auditor)
    its_purpose = declared(service("identity", second_auditor))
    signed_off = second.sign_off_audit(drawn.audit_id, statement, purpose=its_purpose)
    return {
        "without_purpose": refusal(audit.search_entries, allowed),
        "entries": [[one.kind, one.allowed] for one in entries],
        "sample": len(drawn.items),
        "reviewed": reviewed.reviewed,
        "by_one_person": by_one_person,
        "signed_off_by": signed_off.signed_off_by.name,
    }


def declared(identity):
    """Declare an audit; return its token."""
    purpose = identity.model(
        "PurposeIn",
        kind="audit",
        offence_type="periodic audit",
        case_number="AUD-2026-01",
        justification="The monthly audit of accesses",
    )
    return identity.declare_purpose(purpose).purpose_token


@pytest.fixture(scope="module")
async def ended_months(department, stack_folder):
    """Wait until months can be audited: the log's first entry and a few accesses are dated back in its columns.

    The text of the entries, which the log's hashes cover, stays unchanged.
    """
    server = Postgres(stack_folder / "postgres", port=port_of(stack_folder / "postgres"))
    database = await asyncpg.connect(server.superuser_url())
    async with database.transaction():
        await database.execute(DATE_BACK.format(months=MONTHS, accesses=MONTHS * ACCESSES))
    await database.close()
    person = department.auditor
    purpose = await audit_purpose(person)

    async def drawable():
        found = await person.must("audit", "GET", "/v1/audits/periods", purpose=purpose)
        return sum(period["drawable"] for period in found["items"]) == MONTHS

    await eventually(drawable, within_s=60, every_s=0.5)


async def test_an_auditor_reviews_a_months_sample_and_another_signs_it_off(
    run, tokens, ended_months
):
    answers = run(auditor, auditor=tokens["auditor"], second_auditor=tokens["second_auditor"])
    assert answers == {
        "without_purpose": {"status": 403, "code": "purpose_missing"},
        "entries": [["access.attempted", True]] * 5,
        "sample": ACCESSES,
        "reviewed": ACCESSES,
        "by_one_person": {"status": 403, "code": "audit_signed_by_subject"},
        "signed_off_by": "Jin Park",
    }
