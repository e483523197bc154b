"""The bodies of answers and of alerts on the stream."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, Self
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict

from services.hotlist.actions.versions import Changes
from services.hotlist.domain.csv_import import SetAside
from services.hotlist.domain.entries import Kinds, ListedEntry
from services.hotlist.domain.hits import Disposition, Hit, Sighting, Verification
from services.hotlist.domain.rating import Outcome, staleness_limit_s
from services.hotlist.store.lists import HotList, Version
from shared.accounts.picture_links import LINK_TOKEN
from shared.core.errors import AlprError
from shared.core.policy import HotLists
from shared.events import DisplayedCaution, Source, Tier
from shared.http.app import members
from shared.http.models import (
    BoxOut,
    Page,
    PersonOut,
    ResolvedRegionOut,
    cursor_of,
    resolved_regions,
)

UNVERIFIED_NOTICE = (
    "Unverified. A machine match alone: verify through CLETS with the entering agency before"
    " enforcement action (policy 468.4(f))."
)


class DifferenceOut(BaseModel):
    """A position, from 0, where the read differs from the listing."""

    model_config = ConfigDict(from_attributes=True)

    position: int
    read: str
    listed: str


class CautionOut(BaseModel):
    """A warning to read before acting on a hit."""

    model_config = ConfigDict(from_attributes=True)

    code: str
    text: str


class ListedOut(BaseModel):
    """The list's description of the vehicle, and the agency that entered it."""

    model_config = ConfigDict(from_attributes=True)

    plate_listed_as: str
    reason: str | None
    entering_ori: str
    entering_reference: str | None
    make: str | None
    model: str | None
    colour: str | None
    valid_from: datetime | None
    expires_at: datetime | None


class VerificationOut(BaseModel):
    """A verification as recorded."""

    model_config = ConfigDict(from_attributes=True)

    method: str
    reference: str
    outcome: Outcome
    note: str | None
    at: datetime
    by: PersonOut


class DispositionOut(BaseModel):
    """A disposition as recorded."""

    model_config = ConfigDict(from_attributes=True)

    disposition: str
    enforcement: bool
    unverified_reason: str | None
    at: datetime
    by: PersonOut


class SightingOut(BaseModel):
    """A read of the pass that a hit represents."""

    model_config = ConfigDict(from_attributes=True)

    read_id: UUID
    captured_at: datetime
    confidence: float
    plate_read: str
    tier: Tier


class HitOut(BaseModel):
    """A hit, as in `GET /v1/hits` and on the alert stream."""

    hit_id: UUID
    seq: int
    """Rises in the order in which hits were raised; the `id` on the alert stream."""

    status: Literal["unverified", "verified"]
    notice: str | None
    """The notice to show with an unverified hit (468.4(f)); null once verified."""

    outcome: Outcome | None
    tier: Tier
    record_kind: str
    agency_ori: str
    list_id: UUID
    list_name: str
    list_version: int
    list_age_s: int
    """The age of the listing when the hit was raised."""

    list_stale: bool
    source: Source
    entry_id: UUID | None
    entry: ListedOut | None
    plate_listed: str | None
    region_listed: str | None
    plate_read: str | None
    plate_as_read: str | None
    region_read: str | None
    confidence: float
    differences: list[DifferenceOut]
    warnings: list[CautionOut]
    read_id: UUID | None
    """Null, like all fields about the vehicle, once the read is destroyed."""

    capture_id: UUID | None
    device_id: UUID | None
    device_name: str | None
    place: dict[str, float] | None
    captured_at: datetime | None
    received_at: datetime | None
    raised_at: datetime
    age_s: int | None
    """The age of the capture when the service sends this."""

    late: bool
    """The capture was old when the hit was raised, e.g. uploaded after an outage: no alert went out."""

    first_at: datetime | None
    last_at: datetime | None
    sightings: int
    box: BoxOut | None
    """Where the plate is in the whole picture; null if the camera did not say."""

    crop_url: str | None
    """A path below this service's address, like `image_url`; null without such a picture. Valid for this viewer, for
    ten minutes: the picture is part of the access of this answer or stream."""

    image_url: str | None
    """Fetching it is an access of its own."""
    purged_at: datetime | None
    """When the read's data were destroyed under the retention schedule."""


