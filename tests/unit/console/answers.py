"""Answers of services about purges and requests for data, as pages of several tests show them."""

from tests.unit.console.services import HIT, PERSON

REQUEST = "0199c0de-0000-7000-8000-0000000005e1"
SERGEANT = PERSON | {"person_id": "p-sergeant", "name": "Sgt. Lee", "title": "Sergeant"}
DANA = PERSON | {"person_id": "p-dana", "name": "Dana Ruiz", "agency_ori": "CA0520000"}
OTHER = PERSON | {"person_id": "p-other", "name": "C. Records", "title": "Custodian of Records"}
AT = "2026-06-01T10:00:00+00:00"
BASIS = {
    "floor_days": 365, "schedule_days": 400, "schedule_id": "CPD-RS-2026-04",
    "schedule_in_force_from": "2026-01-01", "resolution_id": "Resolution 2026-011",
    "attorney_consent_id": "Consent 2026-01-20",
}  # fmt: skip


def a_run(**changes):
    return {
        "run_id": HIT, "kind": "single", "state": "proposed", "before": "2025-04-01T00:00:00Z",
        "day": None, "standing_id": None, "basis": BASIS, "reason": "Schedule adopted",
        "proposed_by": OTHER, "proposed_at": AT, "decided_by": None, "decided_at": None,
        "decision_note": None, "withdrawn_by": None, "withdrawn_at": None, "withdrawal_note": None, "executed_by": None, "started_at": None, "executed_at": None,
        "certified_at": None, "reads": 0, "captures": 0, "objects": 0, "kept_under_hold": 0,
        "months_dropped": [], "orphans": 0, "orphans_left": 0, "odd_objects": 0, "swept_at": None,
        **changes,
    }  # fmt: skip


def a_schedule(**changes):
    return {
        "basis": BASIS, "missing": [], "due_before": "2025-04-27T12:00:00Z", "overdue_months": [],
        "standing": None, **changes,
    }  # fmt: skip


def a_decision(**changes):
    return {
        "decision": "approve",
        "reason": "Scoped to one plate",
        "citation": None,
        "decided_by": SERGEANT,
        "decided_at": "2026-06-01T11:00:00Z",
        **changes,
    }


def a_request(**changes):
    """Return a request as release shows it."""
    return {
        "request_id": REQUEST,
        "status": "submitted",
        "agency_ori": "CA0520000",
        "agency_name": "Tehama County Sheriff",
        "agency_kind": "law_enforcement",
        "agency_state": "US-CA",
        "filed_by": DANA,
        "filed_at": "2026-05-30T10:00:00Z",
        "requester_name": "Dana Ruiz",
        "requester_title": "Detective",
        "purpose": "Locate the vehicle that left a robbery",
        "purpose_kind": "criminal_investigation",
        "case_number": "TCS-26-0417",
        "offence_type": "robbery",
        "criteria": {
            "captured_from": "2026-05-01T00:00:00Z",
            "captured_to": "2026-05-02T00:00:00Z",
            "plate": "7ABC123",
            "device_ids": [],
            "include_images": True,
        },
        "restricted": False,
        "legal_authority": None,
        "decisions": [],
        "expires_at": None,
        "package": None,
        "failure": None,
        "withdrawal": None,
        "receipts": [],
        "review": {
            "approvals_needed": 2 if changes.get("restricted") else 1,
            "approvals": len(changes.get("decisions", [])),
            "not_by": ["p-registrar"],
        },
        **changes,
    }
