"""The log, its audits, findings and policies are open to people of this department alone, at each door."""

import pytest

from shared.core.permissions import Permission
from shared.events import AccessAttempted
from tests.integration.audit.conftest import OFFICER

ELSEWHERE = "CA0340100"
AUDIT = FINDING = "00000000-0000-4000-8000-0000000000b1"
DIGEST = "1" * 64
REASON = {"note": "Asked the sergeant"}
PERIOD = {"occurred_from": "2026-05-01T00:00:00Z", "occurred_to": "2026-05-08T00:00:00Z"}

DOORS = [
    ("GET", "/v1/audits", None),
    ("GET", "/v1/audits/periods", None),
    ("GET", "/v1/audits/periods/1/report", None),
    ("GET", "/v1/audits/periods/1/report/file", None),
    ("GET", f"/v1/audits/{AUDIT}", None),
    ("POST", "/v1/audits", {"period_seq": 1}),
    ("POST", f"/v1/audits/{AUDIT}/items/1/review", {"outcome": "proper"}),
    ("POST", f"/v1/audits/{AUDIT}/sign-off", {"statement": "Reviewed in full"}),
    ("POST", "/v1/breach-reports", {"person_id": OFFICER, **PERIOD}),
    ("POST", "/v1/entries/search", {}),
    ("GET", "/v1/entries/1", None),
    ("POST", "/v1/exports", {}),
    ("GET", "/v1/findings", None),
    ("GET", f"/v1/findings/{FINDING}", None),
    ("POST", f"/v1/findings/{FINDING}/assignment", {**REASON, "assigned_to": OFFICER}),
    ("POST", f"/v1/findings/{FINDING}/comments", REASON),
    ("POST", f"/v1/findings/{FINDING}/closure", {**REASON, "outcome": "explained"}),
    ("GET", "/v1/policies", None),
    ("POST", f"/v1/policies/{DIGEST}/acknowledgements", {"role": "auditor"}),
    ("GET", "/v1/proofs/inclusion?seq=0", None),
    ("GET", "/v1/proofs/consistency?old_size=0", None),
]


@pytest.mark.clause("468.3.1(d)/access-record")
@pytest.mark.parametrize(("method", "path", "body"), DOORS)
async def test_an_auditor_of_another_agency_is_refused_and_that_is_on_record(
    client, authority, runtime, bus, method, path, body
):
    held = (Permission.AUDIT_READ, Permission.AUDIT_WORK, Permission.POLICY_ACKNOWLEDGE)
    headers = {
        "Authorization": f"Bearer {authority.access_token(held, account_id=OFFICER, ori=ELSEWHERE)}",
        "X-ALPR-Purpose": authority.purpose_token(
            account_id=OFFICER, kind="audit", case_number=None, offence_type=None
        ),
    }
    answer = await client.request(method, path, json=body, headers=headers)
    assert answer.status_code == 403, answer.text
    assert answer.json()["code"] in ("department_only", "audit_department_only")
    await runtime.relay.drain()
    attempt = bus.events(AccessAttempted)[-1]
    assert (attempt.allowed, attempt.actor.agency_ori) == (False, ELSEWHERE)
