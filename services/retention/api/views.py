"""Response models: records, passes, holds, exports, bookings, purges and signing keys."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict

from services.retention.actions.purges import Schedule
from services.retention.actions.read_exports import ReadExport
from services.retention.actions.searches import FoundReads, ReadsPage
from services.retention.domain.accuracy import SMALLEST_CELL, Figures, Judgement, Row
from services.retention.domain.details import Vehicle, characters_of
from services.retention.domain.holding import is_wide
from services.retention.domain.signing import ALGORITHM
from services.retention.store.accuracy import Report, State
from services.retention.store.bookings import Booking
from services.retention.store.exports import Export
from services.retention.store.holds import Hold
from services.retention.store.keys import KeyChange, PublicKey
from services.retention.store.passes import Pass
from services.retention.store.records import Capture, HitFlag, Read
from services.retention.store.runs import Run
from services.retention.store.search import LookalikePlates
from shared.access.grant import Grant
from shared.accounts.picture_links import LINK_TOKEN, PictureLinks
from shared.core.permissions import Permission
from shared.core.policy import Narrowness
from shared.core.regions import Region
from shared.core.types import Direction
from shared.http.models import BoxOut, CountOut, Page, PersonOut

S = TypeVar("S")
T = TypeVar("T")


class PlaceOut(BaseModel):
    """The place of the camera: WGS 84 degrees, the heading clockwise from north."""

    latitude: float
    longitude: float
    heading_deg: float | None = None


class ConsideredOut(BaseModel):
    """A character that the reader considers possible in a place of the plate, with its probability from 0 to 1."""

    text: str
    probability: float


class CharacterOut(BaseModel):
    """One character of a read, with its probability from 0 to 1."""

    text: str
    confidence: float | None = None
    alternatives: list[ConsideredOut] = []
    """The most probable characters in its place, four at the most; empty if the reader considers no other. The
    department's own engine puts the character itself first."""


class AlternativeOut(BaseModel):
    """Another plate that the reader considers possible in the same frame."""

    plate: str
    probability: float


class VehicleOut(BaseModel):
    """The vehicle as the camera or the engine described it; null where it did not."""

    make: str | None = None
    model: str | None = None
    colour: str | None = None
    direction: Direction | None = None
    """As the camera sees the vehicle."""
    speed_kmh: float | None = None
    lane: int | None = None
    """As the camera counts its lanes."""

    @classmethod
    def of(cls, vehicle: Vehicle) -> "VehicleOut":
        """Return the view of a vehicle."""
        return cls(**msgspec.structs.asdict(vehicle))


class HitOut(BaseModel):
    """A machine match of this read with a hot list. It is unverified while `verification` is null."""

    hit_id: UUID
    record_kind: str
    tier: str
    source: str
    verification: str | None = None
    disposition: str | None = None


