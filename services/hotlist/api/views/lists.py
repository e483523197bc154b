"""Hot lists in answers."""

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from services.hotlist.api.views.hits import OutcomesOut
from services.hotlist.domain.rating import staleness_limit_s
from services.hotlist.store.lists import HotList
from shared.core.policy import HotLists
from shared.events import Source


class ListOut(BaseModel):
    """A hot list, and its version in force."""

    list_id: UUID
    name: str
    agency_ori: str
    source: Source
    enabled: bool
    staleness_hours: int
    record_kinds_off: list[str]
    active_version: int | None
    entries: int
    as_of: datetime | None
    activated_at: datetime | None
    stale: bool
    created_at: datetime
    created_by: str
    has_layout: bool = Field(
        default=False,
        description="Its files are as its source writes them; `GET …/layout` says how. False: they are our own CSV.",
    )

    @classmethod
    def of(cls, hot_list: HotList, rules: HotLists, now: datetime) -> Self:
        """Return a list as the API shows it; `rules` limit its staleness."""
        limit_s = staleness_limit_s(hot_list.source, hot_list.staleness_s, rules)
        as_of = hot_list.as_of
        return cls(
            list_id=hot_list.list_id,
            name=hot_list.name,
            agency_ori=hot_list.agency_ori,
            source=hot_list.source,
            enabled=hot_list.enabled,
            staleness_hours=limit_s // 3600,
            record_kinds_off=hot_list.kinds_off,
            active_version=hot_list.active_version,
            entries=hot_list.entries,
            as_of=as_of,
            activated_at=hot_list.activated_at,
            stale=as_of is not None and (now - as_of).total_seconds() > limit_s,
            created_at=hot_list.created_at,
            created_by=hot_list.created_by,
            has_layout=hot_list.layout is not None,
        )


class YieldOut(OutcomesOut):
    """Counts of a list's hits: a list whose hits are mostly misreads costs more than it gives."""

    list_id: UUID
    since: datetime | None