class WholeHitOut(HitOut):
    """A hit with its verification, dispositions and sightings."""

    verification: VerificationOut | None
    dispositions: list[DispositionOut]
    sightings_seen: list[SightingOut]


class HitsOut(Page[HitOut]):
    """One page of hits, and the capture time from which it shows them."""

    captured_since: datetime | None = None
    """Without a declared purpose: hits captured before this time need one. Null with a purpose."""


class WaitingTierOut(BaseModel):
    """The unverified hits of one tier."""

    model_config = ConfigDict(from_attributes=True)

    tier: Tier
    count: int
    oldest_at: datetime
    """When the first of them was raised."""


class WaitingHitsOut(BaseModel):
    """Counts and ages of unverified hits; shows no hit."""

    count: int
    oldest_at: datetime | None
    tiers: list[WaitingTierOut]


def hit_fields(hit: Hit, now: datetime, link: str | None) -> dict[str, Any]:
    """Return a hit's fields, with links to its pictures in place of their keys in the object store."""
    fields = msgspec.structs.asdict(hit)
    outvoted_by = fields.pop("outvoted_by")
    crop_key, image_key = fields.pop("crop_key"), fields.pop("image_key")
    base = f"/v1/hits/{hit.hit_id}"
    captured_at = hit.captured_at
    return {
        **fields,
        "warnings": [*hit.warnings, *_outvoted(outvoted_by)],
        "place": msgspec.to_builtins(hit.place),
        "notice": UNVERIFIED_NOTICE if hit.status == "unverified" else None,
        "age_s": captured_at and max(0, int((now - captured_at).total_seconds())),
        "crop_url": f"{base}/crop?{LINK_TOKEN}={link}" if crop_key and link else None,
        "image_url": f"{base}/image" if image_key else None,
    }


def _outvoted(reads: int | None) -> list[DisplayedCaution]:
    """Return the caution for a read that the other frames of its vehicle contradict, if they do."""
    if reads is None:
        return []
    detail = f"The {reads} frames of this vehicle, taken together, read another plate"
    return [DisplayedCaution("outvoted", detail)]


def hit_out(hit: Hit, now: datetime, link: str | None) -> HitOut:
    """Return a hit as lists of hits and alerts show it, with the viewer's `crop_link`."""
    return HitOut.model_validate(hit_fields(hit, now, link))


def alert(hit: Hit, now: datetime, link: str | None) -> bytes:
    """Return a hit as a Server-Sent Event; a client resumes from its id."""
    data = hit_out(hit, now, link).model_dump_json()
    return f"id: {hit.seq}\nevent: alert\ndata: {data}\n\n".encode()


def stream_end(why: AlprError) -> bytes:
    """Return the last Server-Sent Event of a stream: the problem document that says why it ends."""
    return f"event: end\ndata: {msgspec.json.encode(members(why)).decode()}\n\n".encode()


def hit_whole(
    hit: Hit,
    now: datetime,
    link: str | None,
    *,
    verification: Verification | None,
    dispositions: Sequence[Disposition],
    sightings: Sequence[Sighting],
) -> WholeHitOut:
    """Return a hit with its verification, dispositions and sightings."""
    return WholeHitOut.model_validate(
        {
            **hit_fields(hit, now, link),
            "verification": verification and VerificationOut.model_validate(verification),
            "dispositions": [DispositionOut.model_validate(one) for one in dispositions],
            "sightings_seen": [SightingOut.model_validate(one) for one in sightings],
        }
    )


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
        )


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
    """The caller made the version."""

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


class YieldOut(BaseModel):
    """Counts of a list's hits: a list whose hits are mostly misreads costs more than it gives."""

    list_id: UUID
    since: datetime | None
    hits: int
    unverified: int
    verified: int
    outcomes: dict[str, int]
    by_tier: dict[str, int]
    enforcement: int
    correct_share: float | None
    """Correct reads among verified hits; null while none is verified."""
