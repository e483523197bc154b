"""From when on the rules of the log raise findings, unless a department sets it otherwise (policy 468.3.1(c))."""

import pytest

from services.audit.settings import Settings

DEFAULTS = {
    "audit_refusals": 5,
    "audit_refusals_minutes": 15,
    "audit_searches_per_hour": 60,
    "audit_plate_searches": 10,
    "audit_plate_cases": 3,
    "audit_plate_days": 30,
    "audit_corrections_per_day": 30,
    "audit_plate_corrections": 5,
    "audit_late_minutes": 30,
    "audit_gap_minutes": 15,
    "audit_due_days": 90,
    "audit_stall_minutes": 5,
    "audit_disk_share": 0.5,
    "audit_checkpoint_entries": 10_000,
    "audit_checkpoint_s": 60,
    "audit_notice_hours": 24,
}


@pytest.mark.clause("468.3.1(c)/monitoring")
@pytest.mark.parametrize(("name", "value"), DEFAULTS.items())
def test_findings_are_raised_from_the_documented_numbers_on(name, value):
    assert Settings.model_fields[name].default == value
