"""Passes in answers."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.retention.api.views.records import CharacterOut, ReadOut
from services.retention.store.passes import Pass


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