class ReadOut(BaseModel):
    """One read of a plate."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "read_id": "0190a6a1-1111-8000-8000-000000000001",
                    "capture_id": "0190a6a1-2222-8000-8000-000000000002",
                    "plate": "7ABC123",
                    "plate_as_read": "7ABC123",
                    "region": "US-CA",
                    "confidence": 0.97,
                    "characters": [
                        {
                            "text": "7",
                            "confidence": 0.99,
                            "alternatives": [
                                {"text": "7", "probability": 0.99},
                                {"text": "1", "probability": 0.01},
                            ],
                        }
                    ],
                    "captured_at": "2026-06-01T12:00:00Z",
                    "received_at": "2026-06-01T12:00:01Z",
                    "late": False,
                    "device_id": "0190a6a1-3333-8000-8000-000000000003",
                    "device_name": "Solano St at Third",
                    "place": {"latitude": 39.9277, "longitude": -122.1792},
                    "source": "recognition",
                    "model": "plates@1f2e3d",
                    "has_crop": True,
                    "has_image": True,
                    "hits": [],
                }
            ]
        }
    )

    read_id: UUID
    capture_id: UUID | None = None
    plate: str
    plate_as_read: str
    region: str | None = None
    confidence: float
    characters: list[CharacterOut] = []
    captured_at: datetime
    received_at: datetime
    late: bool | None = None
    """Whether it arrived later than its device may keep it back, so that only the device vouches for its time. Null
    for a read from before this was recorded."""
    device_id: UUID
    device_name: str
    place: PlaceOut | None = None
    source: str
    model: str
    box: BoxOut | None = None
    has_crop: bool
    has_image: bool
    crop_url: str | None = None
    """A link to the plate's picture as part of this answer. It works for the caller, for ten minutes."""
    alternatives: list[AlternativeOut] = []
    misread_risk: float | None = None
    """The probability of a wrong character, 0 to 1; null if the reader gives none."""
    vehicle: VehicleOut | None = None
    pass_id: UUID | None = None
    """The read's pass; null while it has none."""
    pass_agrees: bool | None = None
    """Whether the pass has the same plate. If false, check the pass before you act on this read."""
    hits: list[HitOut] = []

    @classmethod
    def of(cls, read: Read, *, crop_url: str | None = None) -> "ReadOut":
        """Return the view of a read."""
        box = read.details.box_px
        return cls(
            read_id=read.read_id,
            capture_id=read.capture_id,
            plate=read.plate,
            plate_as_read=read.plate_as_read,
            region=read.region,
            confidence=read.confidence,
            characters=[
                CharacterOut(
                    text=text,
                    confidence=sure,
                    alternatives=[ConsideredOut(text=t, probability=p) for t, p in others],
                )
                for text, sure, others in characters_of(read.details)
            ],
            captured_at=read.captured_at,
            received_at=read.received_at,
            late=read.late,
            device_id=read.device_id,
            device_name=read.device_name,
            place=_place(read),
            source=read.source,
            model=read.model,
            box=BoxOut(x_px=box[0], y_px=box[1], width_px=box[2], height_px=box[3])
            if box
            else None,
            has_crop=read.crop_key is not None,
            has_image=read.image_key is not None,
            crop_url=crop_url,
            alternatives=[
                AlternativeOut(plate=plate, probability=probability)
                for plate, probability in read.details.alternatives
            ],
            misread_risk=read.details.misread_risk,
            vehicle=VehicleOut.of(read.details.vehicle) if read.details.vehicle else None,
            pass_id=read.pass_flag.pass_id if read.pass_flag else None,
            pass_agrees=read.pass_flag.agrees if read.pass_flag else None,
            hits=[_hit(flag) for flag in read.hits],
        )


class ReadsOut(Page[ReadOut]):
    """A page of reads, newest first; its `next` belongs to the same request."""

    captured_from: datetime | None = None
    """The searched window, without the time for which the schedule keeps no records."""
    captured_to: datetime | None = None
    searched_from: datetime | None = None
    """The begin of the part of the window that is searched so far, if the search ended this page for its time. The
    page may then have fewer reads than `limit`, or none; `next` continues."""
    region: str | None = None
    """The region of the search, in its full form."""
    taken_from: str | None = None
    """The short form in the request that was read as `region`."""


class LookalikeOut(BaseModel):
    """A plate that matches with look-alikes, and its newest read."""

    plate: str
    likelihood: float
    """Relative to a plate that matches as typed, which has 1; less for each character that a reader may confuse."""
    newest: ReadOut


class LookalikesOut(BaseModel):
    """The plates that match with look-alikes, the most likely first, and the equally likely in order of the text."""

    items: list[LookalikeOut]
    more: bool
    """Whether further plates match, none of them more likely: give more known characters to see them."""

    @classmethod
    def of(cls, found: LookalikePlates, grant: Grant, links: PictureLinks) -> "LookalikesOut":
        """Return the view of plates."""
        reads = reads_out([one.newest for one in found.plates], grant, links)
        items = [
            LookalikeOut(plate=read.plate, likelihood=one.likelihood, newest=read)
            for one, read in zip(found.plates, reads, strict=True)
        ]
        return cls(items=items, more=found.more)


class ExportPurposeOut(BaseModel):
    """The declared purpose of an export."""

    purpose_id: UUID | None = None
    kind: str
    offence_type: str | None = None
    case_number: str | None = None
    call_number: str | None = None


