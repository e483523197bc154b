"""Postgres tells by a plate's number alone whether the plate matches a pattern, as the pattern's own words do."""

import itertools
import random
import re

from sqlalchemy import text

from services.retention.domain.plates import plate_number
from services.retention.store.conditions import Conditions
from shared.core.matching import skeleton
from shared.core.plates import CHARACTERS, PlatePattern

FEW = "7A0OQB81"
"""So few characters, some of them look-alikes, that random patterns match."""


PATTERNS = [
    "7A*", "7*", "*7A", "*0", "*A?", "?A*", "*?A*", "*A?*", "7?*", "?7", "7??", "7*A", "7?*A?", "7A*7A", "7*A*",
    "?*A?*", "*7*A*", "7*A*0", "*7*A*0*", "?7A????????0", "*7A0OQB817A0O", "*0*", "ZZZZZZZZZZZZ", "*ZZZZZZZZZZZ",
]  # fmt: skip


def some_plates():
    """Return random plates, among them shorter ones of few characters, and two that match each pattern."""
    draw = random.Random(5)
    plates = {"".join(draw.choices(FEW, k=draw.randint(1, 5))) for _ in range(1500)}
    plates |= {"".join(draw.choices(FEW, k=draw.randint(6, 12))) for _ in range(300)}
    plates |= {"".join(draw.choices(CHARACTERS, k=12)) for _ in range(100)}
    plates |= {
        one.replace("*", more).replace("?", "A")[:12] for one in PATTERNS for more in ("", "7")
    }
    return sorted(plates)


PLATES = some_plates()


def as_words(pattern):
    shown = skeleton(pattern.text) if pattern.lookalike else pattern.text
    regex = re.compile(shown.replace("?", ".").replace("*", ".*"))
    fold = skeleton if pattern.lookalike else str
    return [plate for plate in PLATES if regex.fullmatch(fold(plate))]


async def by_number(retention, pattern):
    conditions = Conditions()
    conditions.add_plate_of_read(pattern)
    query = text(
        "SELECT r.plate FROM unnest(CAST(:plates AS text[]), CAST(:numbers AS bigint[])) AS r (plate, plate_id)"
        f" WHERE {conditions.sql} ORDER BY r.plate"
    )
    numbers = [plate_number(plate) for plate in PLATES]
    given = {"plates": PLATES, "numbers": numbers, **conditions.parameters}
    async with retention.runtime.db.begin() as connection:
        return list((await connection.execute(query, given)).scalars())


async def test_a_number_matches_a_pattern_exactly_if_its_plate_does(retention):
    for shown, lookalike in itertools.product(PATTERNS, [False, True]):
        asked = PlatePattern.parse(shown, lookalike=lookalike)
        found = as_words(asked)
        assert found
        assert await by_number(retention, asked) == found, asked


async def test_random_patterns_match_numbers_as_they_match_plates(retention):
    draw, matched = random.Random(9), 0
    for _ in range(300):
        shown = "".join(draw.choices(FEW + "??***", k=draw.randint(1, 7)))
        if not re.search("[0-9A-Z]", shown):
            continue
        asked = PlatePattern.parse(shown, lookalike=draw.random() < 0.3)
        found = as_words(asked)
        matched += bool(found)
        assert await by_number(retention, asked) == found, (asked, found)
    assert matched > 100
