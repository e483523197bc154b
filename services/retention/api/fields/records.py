"""Request models: what searches, holds, reports and purges are asked with."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict

from services.retention.actions.holds import NewHold
from services.retention.actions.purges import Proposal
from services.retention.domain.corrections import PlateSeen
from services.retention.domain.criteria import Criteria
from services.retention.domain.destruction import Kind
from services.retention.domain.problem_codes import Code
from services.retention.domain.record_files import FileFormat
from shared.core.errors import InvalidInput, ValueRefused
from shared.core.fields import Moment, storable
from shared.core.regions import Region, parse_region
from shared.core.types import PlateText
from shared.core.vehicles import COLOURS, colour_named, make_named
from shared.http.areas import AreaIn
from shared.http.models import After, PlatePatternText, Reason, RequestBody, WholePlate

Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    AfterValidator(storable),
]
"""A name or a number: 1 to 100 characters."""

Sha256 = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$", to_lower=True, strip_whitespace=True)
]
_BY_PATTERN: JsonDict = {
    "plate": "7AB?1*",
    "captured_from": "2026-05-01T00:00:00Z",
    "captured_to": "2026-06-01T00:00:00Z",
}


def _colour(text: str) -> str:
    """Return the colour that a text names. Raises: ValueRefused with the known colours."""
    if (colour := colour_named(text)) is None:
        raise ValueRefused(Code.SEARCH_COLOUR_UNKNOWN, allowed=list(COLOURS))
    return colour


def _make(text: str) -> str:
    """Return the make that a text names. Raises: ValueRefused."""
    if (make := make_named(text)) is None:
        raise ValueRefused(Code.SEARCH_MAKE_UNKNOWN)
    return make


ColourText = Annotated[
    str,
    Field(
        max_length=30,
        description=f"One of {', '.join(COLOURS)}, or another word or NCIC code for one: silver is grey, beige is brown.",
        examples=["grey"],
    ),
    AfterValidator(_colour),
]
MakeText = Annotated[
    str,
    Field(
        max_length=30, description="A name, the start of one, or an NCIC code.", examples=["Toyota"]
    ),
    AfterValidator(_make),
]


RegionText = Annotated[str, Field(min_length=2, max_length=10, examples=["US-CA"])]


def _region_of(text: str | None, department_state: str) -> Region | None:
    """Return the region of a request's field, None without one. Raises: InvalidInput for an unknown region."""
    if text is None:
        return None
    try:
        return parse_region(text, department_state)
    except ValueRefused as exc:
        raise exc.at("body.region") from None


class ReadsQuery(RequestBody):
    """Conditions on reads: a plate or a pattern of one, or all vehicles at some place, in a window of time."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                _BY_PATTERN,
                {
                    "area": {"latitude": 39.9277, "longitude": -122.1792, "radius_m": 400},
                    "captured_from": "2026-05-30T21:30:00-07:00",
                    "captured_to": "2026-05-30T23:00:00-07:00",
                },
            ]
        }
    )

    plate: PlatePatternText | None = None
    lookalike: bool = False
    """Whether to find plates too that differ only in look-alikes, such as 8 and B."""
    captured_from: Moment
    captured_to: Moment
    device_ids: Annotated[list[UUID], Field(max_length=200, default_factory=list)]
    area: AreaIn | None = None
    region: RegionText | None = None
    """`US-CA`, `CA` for a state of the department's own country, or a country that issues plates itself.
    The search also finds reads without a determined region."""
    minimum_confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    colour: ColourText | None = None
    """The search also finds reads whose camera reported no colour."""
    make: MakeText | None = None
    """The search also finds reads whose camera reported no make."""
    described_only: bool = False
    """Whether to leave out reads whose camera did not report the colour or make that the search names."""

    def parsed_region(self, department_state: str) -> Region | None:
        """Return the full form of the region, None without one. Raises: InvalidInput for an unknown region."""
        return _region_of(self.region, department_state)

    def criteria(self, region: Region | None = None) -> Criteria:
        """Return the domain's criteria; `region` is the full form of the request's region."""
        return Criteria(
            plate=self.plate,
            lookalike=self.lookalike,
            captured_from=self.captured_from,
            captured_to=self.captured_to,
            device_ids=tuple(sorted(set(self.device_ids))),
            area=self.area.area() if self.area else None,
            region=region.region if region else None,
            minimum_confidence=self.minimum_confidence,
            colour=self.colour,
            make=self.make,
            described_only=self.described_only,
        )


class SearchQuery(ReadsQuery):
    """The conditions of a search: a plate or a pattern of one, or all vehicles at some place, in a window of time."""

    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    after: After | None = None
    count: bool = False
    """Whether to count all reads that match, exactly up to 10,000. A count of a wide search waits for its turn."""


class LookalikesQuery(ReadsQuery):
    """The conditions of a search for the plates that match with look-alikes; `plate` is required."""

    lookalike: Literal[True] = True


class ReadExportQuery(ReadsQuery):
    """The conditions of a search whose reads a file is made of, and the file's format."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_BY_PATTERN, "format": "csv"}]})

    format: FileFormat
    """`csv` (RFC 4180), `ndjson` (JSON lines) or `geojson` (RFC 7946)."""
    after: After | None = None
    """`next` of the end of an incomplete file, with the same conditions: the reads that it lacks."""


