"""Entries of hot lists in answers."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel

from services.hotlist.domain.entries import ListedEntry
from shared.http.models import Page, ResolvedRegionOut, cursor_of


class AddedEntriesOut(BaseModel):
    """The version in force with the new entries."""

    list_id: UUID
    version: int
    entry_ids: list[UUID]
    regions: list[ResolvedRegionOut] = []
    """Each short form of a state, with the region that the service read it as."""


class RemovedEntryOut(BaseModel):
    """The version in force without the entry."""

    list_id: UUID
    version: int


class EntryOut(BaseModel):
    """An entry of a hot list."""

    entry_id: UUID
    plate: str
    plate_listed: str
    partial: bool
    state: str | None
    record_kind: str
    reason: str | None
    entering_ori: str
    entering_reference: str | None
    make: str | None
    model: str | None
    colour: str | None
    year: int | None
    caution: str | None
    valid_from: datetime | None
    expires_at: datetime | None
    entered_at: datetime
    entered_by: str

    @classmethod
    def of(cls, entry: ListedEntry) -> Self:
        """Return an entry as the API shows it."""
        return cls(**asdict(entry), state=entry.region)


class EntriesOut(Page[EntryOut]):
    """A page of the entries of a version."""

    version: int | None

    @classmethod
    def of_version(cls, version: int | None, entries: Sequence[ListedEntry], limit: int) -> Self:
        """Return a page of at most `limit` entries; a full page names the next."""
        more = cursor_of(entries[-1].entry_id) if len(entries) == limit else None
        return cls(items=[EntryOut.of(entry) for entry in entries], next=more, version=version)
