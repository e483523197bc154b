"""Breach reports: the records that an account reached in a period (Civil Code 1798.29)."""

from collections import Counter
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from services.audit.actions.breach import EXPORTED, KINDS, Reach, Reached
from services.audit.api.guard import AuditRead
from services.audit.store.search import Entries
from shared.core.errors import InvalidInput
from shared.core.fields import Moment
from shared.core.problem_codes import Common
from shared.http.app import Work
from shared.http.models import RequestBody, ShortText

router = APIRouter(prefix="/breach-reports", tags=["breach"])


class BreachQuery(RequestBody):
    """The account, and the period in which another person may have used it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "person_id": "7b0e6a52-9c5d-4c0b-8d6e-0f6f3c1c9a11",
                    "occurred_from": "2026-05-01T00:00:00Z",
                    "occurred_to": "2026-05-08T00:00:00Z",
                }
            ]
        },
    )

    person_id: ShortText
    occurred_from: Moment
    occurred_to: Moment = Field(description="Not included")
    limit: Annotated[int, Field(ge=1, le=100_000)] = 10_000


class ReachedOut(BaseModel):
    """A record that a service showed to the account."""

    model_config = ConfigDict(from_attributes=True)

    record_kind: str
    record_id: str
    first_at: datetime
    last_at: datetime
    times: int


class BreachReport(BaseModel):
    """The records that an account reached. `records` has at most `limit` of them; the figures cover all."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "person_id": "7b0e6a52-9c5d-4c0b-8d6e-0f6f3c1c9a11",
                    "occurred_from": "2026-05-01T00:00:00Z",
                    "occurred_to": "2026-05-08T00:00:00Z",
                    "accesses_allowed": 3,
                    "accesses_refused": 1,
                    "records_by_kind": {"read": 1},
                    "plates": {"7ABC123": 1},
                    "client_addresses": {"192.0.2.7": 4},
                    "records": [
                        {
                            "record_kind": "read",
                            "record_id": "5b2f8c1e-1111-8a2b-9c3d-4e5f60718293",
                            "first_at": "2026-05-01T08:15:30Z",
                            "last_at": "2026-05-01T08:15:30Z",
                            "times": 1,
                        }
                    ],
                    "truncated": False,
                }
            ]
        }
    )

    person_id: str
    occurred_from: datetime
    occurred_to: datetime
    accesses_allowed: int
    accesses_refused: int
    records_by_kind: dict[str, int] = Field(description="Number of distinct records of each kind")
    plates: dict[str, int] = Field(description="Number of times that each plate was shown")
    client_addresses: dict[str, int]
    records: list[ReachedOut]
    erased: int = Field(
        default=0,
        description="Records whose ids and plates a purge has erased; the figures leave them out",
    )
    truncated: bool


@router.post("")
async def report_breach(body: BreachQuery, grant: AuditRead, work: Work) -> BreachReport:
    """The records that an account reached in a period, for the breach notices that the law requires."""
    if body.occurred_from >= body.occurred_to:
        raise InvalidInput(
            Common.WINDOW_BACKWARDS,
            field="body.occurred_from",
            start="occurred_from",
            end="occurred_to",
        )
    entries = Entries(work.connection)
    reach = Reach()
    period = (body.occurred_from, body.occurred_to)
    async for row in entries.of_person(body.person_id, KINDS, *period):
        reach.count_entry(row)
        if row.found.kind == EXPORTED:
            async for value in entries.exported(row):
                reach.count_exported(row, value)
            async for old in entries.exported_of_old(row):
                reach.count_exported_of_old(row, old)
    records = sorted(reach.records.values(), key=lambda r: (r.first_at, r.record_kind, r.record_id))
    await entries.disclose_report(grant, body.person_id, [*reach.shown.values()])
    return _report(body, reach, records)


def _report(body: BreachQuery, reach: Reach, records: list[Reached]) -> BreachReport:
    return BreachReport(
        person_id=body.person_id,
        occurred_from=body.occurred_from,
        occurred_to=body.occurred_to,
        accesses_allowed=reach.allowed,
        accesses_refused=reach.refused,
        records_by_kind=Counter(r.record_kind for r in records),
        plates=dict(sorted(reach.plates.items())),
        client_addresses=dict(sorted(reach.addresses.items())),
        records=[ReachedOut.model_validate(r) for r in records[: body.limit]],
        erased=reach.erased,
        truncated=len(records) > body.limit,
    )