class ReadExportOut(BaseModel):
    """The beginning of a file of reads: what it was made for, and the access record that it belongs to."""

    attempt_id: UUID
    """The attempt on record, to which the log's disclosures of these reads belong."""
    request_id: str
    exported_at: datetime
    agency_ori: str
    purpose: ExportPurposeOut
    policy_version: str
    policy_digest: str
    captured_from: datetime
    """The searched window, without the time for which the schedule keeps no records."""
    captured_to: datetime

    @classmethod
    def of(cls, export: ReadExport) -> "ReadExportOut":
        """Return the view of an export that has begun."""
        grant, policy = export.grant, export.search.runtime.policy
        captured_from, captured_to = export.first.criteria.window
        return cls(
            attempt_id=grant.attempt_id,
            request_id=grant.request_id,
            exported_at=grant.now,
            agency_ori=grant.principal.agency_ori,
            purpose=ExportPurposeOut.model_validate(grant.declared.record, from_attributes=True),
            policy_version=policy.version,
            policy_digest=policy.digest,
            captured_from=captured_from.astimezone(UTC),
            captured_to=captured_to.astimezone(UTC),
        )


class ReadExportEndOut(BaseModel):
    """The end of a file of reads."""

    complete: bool = False
    records: int = 0
    next: str | None = None
    """Of an incomplete file: `after` of the request that continues it."""
    problem: dict[str, Any] | None = None
    """Why the file is incomplete: a problem document."""

    def with_piece(self, page: ReadsPage) -> "ReadExportEndOut":
        """Return the end of a file that has one piece more."""
        records = self.records + len(page.reads)
        return ReadExportEndOut(complete=page.next is None, records=records, next=page.next)

    def with_problem(self, problem: dict[str, Any]) -> "ReadExportEndOut":
        """Return the end of a file that a problem cut short."""
        return self.model_copy(update={"complete": False, "problem": problem})


class CaptureOut(BaseModel):
    """One frame, with or without reads."""

    capture_id: UUID
    captured_at: datetime
    received_at: datetime
    late: bool | None = None
    """The same as `late` of a read."""
    time_source: str
    device_id: UUID
    device_name: str
    place: PlaceOut | None = None
    outcome: str
    reason: str | None = None
    reads: int
    model: str
    sha256: str
    media_type: str
    size_bytes: int
    width_px: int
    height_px: int

    @classmethod
    def of(cls, capture: Capture) -> "CaptureOut":
        """Return the view of a capture."""
        plain = {name: getattr(capture, name) for name in cls.model_fields if name != "place"}
        return cls(**plain, place=_place(capture))


class OtherReadingOut(BaseModel):
    """Another plate that some frames of the pass show."""

    plate: str
    reads: int
    share: float
    """Share of all votes, 0 to 1; each read's vote weighs as its confidence."""


class OtherCharacterOut(BaseModel):
    """A character that some frames have instead of the winning one; an empty `text` means no character."""

    text: str
    share: float


class DissentOut(BaseModel):
    """A position of the plate, from 0, at which the frames disagree."""

    place: int
    others: list[OtherCharacterOut]


