"""The counted figures in answers."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from services.audit.domain.figures import FEWEST, Cell, CellState, MonthSums, PublicMonth
from shared.core.policy import Policy


class FigureOut(BaseModel):
    """One figure of a month, or one kind of it."""

    figure: str
    kind: str | None
    state: CellState = Field(
        description="counted; rounded to hundreds; few: less than `fewer_than`; withheld: it, or a figure that would"
        " follow from it, is small; not_reported: the service that counts it was away when the month ended"
    )
    count: int | None
    fewer_than: int | None

    @classmethod
    def of(cls, cell: Cell) -> "FigureOut":
        """Return the view of a figure."""
        return cls(
            figure=cell.key.figure,
            kind=cell.key.kind or None,
            state=cell.state,
            count=cell.count,
            fewer_than=cell.fewer_than,
        )


class MonthFiguresOut(BaseModel):
    """The figures of a whole month. `false_alert_percent` is of the verified hits."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "month": "2026-05",
                    "false_alert_percent": 12,
                    "figures": [
                        {
                            "figure": "searches",
                            "kind": "missing_person",
                            "state": "counted",
                            "count": 17,
                            "fewer_than": None,
                        }
                    ],
                }
            ]
        }
    )

    month: str
    false_alert_percent: int | None
    figures: list[FigureOut]

    @classmethod
    def of(cls, month: PublicMonth) -> "MonthFiguresOut":
        """Return the view of a month."""
        return cls(
            month=f"{month.first_day:%Y-%m}",
            false_alert_percent=month.false_alert_percent,
            figures=[FigureOut.of(cell) for cell in month.cells],
        )


class FiguresOut(BaseModel):
    """The counted figures of the last whole months, newest first. They say nothing of a person, place or plate."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "department": "Corning Police Department",
                    "time_zone": "America/Los_Angeles",
                    "fewest": 5,
                    "months": [
                        {
                            "month": "2026-05",
                            "false_alert_percent": 12,
                            "figures": [
                                {
                                    "figure": "searches",
                                    "kind": "missing_person",
                                    "state": "counted",
                                    "count": 17,
                                    "fewer_than": None,
                                }
                            ],
                        }
                    ],
                }
            ]
        },
    )

    department: str
    time_zone: str
    fewest: int = Field(description="The smallest count that is shown")
    months: list[MonthFiguresOut]

    @classmethod
    def of(cls, months: Sequence[PublicMonth], policy: Policy) -> "FiguresOut":
        """Return the document."""
        return cls(
            department=policy.department.name,
            time_zone=policy.department.time_zone,
            fewest=FEWEST,
            months=[MonthFiguresOut.of(month) for month in months],
        )


class SumOut(BaseModel):
    """What was counted of a figure, or of one kind of it."""

    figure: str
    kind: str | None
    count: int


class MonthSumsOut(BaseModel):
    """What was counted in a month. `is_whole`: whether it has ended, and the log covers it from its beginning."""

    month: str
    is_whole: bool
    figures: list[SumOut]

    @classmethod
    def of(cls, month: MonthSums) -> "MonthSumsOut":
        """Return the view of a month."""
        return cls(
            month=f"{month.first_day:%Y-%m}",
            is_whole=month.is_whole,
            figures=[
                SumOut(figure=key.figure, kind=key.kind or None, count=count)
                for key, count in month.sums.items()
            ],
        )


class ExactFiguresOut(BaseModel):
    """All that was counted, of each month, newest first; small counts too, so it is for auditors alone."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "time_zone": "America/Los_Angeles",
                    "months": [
                        {
                            "month": "2026-05",
                            "is_whole": True,
                            "figures": [
                                {"figure": "records_searched", "kind": "1_week", "count": 3}
                            ],
                        }
                    ],
                }
            ]
        },
    )

    time_zone: str
    months: list[MonthSumsOut]

    @classmethod
    def of(cls, months: Sequence[MonthSums], policy: Policy) -> "ExactFiguresOut":
        """Return the document."""
        return cls(
            time_zone=policy.department.time_zone,
            months=[MonthSumsOut.of(month) for month in months],
        )