class CorrectionIn(RequestBody):
    """What the picture of a misread plate shows."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"plate": "7ABC128", "reason": "The picture shows an 8 where the record has a B"}
            ]
        }
    )

    plate: WholePlate | None
    """The plate in the picture; null if it shows no legible one."""
    region: RegionText | None = None
    """The state or country on the plate, as in a search; null if it is that of the record, or if none is legible."""
    reason: Reason

    def plate_seen(self, department_state: str) -> PlateSeen:
        """Return what the picture shows. Raises: InvalidInput for an unknown region, or one without a plate."""
        region = _region_of(self.region, department_state)
        if self.plate is None:
            if region is not None:
                raise InvalidInput(Code.READ_CORRECTION_WITHOUT_PLATE, field="region")
            return PlateSeen(None, None)
        return PlateSeen(PlateText(self.plate), region.region if region else None)


class CriteriaIn(RequestBody):
    """The conditions of a hold. A record must meet all of them; without `captured_to` future records match too."""

    plate: PlatePatternText | None = None
    lookalike: bool = False
    device_ids: Annotated[list[UUID], Field(max_length=200, default_factory=list)]
    area: AreaIn | None = None
    captured_from: Moment | None = None
    captured_to: Moment | None = None
    read_ids: Annotated[list[UUID], Field(max_length=1000, default_factory=list)]

    def criteria(self) -> Criteria:
        """Return the domain's criteria."""
        return Criteria(
            plate=self.plate,
            lookalike=self.lookalike,
            device_ids=tuple(sorted(set(self.device_ids))),
            area=self.area.area() if self.area else None,
            captured_from=self.captured_from,
            captured_to=self.captured_to,
            read_ids=tuple(sorted(set(self.read_ids))),
        )


class HoldIn(RequestBody):
    """The hold to place."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "basis": "criminal_action",
                    "case_number": "26-001234",
                    "description": "Homicide on Solano Street, suspect vehicle",
                    "criteria": {"plate": "7ABC123"},
                }
            ]
        }
    )

    basis: Annotated[str, Field(max_length=40)]
    """One of the policy's evidence bases."""
    case_number: Line
    description: Reason
    criteria: CriteriaIn

    def hold(self) -> NewHold:
        """Return the hold to place."""
        return NewHold(
            basis=self.basis,
            case_number=self.case_number,
            description=self.description,
            criteria=self.criteria.criteria(),
        )


class ConfirmationIn(RequestBody):
    """The reason why a hold may cover more than a search."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"reason": "Court order 26-17 names every vehicle at the crossing"}]
        }
    )

    reason: Reason


class ReleaseIn(RequestBody):
    """The reason of the release."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "Case 26-001234 closed, appeal time over"}]}
    )

    reason: Reason


class ReviewIn(RequestBody):
    """The outcome of a hold's review: it stays until another date."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"review_by": "2027-11-30T00:00:00Z", "reason": "Appeal 26-88 is not decided"}
            ]
        }
    )

    review_by: Moment
    """The time of the next review: not later than the policy's `hold_review_days` from now."""
    reason: Reason


class TakeoverIn(RequestBody):
    """The reason why the caller becomes the owner of a hold."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "Det. Vega has moved to another unit"}]}
    )

    reason: Reason


class AccuracyReportIn(RequestBody):
    """The captures whose judged reads to measure."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "captured_from": "2026-03-01T00:00:00Z",
                    "captured_to": "2026-06-01T00:00:00Z",
                }
            ]
        }
    )

    captured_from: Moment
    captured_to: Moment
    device_ids: Annotated[list[UUID], Field(max_length=200, default_factory=list)]
    """The cameras; all of the agency's if none is named."""


class ProposalIn(RequestBody):
    """A proposal of one purge (`single`), or of a standing order for daily purges until its withdrawal (`standing`)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"kind": "standing", "reason": "Schedule CPD-RS-2026-04, adopted"}]
        }
    )

    kind: Literal["single", "standing"]
    before: Moment | None = None
    """For a single run: it destroys records captured before this time. Default: all that are past the schedule."""
    reason: Reason

    def proposal(self) -> Proposal:
        """Return the proposal."""
        return Proposal(kind=Kind(self.kind), before=self.before, reason=self.reason)


class NoteIn(RequestBody):
    """The grounds of a decision."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"note": "Reviewed against the adopted schedule"}]}
    )

    note: Reason