class PassOut(BaseModel):
    """One vehicle going by one camera. At least one of its frames has the pass's plate."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "pass_id": "0190a6a1-4444-8000-8000-000000000004",
                    "plate": "7ABC123",
                    "confidence": 0.62,
                    "characters": [{"text": "7", "confidence": 0.98}],
                    "agreed": False,
                    "other_readings": [{"plate": "7A8C123", "reads": 1, "share": 0.27}],
                    "readings_withheld": 0,
                    "dissent": [{"place": 2, "others": [{"text": "8", "share": 0.27}]}],
                    "region": "US-CA",
                    "misread_risk": 0.31,
                    "first_seen_at": "2026-06-01T12:00:00Z",
                    "last_seen_at": "2026-06-01T12:00:00.4Z",
                    "device_id": "0190a6a1-3333-8000-8000-000000000003",
                    "device_name": "Solano St at Third",
                    "best_read_id": "0190a6a1-1111-8000-8000-000000000001",
                    "late_read_ids": [],
                    "reads": [],
                }
            ]
        }
    )

    pass_id: UUID
    plate: str
    confidence: float
    """The lowest agreement on a character: its probability averaged over all frames."""
    characters: list[CharacterOut]
    agreed: bool
    """Whether all frames in the vote have this plate."""
    other_readings: list[OtherReadingOut] = []
    readings_withheld: int = 0
    """Number of other plates of the frames that are outside the declared purpose."""
    dissent: list[DissentOut] = []
    region: str | None = None
    misread_risk: float | None = None
    first_seen_at: datetime
    last_seen_at: datetime
    device_id: UUID
    device_name: str
    best_read_id: UUID
    """The most confident read of the pass's plate; view its picture first."""
    late_read_ids: list[UUID] = []
    """Reads that arrived after the vote, which does not count them."""
    reads: list[ReadOut]

    @classmethod
    def of(cls, found: Pass, reads: list[ReadOut]) -> "PassOut":
        """Return the view of a pass."""
        details = found.details
        return cls(
            pass_id=found.pass_id,
            plate=found.plate,
            confidence=found.confidence,
            characters=[CharacterOut(text=t, confidence=c) for t, c in details.characters],
            agreed=not details.alternatives and not found.withheld,
            other_readings=[
                OtherReadingOut(plate=plate, reads=reads, share=share)
                for plate, reads, share in details.alternatives
            ],
            readings_withheld=found.withheld,
            dissent=[
                DissentOut(
                    place=place,
                    others=[OtherCharacterOut(text=t, share=s) for t, s in others.items()],
                )
                for place, others in details.dissent
            ],
            region=found.region,
            misread_risk=found.misread_risk,
            first_seen_at=found.first_at,
            last_seen_at=found.last_at,
            device_id=found.device_id,
            device_name=found.device_name,
            best_read_id=found.best_read_id,
            late_read_ids=sorted(found.late),
            reads=reads,
        )


class HoldOut(BaseModel):
    """A hold, its criteria and its state."""

    hold_id: UUID
    basis: str
    case_number: str
    description: str
    criteria: dict[str, Any]
    in_force: bool
    placed_by: PersonOut | None
    placed_at: datetime
    released_by: PersonOut | None = None
    released_at: datetime | None = None
    release_reason: str | None = None
    wide: bool
    """Whether it covers more than a search may."""
    awaits_confirmation: bool
    """Whether its records stay hidden until a second person confirms it."""
    confirmed_by: PersonOut | None = None
    confirmed_at: datetime | None = None
    confirmation_reason: str | None = None

    @classmethod
    def of(cls, hold: Hold, rule: Narrowness) -> "HoldOut":
        """Return the view of a hold."""
        wide = is_wide(hold.criteria, rule)
        return cls(
            hold_id=hold.hold_id,
            basis=hold.basis,
            case_number=hold.case_number,
            description=hold.description,
            criteria=hold.criteria.as_json(),
            in_force=hold.released_at is None,
            placed_by=PersonOut.of(hold.placed_by),
            placed_at=hold.placed_at,
            released_by=PersonOut.of(hold.released_by),
            released_at=hold.released_at,
            release_reason=hold.release_reason,
            wide=wide,
            awaits_confirmation=wide and hold.confirmed_at is None and hold.released_at is None,
            confirmed_by=PersonOut.of(hold.confirmed_by),
            confirmed_at=hold.confirmed_at,
            confirmation_reason=hold.confirmation_reason,
        )


class WaitingHoldsOut(BaseModel):
    """Counts and ages of holds and exports, without any detail of one."""

    in_force: int
    oldest_placed_at: datetime | None
    unbooked: int
    """Number of exports without a copy booked into evidence."""
    oldest_requested_at: datetime | None


