"""Announcements of alerts: who has to learn of them still, and how long they are stored."""

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.hotlist.domain.announcements import AnnouncedAlert
from shared.notices.store import Subject

_ACKNOWLEDGED = "EXISTS (SELECT FROM acknowledgements a WHERE a.hit_id = h.hit_id)"
_ENDED = "'ended' = ANY (string_to_array(h.standing, ' '))"

ALERTS = Subject(
    table="announcements f JOIN hits h USING (hit_id)",
    key="announcement_id",
    links="announcement_notices",
    is_open=f"""h.status = 'unverified' AND h.result IS NULL AND h.purged_at IS NULL AND CASE f.kind
        WHEN 'raised' THEN NOT {_ENDED}
        WHEN 'unanswered' THEN NOT {_ENDED} AND NOT {_ACKNOWLEDGED}
        WHEN 'unfinished' THEN {_ACKNOWLEDGED}
        ELSE true END""",
    fields="h.hit_id, f.kind, h.tier, f.at",
    order="f.at, f.announcement_id",
    item_of=AnnouncedAlert,
)
"""People learn of an alert until a person has verified it or recorded what came of it."""

_FORGET = text("DELETE FROM announcements WHERE at < :before")
_FORGET_NOTICES = text(
    "DELETE FROM notices n WHERE n.gathered_at < :before"
    " AND NOT EXISTS (SELECT FROM announcement_notices l WHERE l.notice_id = n.notice_id)"
)


class Announcements:
    """The announcements of alerts. No person sees their results."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def forget(self, before: datetime) -> None:
        """Delete the announcements from before a moment, and their notices: those alerts call no person any more."""
        await self._connection.execute(_FORGET, {"before": before})
        await self._connection.execute(_FORGET_NOTICES, {"before": before})
