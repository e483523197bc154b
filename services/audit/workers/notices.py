"""Sends new findings to the department."""

import logging
from collections.abc import Iterator

from services.audit.actions.notices import notices_of
from services.audit.settings import NoticeSettings
from shared.core.periodic import PeriodicTask
from shared.notices.receivers import receivers_of
from shared.notices.sender import NoticeSender
from shared.service.api_runtime import ApiRuntime

log = logging.getLogger(__name__)


def notice_tasks(runtime: ApiRuntime, settings: NoticeSettings) -> Iterator[PeriodicTask]:
    """Yield a task for each receiver that is set."""
    receivers = list(receivers_of(settings.notice_addresses))
    if not receivers:
        log.warning(
            "neither AUDIT_NOTICE_URL nor AUDIT_MAIL_URL is set: only the console shows findings"
        )
    for receiver in receivers:
        sender = NoticeSender(runtime, notices_of(settings), receiver)
        yield PeriodicTask(f"notices by {receiver.name}", sender.send, settings.audit_notice_s)
