"""Reports on accuracy in answers."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from services.retention.domain.accuracy import SMALLEST_CELL, Figures, Judgement, Row
from services.retention.store.accuracy import Report, State
from shared.http.models import PersonOut


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
