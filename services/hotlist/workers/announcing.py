"""Announces urgent alerts to the department's receivers. Wake the tasks when hits were raised or have changed."""

from collections.abc import Iterator

from services.hotlist.actions.announcing import announcements_of
from services.hotlist.settings import Settings
from shared.core.periodic import PeriodicTask
from shared.notices.receivers import receivers_of
from shared.notices.sender import NoticeSender
from shared.service.api_runtime import ApiRuntime


def announcing_tasks(runtime: ApiRuntime, settings: Settings) -> Iterator[PeriodicTask]:
    """Yield a task for each receiver that is set."""
    for receiver in receivers_of(settings.notice_addresses):
        sender = NoticeSender(runtime, announcements_of(settings), receiver)
        name = f"announcements by {receiver.name}"
        yield PeriodicTask(name, sender.send, settings.hotlist_poll_s, at_once=True)
