"""Periods, and audits of them, in answers."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.audit.actions.audits import EndedPeriod
from services.audit.api.views.proofs import _base64
from services.audit.domain.audits import Audit, ItemOutcome
from services.audit.domain.report_pages import ReportPage
from shared.http.models import PersonOut


class PeriodOut(BaseModel):
    """A period of the audit plan that has ended. Entry `seq` of the log fixes it."""

    model_config = ConfigDict(from_attributes=True)

    seq: int
    occurred_from: datetime
    occurred_to: datetime = Field(description="Not included")
    fixed_at: datetime
    drawable: bool = Field(description="Whether the checkpoint that gives the seed is signed")
    audit_id: UUID | None = Field(description="The period's audit; null before its draw")

    @classmethod
    def of(cls, period: EndedPeriod) -> "PeriodOut":
        """Return the view of a period."""
        return cls(**vars(period.fixed), drawable=period.drawable)


class ItemOut(BaseModel):
    """One access of the sample."""

    model_config = ConfigDict(from_attributes=True)

    number: int
    seq: int
    outcome: ItemOutcome | None
    note: str | None
    reviewed_by: PersonOut | None
    reviewed_at: datetime | None


class AuditOut(BaseModel):
    """An audit. Anyone with an export of the log can redraw the sample.

    The seed (base64) comes from the checkpoint of size `log_size`.
    """

    audit_id: UUID
    period_seq: int | None = Field(
        default=None,
        description="Entry that fixed the period; null if the audit is older than the plan's periods",
    )
    occurred_from: datetime
    occurred_to: datetime
    log_size: int
    old_log: bool = Field(
        default=False, description="Whether the sample is from the log before this one"
    )
    root_hash: str
    seed: str
    population: int
    drawn_by: PersonOut
    drawn_at: datetime
    signed_off_by: PersonOut | None
    signed_off_at: datetime | None
    statement: str | None
    reviewed: int
    items: list[ItemOut]

    @classmethod
    def of(cls, audit: Audit) -> "AuditOut":
        """Return the view of an audit."""
        fields = vars(audit) | {
            "root_hash": _base64(audit.root_hash),
            "seed": _base64(audit.seed),
            "reviewed": audit.reviewed,
        }
        return cls.model_validate(fields, from_attributes=True)


class FactOut(BaseModel):
    """A fact with its name."""

    name: str
    value: str


class SectionOut(BaseModel):
    """A part of a report: paragraphs, facts, and a table, whose rows have a cell for each column."""

    heading: str
    paragraphs: list[str]
    facts: list[FactOut]
    columns: list[str]
    rows: list[list[str]]


class AuditReportOut(BaseModel):
    """The report of a period's audit, as its file has it. `missing` is what the audit lacks to be complete."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "title": "Audit of accesses 2026-06-01 to 2026-07-01, Corning Police Department",
                    "is_complete": False,
                    "missing": ["The audit is not signed off."],
                    "size": 120_310,
                    "checkpoint": "plateward.local/audit/2\n120310\n...",
                    "sections": [
                        {
                            "heading": "Results of the reviews",
                            "paragraphs": [],
                            "facts": [],
                            "columns": ["Outcome", "Accesses"],
                            "rows": [["proper", "299"]],
                        }
                    ],
                }
            ]
        },
    )

    title: str
    is_complete: bool
    missing: list[str]
    size: int = Field(description="The number of entries of the log of which it is made")
    checkpoint: str = Field(description="The signed checkpoint of this size")
    sections: list[SectionOut]

    @classmethod
    def of(cls, page: ReportPage) -> "AuditReportOut":
        """Return the view of a report."""
        report = page.report
        return cls(
            title=report.title,
            is_complete=not report.missing,
            missing=[*report.missing],
            size=page.asked.size,
            checkpoint=page.note,
            sections=[
                SectionOut(
                    heading=one.heading,
                    paragraphs=[*one.paragraphs],
                    facts=[FactOut(name=name, value=value) for name, value in one.facts],
                    columns=[*one.columns],
                    rows=[[*row] for row in one.rows],
                )
                for one in report.sections
            ],
        )
