"""Announcements of urgent alerts to the department's receivers, which no open page needs (ADR-0143)."""

from datetime import timedelta
from functools import partial

from prometheus_client import Gauge

from services.hotlist.domain.announcements import AnnouncedAlert, message_of
from services.hotlist.settings import NoticeSettings
from services.hotlist.store.announcements import ALERTS
from shared.notices.message import Retries
from shared.notices.sender import Outbound

UNSENT = Gauge(
    "alpr_announcements_unsent", "Announcements not yet delivered to a receiver", ["receiver"]
)
DEAD = Gauge(
    "alpr_announcements_dead_lettered",
    "Announcements whose notice is a dead letter of a receiver",
    ["receiver"],
)

MAX_PAUSE = timedelta(minutes=1)


def announcements_of(settings: NoticeSettings) -> Outbound[AnnouncedAlert]:
    """Return the announcements of alerts, as the settings say."""
    return Outbound(
        "alerts",
        ALERTS,
        partial(message_of, console_url=settings.hotlist_console_url),
        Retries(timedelta(hours=settings.hotlist_notice_hours), MAX_PAUSE),
        UNSENT,
        DEAD,
    )
