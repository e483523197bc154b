"""Corrections of reads: what is in force, and what corrects nothing."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.retention.domain.corrections import Correction, Finding, check_new, in_force
from shared.core.errors import Conflict
from shared.core.types import PlateText
from shared.events import Actor

B, EIGHT = PlateText("7ABC123"), PlateText("7A8C123")
OFFICER = Actor(person_id="o", name="Officer Nine", title="Police Officer", agency_ori="CA0520100")
RECORDED = Finding(B, "US-CA")


def corrections(*findings: Finding) -> tuple[Correction, ...]:
    return tuple(
        Correction(
            correction_id=UUID(int=number),
            finding=finding,
            reason="an 8",
            corrected_by=OFFICER,
            corrected_at=datetime(2026, 6, 1, tzinfo=UTC),
        )
        for number, finding in enumerate(findings)
    )


@pytest.mark.clause("468.3.1(d)/corrections")
@pytest.mark.parametrize(
    ("findings", "now"),
    [
        ((), RECORDED),
        ((Finding(EIGHT, None),), Finding(EIGHT, "US-CA")),
        ((Finding(EIGHT, "US-NV"),), Finding(EIGHT, "US-NV")),
        ((Finding(None, None),), Finding(None, None)),
        ((Finding(None, None), Finding(EIGHT, "US-OR")), Finding(EIGHT, "US-OR")),
        ((Finding(EIGHT, "US-NV"), Finding(B, None)), RECORDED),
    ],
)
def test_the_last_correction_is_in_force(findings: tuple[Finding, ...], now: Finding) -> None:
    assert in_force(RECORDED, corrections(*findings)) == now


@pytest.mark.parametrize(
    ("before", "found"),
    [
        ((), Finding(B, None)),
        ((), RECORDED),
        ((Finding(EIGHT, None),), Finding(EIGHT, "US-CA")),
        ((Finding(EIGHT, None),), Finding(EIGHT, None)),
        ((Finding(None, None),), Finding(None, None)),
    ],
)
def test_what_the_read_has_already_is_no_correction(
    before: tuple[Finding, ...], found: Finding
) -> None:
    with pytest.raises(Conflict, match="has that plate and state already"):
        check_new(RECORDED, corrections(*before), found)


@pytest.mark.parametrize(
    ("before", "found"),
    [
        ((), Finding(EIGHT, None)),
        ((), Finding(B, "US-NV")),
        ((), Finding(None, None)),
        ((Finding(EIGHT, None),), Finding(B, None)),
        ((Finding(None, None),), Finding(B, None)),
        ((Finding(B, "US-NV"),), Finding(B, "US-CA")),
    ],
)
def test_what_differs_from_the_read_as_corrected_is_one(
    before: tuple[Finding, ...], found: Finding
) -> None:
    earlier = corrections(*before)
    assert check_new(RECORDED, earlier, found) == in_force(RECORDED, earlier)
