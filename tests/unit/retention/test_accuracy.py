"""Figures on accuracy: how readings are counted, and which cells a report shows."""

from itertools import product
from uuid import UUID

import pytest

from services.retention.domain.accuracy import (
    SMALLEST_CELL,
    Cell,
    Figures,
    Judgement,
    Reading,
    Verdict,
    is_one_edit,
    rows_of,
    verdict_of,
)
from services.retention.domain.corrections import PlateSeen
from shared.core.types import PlateText

CAMERA = UUID(int=1)
RIGHT, WRONG, CORRECTED = Judgement.RIGHT, Judgement.WRONG, Judgement.CORRECTED


def a_cell(
    region: str | None = "US-CA", judgement: Judgement = RIGHT, source: str = "edge"
) -> Cell:
    return Cell(CAMERA, "Solano St at Third", region, source, judgement)


def of(judged: int) -> Figures:
    figures = Figures()
    for _ in range(judged):
        figures.count("7ABC123", Reading("7ABC123", 0.9))
    return figures


@pytest.mark.parametrize(
    ("read", "counted"),
    [
        ("7ABC120", "exact"),
        ("7ABC12O", "folded"),
        ("7A8C120", "one_edit"),
        ("7ABC1200", "one_edit"),
        ("7ABC20", "one_edit"),
        ("7A8C12O", "one_edit"),
        ("7A8C121", "further"),
        ("7ABC2", "further"),
        (None, "no_read"),
    ],
)
def test_a_reading_is_counted_once_by_its_distance(read: str | None, counted: str) -> None:
    figures = Figures()
    figures.count("7ABC120", Reading(read, 0.5))
    names = ("exact", "folded", "one_edit", "further", "no_read")
    assert [name for name in names if getattr(figures, name)] == [counted]
    assert figures.judged == 1


def test_one_edit_agrees_with_every_change_of_a_short_plate() -> None:
    letters = "AB1"
    plates = ["".join(p) for n in range(1, 4) for p in product(letters, repeat=n)]
    for plate in plates:
        near = {
            plate[:i] + c + plate[i + cut :]
            for i in range(len(plate) + 1)
            for c in (*letters, "")
            for cut in (0, 1)
        }
        near -= {plate}
        assert {other for other in plates if is_one_edit(plate, other)} == near & set(plates)


@pytest.mark.parametrize(("confidence", "place"), [(0.0, 0), (0.1, 1), (0.99, 9), (1.0, 9)])
def test_a_confidence_has_its_bin(confidence: float, place: int) -> None:
    figures = Figures()
    figures.count("7ABC123", Reading("7ABCI23", confidence))
    assert [(one.readings, one.same) for one in figures.bins].index((1, 1)) == place


@pytest.mark.parametrize(
    ("outcomes", "judgement"),
    [
        (["correct_read"], RIGHT),
        (["wrong_state"], RIGHT),
        (["misread"], WRONG),
        (["correct_read", "dismissed"], RIGHT),
        (["correct_read", "misread"], None),
        (["list_out_of_date"], None),
        ([], None),
    ],
)
def test_verifications_judge_a_read(outcomes: list[str], judgement: Judgement | None) -> None:
    verdict = verdict_of("7ABC123", outcomes)
    assert verdict == (judgement and Verdict(judgement, "7ABC123"))


@pytest.mark.parametrize(
    ("outcomes", "plate", "verdict"),
    [
        ([], "7A8C123", Verdict(CORRECTED, "7A8C123")),
        ([], None, Verdict(WRONG, "7ABC123")),
        ([], "7ABC123", Verdict(RIGHT, "7ABC123")),  # another state, or corrected back
        (["misread"], "7A8C123", Verdict(CORRECTED, "7A8C123")),
        (["misread"], None, Verdict(WRONG, "7ABC123")),
        (["misread"], "7ABC123", None),
        (["correct_read"], "7A8C123", None),
        (["wrong_state"], "7ABC123", Verdict(RIGHT, "7ABC123")),
        (["dismissed"], "7A8C123", Verdict(CORRECTED, "7A8C123")),
    ],
)
def test_a_correction_judges_a_read_and_says_its_plate(
    outcomes: list[str], plate: PlateText | None, verdict: Verdict | None
) -> None:
    assert verdict_of("7ABC123", outcomes, PlateSeen(plate, None)) == verdict


@pytest.mark.clause("468.3.1(d)/accuracy")
def test_small_cells_appear_together_if_they_are_enough_together() -> None:
    rows = rows_of(
        {a_cell("US-CA"): of(SMALLEST_CELL), a_cell("US-NV"): of(6), a_cell(None): of(4)}
    )
    shown = [(row.region, row.is_rest, row.figures and row.figures.judged) for row in rows]
    assert shown == [
        (None, False, None),
        ("US-CA", False, SMALLEST_CELL),
        ("US-NV", False, None),
        (None, True, 10),
    ]


@pytest.mark.clause("468.3.1(d)/accuracy")
@pytest.mark.parametrize(
    "small",
    [
        {a_cell("US-NV"): of(SMALLEST_CELL - 1)},
        {a_cell("US-NV"): of(4), a_cell("US-OR"): of(5)},
        {a_cell("US-NV"): of(9), a_cell("US-NV", WRONG): of(9)},
    ],
    ids=["alone", "few together", "of two judgements"],
)
def test_too_few_reads_have_no_figures(small: dict[Cell, Figures]) -> None:
    assert [row.figures for row in rows_of(small)] == [None] * len(small)