class ExportOut(BaseModel):
    """An export: the records under a hold as one signed package."""

    export_id: UUID
    hold_id: UUID
    case_number: str
    state: str
    """requested, ready, failed or withdrawn."""
    requested_by: PersonOut | None
    requested_at: datetime
    fault: str | None = None
    """The fault of the last failed attempt at packaging."""
    built_at: datetime | None = None
    sha256: str | None = None
    """The package's SHA-256, hexadecimal. A copy on a medium must have the same."""
    size_bytes: int | None = None
    reads: int | None = None
    hits: int | None = None
    """Number of hot list hits of the reads; null also for a package from before they were counted."""
    captures: int | None = None
    images: int | None = None
    omitted: int | None = None
    """Number of images that were missing or changed; the package lists them in `omitted.csv`."""
    signed_by: str | None = None
    copies_booked: int = 0
    """Number of bookings in force."""
    withdrawn_by: PersonOut | None = None
    withdrawn_at: datetime | None = None
    withdrawal_reason: str | None = None
    removed_at: datetime | None = None
    """The time at which the package was deleted, after the withdrawal or the release of the hold."""

    @classmethod
    def of(cls, export: Export, rule: Narrowness) -> "ExportOut":
        """Return the view of an export, without counts while its hold awaits confirmation (ADR-0028)."""
        people = ("requested_by", "withdrawn_by")
        plain = {name: getattr(export, name) for name in cls.model_fields if name not in people}
        if export.confirmed_at is None and is_wide(export.criteria, rule):
            plain |= dict.fromkeys(("reads", "hits", "captures", "images", "omitted"))
        return cls(
            **{**plain, "state": export.state.value},
            **{name: PersonOut.of(getattr(export, name)) for name in people},
        )


class ConfidenceBinOut(BaseModel):
    """Readings of the engine of like confidence."""

    confidence_from: float
    """Inclusive; the bin is a tenth wide."""
    readings: int
    same: int
    """How many of them are the recorded plate, with O and Q equal to 0, and I equal to 1."""


class AccuracyFiguresOut(BaseModel):
    """What the engine reads in the crops of a cell, compared with the recorded plates, as counts of reads.

    `judged` is the sum of `exact`, `folded`, `one_edit`, `further` and `no_read`.
    """

    judged: int
    exact: int
    folded: int
    """Equal only once O and Q equal 0, and I equals 1."""
    one_edit: int
    """One character more, fewer or other."""
    further: int
    no_read: int
    confidences: list[ConfidenceBinOut]

    @classmethod
    def of(cls, figures: Figures) -> "AccuracyFiguresOut":
        """Return the view of figures."""
        counts = {
            name: getattr(figures, name) for name in cls.model_fields if name != "confidences"
        }
        bins = [
            ConfidenceBinOut(
                confidence_from=place / len(figures.bins), readings=one.readings, same=one.same
            )
            for place, one in enumerate(figures.bins)
        ]
        return cls(**counts, confidences=bins)


class AccuracyRowOut(BaseModel):
    """The judged reads of one camera, state, source and judgement."""

    device_id: UUID
    device_name: str
    judgement: Judgement
    """What people said of the recorded plate: `right` or `wrong`."""
    region: str | None
    """The recorded issuer; null if it was not determined, and of a rest."""
    source: str | None
    """`edge`: the camera read the plate; `recognition`: the department's engine did; null of a rest."""
    is_rest: bool
    """Whether these are the camera's small cells of this judgement together."""
    figures: AccuracyFiguresOut | None
    """Null if there are fewer judged reads than `smallest_cell`."""

    @classmethod
    def of(cls, row: Row) -> "AccuracyRowOut":
        """Return the view of a row."""
        plain = {name: getattr(row, name) for name in cls.model_fields if name != "figures"}
        figures = None if row.figures is None else AccuracyFiguresOut.of(row.figures)
        return cls(**plain, figures=figures)


class AccuracyReportOut(BaseModel):
    """A report on accuracy: counts of verified reads, never a read."""

    report_id: UUID
    state: State
    requested_by: PersonOut | None
    requested_at: datetime
    captured_from: datetime
    captured_to: datetime
    device_ids: list[UUID]
    fault: str | None = None
    """The fault of the last failed attempt."""
    measured_at: datetime | None = None
    engine: str | None = None
    """The engine that read the crops, as `name@digest`."""
    smallest_cell: int = SMALLEST_CELL
    """A cell of fewer judged reads has no figures."""
    rows: list[AccuracyRowOut]

    @classmethod
    def of(cls, report: Report) -> "AccuracyReportOut":
        """Return the view of a report."""
        apart = ("requested_by", "smallest_cell", "rows", "device_ids")
        plain = {name: getattr(report, name) for name in cls.model_fields if name not in apart}
        return cls(
            **plain,
            requested_by=PersonOut.of(report.requested_by),
            device_ids=list(report.device_ids),
            rows=[AccuracyRowOut.of(row) for row in report.rows],
        )


