"""Hotlist's commands."""

from services.hotlist.actions.announcing import announcements_of
from services.hotlist.settings import NoticeSettings
from shared.notices.commands import Site, notices_command
from shared.service.command import by_name

SCHEMA = "hotlist"


def _site() -> Site:
    settings = NoticeSettings()
    return Site(
        SCHEMA, settings.database_link(), settings.notice_addresses, announcements_of(settings)
    )


COMMANDS = by_name(notices_command("alert-notices", "notices of alerts", "HOTLIST", _site))
