"""Notices of findings to the department, so that people learn of them without opening a page (468.3.1(c), ADR-0075)."""

from datetime import timedelta
from functools import partial

from prometheus_client import Gauge

from services.audit.domain.notices import NoticedFinding, message_of
from services.audit.settings import NoticeSettings
from services.audit.store.notices import FINDINGS
from shared.notices.message import Retries
from shared.notices.sender import Outbound

UNSENT = Gauge("alpr_findings_unsent", "Findings not yet delivered to a receiver", ["receiver"])
DEAD = Gauge(
    "alpr_findings_dead_lettered",
    "Findings whose notice is a dead letter of a receiver",
    ["receiver"],
)

MAX_PAUSE = timedelta(minutes=15)


def notices_of(settings: NoticeSettings) -> Outbound[NoticedFinding]:
    """Return the notices of findings, as the settings say."""
    return Outbound(
        "findings",
        FINDINGS,
        partial(message_of, console_url=settings.audit_console_url),
        Retries(timedelta(hours=settings.audit_notice_hours), MAX_PAUSE),
        UNSENT,
        DEAD,
    )