class BookingOut(BaseModel):
    """A booking. It never changes; a correction is a further booking."""

    booking_id: UUID
    export_id: UUID
    evidence_number: str
    custodian_name: str
    custodian_title: str
    media_description: str
    media_serial: str
    sha256: str
    note: str | None = None
    booked_by: PersonOut | None
    booked_at: datetime
    in_force: bool
    corrects: UUID | None = None
    corrected_by: UUID | None = None

    @classmethod
    def of(cls, booking: Booking) -> "BookingOut":
        """Return the view of a booking."""
        plain = {name: getattr(booking, name) for name in cls.model_fields if name != "booked_by"}
        return cls(**plain, booked_by=PersonOut.of(booking.booked_by))


class RunOut(BaseModel):
    """A purge run, or a standing order for daily purges."""

    run_id: UUID
    kind: str
    state: str
    before: datetime | None
    day: date | None = None
    standing_id: UUID | None = None
    basis: dict[str, Any]
    """The legal basis: ages, schedule, resolution, the attorney's consent."""
    reason: str
    proposed_by: PersonOut | None
    proposed_at: datetime
    decided_by: PersonOut | None = None
    decided_at: datetime | None = None
    decision_note: str | None = None
    executed_by: PersonOut | None = None
    started_at: datetime | None = None
    executed_at: datetime | None = None
    certified_at: datetime | None = None
    reads: int
    captures: int
    objects: int
    kept_under_hold: int
    months_dropped: list[str]
    orphans: int
    """Deleted orphans: objects that no record names, such as frames without an event."""
    orphans_left: int
    """Orphans that stay, because a hold may cover them or they are recent."""
    odd_objects: int
    """Objects that stay, because their names have no camera and day, or a future day."""
    swept_at: datetime | None = None
    """The time at which the search for orphans past the schedule was complete."""

    @classmethod
    def of(cls, run: Run) -> "RunOut":
        """Return the view of a run."""
        people = ("proposed_by", "decided_by", "executed_by")
        plain = {
            name: getattr(run, name) for name in cls.model_fields if name not in {*people, "basis"}
        }
        plain["months_dropped"] = list(run.months_dropped)
        named = {name: PersonOut.of(getattr(run, name)) for name in people}
        return cls(**plain, **named, basis=run.basis.as_json())


class SignatureOut(BaseModel):
    """The signature of a document's canonical form: sorted keys, no spaces, UTF-8, without `signature`."""

    algorithm: str
    key_id: str
    value: str


class PurgeCertificateOut(BaseModel):
    """The certificate of a run, with every field that its signature covers."""

    model_config = ConfigDict(extra="allow")

    certificate: str
    run_id: str
    captured_before: str
    certified_at: str
    signature: SignatureOut


class BookingStatementOut(BaseModel):
    """The statement of a booking, with every field that its signature covers."""

    model_config = ConfigDict(extra="allow")

    statement: str
    booking_id: str
    export_id: str
    evidence_number: str
    booked_at: str
    signature: SignatureOut


class ScheduleOut(BaseModel):
    """The policy's retention schedule: missing facts, overdue months, the standing order for daily purges."""

    basis: dict[str, Any]
    missing: list[str]
    """Facts that the policy lacks; a purge requires all of them."""
    due_before: datetime
    """Records captured before this are past the schedule."""
    overdue_months: list[str]
    """Months that are wholly past the schedule but not destroyed: purges are behind, or must not run."""
    standing: RunOut | None
    """The standing order for daily purges that is in force; null if there is none."""

    @classmethod
    def of(cls, schedule: Schedule) -> "ScheduleOut":
        """Return the view of the schedule."""
        return cls(
            basis=schedule.basis.as_json(),
            missing=list(schedule.missing),
            due_before=schedule.due_before,
            overdue_months=list(schedule.overdue_months),
            standing=RunOut.of(schedule.standing) if schedule.standing else None,
        )


