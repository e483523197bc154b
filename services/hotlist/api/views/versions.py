"""Versions of hot lists in answers."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.hotlist.actions.uploading import Uploaded
from services.hotlist.actions.versions import Changes
from services.hotlist.domain.csv_import import SetAside
from services.hotlist.domain.entries import Kinds
from services.hotlist.store.lists import Version
from shared.http.models import ResolvedRegionOut, resolved_regions


class VersionOut(BaseModel):
    """One version of a hot list."""

    list_id: UUID
    version: int
    state: Literal["draft", "active", "retired", "dropped"]
    """`dropped`: its entries are no longer kept, so it cannot be rolled back to."""

    entries: int
    as_of: datetime
    skipped: dict[str, int]
    """Rows left out because the import of their record kind is switched off."""

    skipped_because: list[str] = []
    set_aside: int
    """Count of bad lines of its upload; `GET …/versions/{version}/set-aside` lists them with their faults."""

    needs_second_word: bool
    """The version loses so much of the list that a person who did not upload it must put it in force."""

    regions: list[ResolvedRegionOut] = []
    """For an upload: each short form of a state, with the region that the service read it as."""

    sha256: str | None
    created_at: datetime
    created_by: str

    @classmethod
    def of(
        cls,
        version: Version,
        kinds: Kinds,
        *,
        needs_second_word: bool,
        regions: Mapping[str, str] = MappingProxyType({}),
    ) -> Self:
        """Return a version as the API shows it, with the switches of its list and the `regions` of its upload."""
        return cls(
            list_id=version.list_id,
            version=version.version,
            state=version.state,
            entries=version.entries,
            as_of=version.as_of,
            skipped=version.skipped,
            skipped_because=[str(kinds.off[kind]) for kind in version.skipped if kind in kinds.off],
            set_aside=version.set_aside,
            needs_second_word=needs_second_word,
            regions=resolved_regions(regions),
            sha256=version.sha256,
            created_at=version.created_at,
            created_by=version.created_by,
        )

    @classmethod
    def of_uploaded(cls, uploaded: Uploaded) -> Self:
        """Return the version that an upload made."""
        return cls.of(
            uploaded.version,
            uploaded.kinds,
            needs_second_word=uploaded.needs_second_word,
            regions=uploaded.regions,
        )


class ChangesOut(BaseModel):
    """What putting a version in force changes, in place of the version that is in force now."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    version: int
    in_force: int | None
    """The version in force now; null without one."""

    added: int
    removed: int
    unchanged: int
    needs_second_word: bool
    """The version loses so much of the list that a person who did not upload it must put it in force."""

    yours: bool
    """The caller made the version, gave its layout, or the credential of the feed that delivered it."""

    as_of: datetime
    """When the source made the extract."""

    older: bool
    """The extract is older than the one in force: to put it in force needs a reason."""

    @classmethod
    def of(cls, changes: Changes) -> Self:
        """Return the changes as the API shows them."""
        difference = changes.difference
        return cls(
            version=changes.version.version,
            in_force=changes.in_force,
            added=difference.added,
            removed=difference.removed,
            unchanged=difference.unchanged,
            needs_second_word=changes.needs_second_word,
            yours=changes.yours,
            as_of=changes.version.as_of,
            older=changes.older,
        )


class SetAsideOut(BaseModel):
    """A line of an upload that did not become an entry; lines and columns count from 1."""

    line: int
    column: int | None
    field: str | None
    fault: str
    content: str
    """The line as uploaded, cut after 2,000 characters; for a duplicate entry, rebuilt from its fields."""

    @classmethod
    def of(cls, one: SetAside) -> Self:
        """Return a line as the API shows it."""
        return cls(**one.fault.as_problem, content=one.content)
