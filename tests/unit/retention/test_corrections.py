"""Corrections of reads: what is in force, and what corrects nothing."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.retention.domain.corrections import Correction, PlateSeen, check_new, in_force
from shared.core.errors import Conflict
from shared.core.types import PlateText
from shared.events import Actor

B, EIGHT = PlateText("7ABC123"), PlateText("7A8C123")
OFFICER = Actor(person_id="o", name="Officer Nine", title="Police Officer", agency_ori="CA0520100")
RECORDED = PlateSeen(B, "US-CA")


def corrections(*findings: PlateSeen) -> tuple[Correction, ...]:
    return tuple(
        Correction(
            correction_id=UUID(int=number),
            seen=seen,
            reason="an 8",
            corrected_by=OFFICER,
            corrected_at=datetime(2026, 6, 1, tzinfo=UTC),
        )
        for number, seen in enumerate(findings)
    )


@pytest.mark.clause("468.3.1(d)/corrections")
@pytest.mark.parametrize(
    ("findings", "now"),
    [
        ((), RECORDED),
        ((PlateSeen(EIGHT, None),), PlateSeen(EIGHT, "US-CA")),
        ((PlateSeen(EIGHT, "US-NV"),), PlateSeen(EIGHT, "US-NV")),
        ((PlateSeen(None, None),), PlateSeen(None, None)),
        ((PlateSeen(None, None), PlateSeen(EIGHT, "US-OR")), PlateSeen(EIGHT, "US-OR")),
        ((PlateSeen(EIGHT, "US-NV"), PlateSeen(B, None)), RECORDED),
    ],
)
def test_the_last_correction_is_in_force(findings: tuple[PlateSeen, ...], now: PlateSeen) -> None:
    assert in_force(RECORDED, corrections(*findings)) == now


@pytest.mark.parametrize(
    ("before", "found"),
    [
        ((), PlateSeen(B, None)),
        ((), RECORDED),
        ((PlateSeen(EIGHT, None),), PlateSeen(EIGHT, "US-CA")),
        ((PlateSeen(EIGHT, None),), PlateSeen(EIGHT, None)),
        ((PlateSeen(None, None),), PlateSeen(None, None)),
    ],
)
def test_what_the_read_has_already_is_no_correction(
    before: tuple[PlateSeen, ...], found: PlateSeen
) -> None:
    with pytest.raises(Conflict, match="has that plate and state already"):
        check_new(RECORDED, corrections(*before), found)


@pytest.mark.parametrize(
    ("before", "found"),
    [
        ((), PlateSeen(EIGHT, None)),
        ((), PlateSeen(B, "US-NV")),
        ((), PlateSeen(None, None)),
        ((PlateSeen(EIGHT, None),), PlateSeen(B, None)),
        ((PlateSeen(None, None),), PlateSeen(B, None)),
        ((PlateSeen(B, "US-NV"),), PlateSeen(B, "US-CA")),
    ],
)
def test_what_differs_from_the_read_as_corrected_is_one(
    before: tuple[PlateSeen, ...], found: PlateSeen
) -> None:
    earlier = corrections(*before)
    assert check_new(RECORDED, earlier, found) == in_force(RECORDED, earlier)