class PublicKeyOut(BaseModel):
    """A public key; `key_id` is the first half of the SHA-256 of its SubjectPublicKeyInfo."""

    key_id: str
    algorithm: str = ALGORITHM
    public_pem: str
    first_used_at: datetime
    last_used_at: datetime | None = None


class SigningKeyOut(PublicKeyOut):
    """The current signing key and the earlier ones.

    `changes` are statements, oldest first, in which each key names the next; the earlier key signs each of them.
    """

    earlier: list[PublicKeyOut] = []
    changes: list[dict[str, Any]] = []

    @classmethod
    def of(
        cls, key_id: str, known: Sequence[PublicKey], changes: Sequence[KeyChange]
    ) -> "SigningKeyOut":
        """Return the view of the key in force, `key_id`, with the others of `known`."""
        ends = {change.old_key_id: change.changed_at for change in changes}
        plain = {
            key.key_id: {
                "key_id": key.key_id,
                "public_pem": key.public_pem,
                "first_used_at": key.first_used_at,
                "last_used_at": ends.get(key.key_id),
            }
            for key in known
        }
        current = plain.pop(key_id)
        return cls(
            **current,
            earlier=[PublicKeyOut(**one) for one in plain.values()],
            changes=[change.statement for change in changes],
        )


def reads_out(reads: Sequence[Read], grant: Grant, links: PictureLinks) -> list[ReadOut]:
    """Return the views of reads for `grant`, with links to pictures if its person may view images."""
    return [ReadOut.of(read, crop_url=_crop_url(read, grant, links)) for read in reads]


def reads_page(page: ReadsPage, grant: Grant, links: PictureLinks) -> ReadsOut:
    """Return the view of a page of reads."""
    return ReadsOut(items=reads_out(page.reads, grant, links), next=page.next)


def exported_reads(page: ReadsPage) -> Iterator[dict[str, Any]]:
    """Yield the reads of a piece as plain values of JSON; without links, which belong to answers on a screen."""
    for read in page.reads:
        yield ReadOut.of(read).model_dump(mode="json", exclude={"crop_url"})


def found_reads(
    found: FoundReads, region: Region | None, grant: Grant, links: PictureLinks, *, counted: bool
) -> ReadsOut:
    """Return the view of a page of a search; `counted` adds the number of its reads if that of all was not asked."""
    out = reads_page(found.page, grant, links)
    if found.count is not None:
        out.count = CountOut(value=found.count.value, at_least=found.count.at_least)
    elif counted:
        out.count = CountOut(value=len(out.items), at_least=out.next is not None)
    out.captured_from, out.captured_to = found.criteria.window
    out.searched_from = found.searched_from
    if region is not None:
        out.region, out.taken_from = region
    return out


def page_out(
    found: Sequence[S], limit: int, view: Callable[[S], T], key: Callable[[S], object]
) -> Page[T]:
    """Return a page of at most `limit` items; `found` has one item more if others follow."""
    last = key(found[limit - 1]) if len(found) > limit else None
    return Page.of([view(one) for one in found[:limit]], last=last)


def _crop_url(read: Read, grant: Grant, links: PictureLinks) -> str | None:
    if read.crop_key is None or Permission.IMAGE_READ not in grant.principal.permissions:
        return None
    token = links.token(grant.attempt_id, read.read_id, grant.principal.account_id, grant.now)
    return f"/v1/reads/{read.read_id}/crop?{LINK_TOKEN}={token}"


def _place(record: Read | Capture) -> PlaceOut | None:
    if record.latitude is None or record.longitude is None:
        return None
    return PlaceOut(
        latitude=record.latitude, longitude=record.longitude, heading_deg=record.heading_deg
    )


def _hit(flag: HitFlag) -> HitOut:
    return HitOut(
        hit_id=flag.hit_id,
        record_kind=flag.record_kind,
        tier=flag.tier,
        source=flag.source,
        verification=flag.outcome,
        disposition=flag.disposition,
    )
