"""`plateward notices`: the notices of findings that no receiver accepted."""

from services.audit.actions.notices import notices_of
from services.audit.settings import NoticeSettings
from shared.notices.commands import Site, notices_command

SCHEMA = "audit"


def _site() -> Site:
    settings = NoticeSettings()
    return Site(SCHEMA, settings.database_link(), settings.notice_addresses, notices_of(settings))


NOTICES = notices_command("notices", "notices of findings", "AUDIT", _site)
