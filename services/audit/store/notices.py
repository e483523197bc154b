"""What notices of findings are about: unclosed findings, by id, kind and time, without the person or plate."""

from services.audit.domain.notices import NoticedFinding
from shared.notices.store import Subject

FINDINGS = Subject(
    table="findings f",
    key="finding_id",
    links="finding_notices",
    is_open="f.status <> 'closed'",
    fields="f.finding_id, f.kind, f.raised_at",
    order="f.raised_at, f.finding_id",
    item_of=NoticedFinding,
)
"""People learn of a finding until an auditor has closed it."""
