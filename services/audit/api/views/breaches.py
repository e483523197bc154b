"""Reports on suspected breaches."""

from collections import Counter
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from services.audit.actions.breach import Reach
from services.audit.api.fields import BreachQuery


class ReachedOut(BaseModel):
    """A record that a service showed to the account."""

    model_config = ConfigDict(from_attributes=True)

    record_kind: str
    record_id: str
    first_at: datetime
    last_at: datetime
    times: int


class BreachReportOut(BaseModel):
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

    @classmethod
    def of(cls, query: BreachQuery, reach: Reach) -> "BreachReportOut":
        """Return the report, with at most `query.limit` records."""
        records = reach.ordered
        return cls(
            person_id=query.person_id,
            occurred_from=query.occurred_from,
            occurred_to=query.occurred_to,
            accesses_allowed=reach.allowed,
            accesses_refused=reach.refused,
            records_by_kind=Counter(r.record_kind for r in records),
            plates=dict(sorted(reach.plates.items())),
            client_addresses=dict(sorted(reach.addresses.items())),
            records=[ReachedOut.model_validate(r) for r in records[: query.limit]],
            erased=reach.erased,
            truncated=len(records) > query.limit,
        )
