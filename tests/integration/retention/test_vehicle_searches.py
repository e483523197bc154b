"""Searches by colour and make: however cameras write them, and without hiding a vehicle that no camera described."""

import re
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest

from services.retention.domain.criteria import Criteria
from services.retention.store import search as search_module
from services.retention.store.conditions import of_reads
from services.retention.store.vehicle_words import COLOUR, MAKE, colour_pattern, make_pattern
from shared.core.vehicles import (
    COLOURS,
    MAKE_CODES,
    MAKES,
    NO_MAKE,
    colours_in,
    make_named,
    make_of,
    may_be_one_make,
)
from shared.events import AccessAttempted, RecordsDisclosed
from tests.integration.retention.conftest import DEVICE, SOLANO, a_read

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
AREA = {"latitude": SOLANO.latitude, "longitude": SOLANO.longitude, "radius_m": 100}
SEEN = {
    "1AAA111": ("silver", "Toyota"),
    "1AAA112": ("GRY", "TOYT"),
    "1AAA113": ("black", "Toyota"),
    "1AAA114": ("BLK/SIL", None),
    "1AAA115": (None, None),
    "1AAA116": ("unknown", "UNK"),
    "1AAA117": ("red", "Honda"),
    "1AAA118": (None, "CHEVY"),
}


@pytest.fixture
async def seen(retention):
    """Retention with a read a minute of vehicles that their cameras described in their own words, or not."""
    await retention.store(
        *(
            a_read(plate, NOON - timedelta(minutes=n), vehicle_colour=colour, vehicle_make=make)
            for n, (plate, (colour, make)) in enumerate(SEEN.items())
        )
    )
    return retention


@pytest.mark.clause("468.4(c)/vehicle-back")
async def test_a_colour_and_a_make_are_found_in_any_words_and_what_no_camera_told_stays(seen):
    for asked, told, untold in (
        ({"colour": "grey"}, "124", "568"),
        ({"colour": "SIL"}, "124", "568"),
        ({"colour": "pink"}, "", "568"),
        ({"make": "toyota"}, "123", "456"),
        ({"make": "Chevrolet"}, "8", "456"),
        ({"colour": "gray", "make": "TOYT"}, "12", "456"),
        ({"colour": "red", "make": "Toyota"}, "", "56"),
    ):
        for where in ({"area": AREA}, {"plate": "1AA*"}, {"plate": "*A?11*"}):
            found = await seen.plates(**asked, **where)
            assert found == sorted(f"1AAA11{end}" for end in told + untold), (asked, where)
            described = await seen.plates(**asked, **where, described_only=True)
            assert described == [f"1AAA11{end}" for end in told], (asked, where)


@pytest.mark.clause("468.4(c)/vehicle-back")
async def test_words_are_compared_in_postgres_as_everywhere_else(retention):
    said = sorted(
        {
            *MAKES, *MAKE_CODES, *NO_MAKE, *(make[:3].lower() for make in MAKES), "", "--", "Zastava", "Toyota Truck",
            *chain.from_iterable(words.split() for words in COLOURS.values()), "deepBlue", "dark_red", "BLK/WHI",
            "redwood", "ſilver", "Škoda", "skoda", "White\nRED", "İSUZU",
        }
    )  # fmt: skip
    seen = "unnest(CAST(:said AS text[])) AS said, LATERAL (SELECT json_build_object('vehicle', json_build_object("
    for name, column, patterns in (
        ("colour", COLOUR, {c: [colour_pattern(c, described_only=o) for o in (0, 1)] for c in COLOURS}),
        ("make", MAKE, {m: [make_pattern(m, described_only=o) for o in (0, 1)] for m in _makes_asked()}),
    ):  # fmt: skip
        rows = await retention.fetch(
            f"SELECT said, asked, m[1] AS with_unknown, m[2] AS described FROM {seen}'{name}', said)) AS details) AS r,"
            " unnest(CAST(:asked AS text[]), CAST(:loose AS text[]), CAST(:strict AS text[])) AS p (asked, loose, strict),"
            f' LATERAL (SELECT ARRAY[{column} COLLATE "C" ~* loose, {column} COLLATE "C" ~* strict] AS m OFFSET 0) AS x',
            said=said,
            asked=list(patterns),
            loose=[both[0] for both in patterns.values()],
            strict=[both[1] for both in patterns.values()],
        )
        assert len(rows) == len(said) * len(patterns)
        for row in rows:
            known, same = _compared(name, row.said, row.asked)
            assert (row.with_unknown, row.described) == (same or not known, same and known), row


def _makes_asked():
    """Return each make that a person may ask for, by some of its names."""
    words = [*MAKES[::4], *MAKE_CODES, "me", "ma", "ra", "ro", "un", "no", "Merc"]
    return sorted(set(filter(None, map(make_named, words))))


def _compared(name, said, asked):
    """Return whether a camera's word says something, and whether it may mean what was asked for."""
    if name == "colour":
        return bool(colours_in(said)), asked in colours_in(said)
    make = make_of(said)
    return bool(make), bool(make) and may_be_one_make(make, asked)


@pytest.mark.clause("468.4/narrowness")
async def test_a_colour_and_a_make_alone_narrow_no_search(seen):
    vehicle = {"colour": "red", "make": "Honda", "described_only": True}
    problem = await seen.search(422, **vehicle)
    assert (problem["code"], problem["field"]) == ("nothing_named", "plate")
    problem = await seen.search(422, **vehicle, plate="*A*")
    assert problem["code"] == "plate_too_open"
    longer = (NOON - timedelta(days=40)).isoformat()
    for wide in ({"area": AREA}, {"plate": "1A*"}):
        problem = await seen.search(422, **vehicle, **wide, captured_from=longer)
        assert problem["code"] == "window_too_long", wide
    assert await seen.plates(**vehicle, plate="1AA*", captured_from=longer) == ["1AAA117"]


async def test_a_word_that_would_find_nothing_is_refused_naming_its_field(seen):
    for asked, code, field in (
        ({"colour": "chartreuse"}, "search_colour_unknown", "body.colour"),
        ({"colour": "BLK/WHI"}, "search_colour_unknown", "body.colour"),
        ({"colour": "x" * 31}, "field_too_long", "body.colour"),
        ({"make": "Toytoa"}, "search_make_unknown", "body.make"),
        ({"make": "unknown"}, "search_make_unknown", "body.make"),
        ({"described_only": True}, "search_described_as_nothing", "described_only"),
    ):
        problem = await seen.search(422, plate="1AA*", **asked)
        assert (problem["code"], problem["field"]) == (code, field)


@pytest.mark.clause("468.4(c)/vehicle-back")
async def test_the_colour_and_make_that_were_asked_for_are_on_record(seen):
    await seen.search(area=AREA, colour="Silver", make="toyt", described_only=True)
    [attempt] = [a for a in await seen.emitted(AccessAttempted) if a.allowed]
    body = attempt.elements["body"]
    assert (body["colour"], body["make"], body["described_only"]) == ("Silver", "toyt", True)
    [disclosed] = await seen.emitted(RecordsDisclosed)
    assert sorted(one.plates[0] for day in disclosed.records for one in day.shown) == [
        "1AAA111",
        "1AAA112",
    ]


async def test_criteria_of_reads_anywhere_have_their_colour_and_make(seen):
    """Holds and scopes name neither today; whatever reads by criteria would else show more than they say."""
    matching = of_reads(Criteria(colour="red", make="HONDA", described_only=True))
    query = f"SELECT r.plate_as_read FROM reads r WHERE {matching.sql}"
    assert await seen.fetch(query, **matching.parameters) == [("1AAA117",)]


async def test_a_page_goes_on_for_its_own_colour_and_make_alone(seen):
    asked = {"area": AREA, "limit": 1, "colour": "grey", "make": "Toyota"}
    first = await seen.search(**asked)
    assert [read["plate"] for read in first["items"]] == ["1AAA111"]
    second = await seen.search(**{**asked, "colour": "silver", "after": first["next"]})
    assert [read["plate"] for read in second["items"]] == ["1AAA112"], "silver is grey"
    for other in ({"colour": "red"}, {"make": "Honda"}, {"described_only": True}):
        problem = await seen.search(422, **{**asked, **other, "after": first["next"]})
        assert problem["code"] == "search_cursor_of_another", other


async def test_files_and_look_alikes_follow_the_same_conditions(seen):
    window = {
        "captured_from": (NOON - timedelta(days=1)).isoformat(),
        "captured_to": (NOON + timedelta(hours=1)).isoformat(),
    }
    vehicle = {"plate": "1AAA11?", "colour": "red", "described_only": True}
    headers = seen.authority.headers()
    body = {**window, **vehicle, "format": "csv"}
    file = await seen.client.post("/v1/reads/export", json=body, headers=headers)
    assert file.status_code == 200, file.text
    assert re.findall("1AAA11.(?=,1AAA11)", file.text) == ["1AAA117"]
    body = {**window, **vehicle, "lookalike": True}
    alike = await seen.client.post("/v1/reads/lookalikes", json=body, headers=headers)
    assert [one["plate"] for one in alike.json()["items"]] == ["1AAA117"]


@pytest.mark.clause("468.5/schedule")
async def test_a_hold_takes_no_colour_or_make(seen):
    """A purge then destroys no vehicle that its camera did not describe, or for which a word later means another."""
    for vehicle in ({"colour": "red"}, {"make": "Honda"}, {"described_only": True}):
        body = {
            "basis": "criminal_action", "case_number": "26-1", "description": "a red car",
            "criteria": {"plate": "1AA*", **vehicle},
        }  # fmt: skip
        answer = await seen.client.post("/v1/holds", json=body, headers=seen.authority.headers())
        assert answer.status_code == 422, answer.text


async def test_a_search_of_one_camera_for_a_colour_reads_windows_and_ends_its_page_in_time(
    seen, monkeypatch
):
    monkeypatch.setattr(search_module, "PAGE_S", 0)
    page = await seen.search(device_ids=[str(DEVICE)], colour="pink", described_only=True)
    assert page["items"] == []
    assert page["searched_from"] is not None
    assert page["next"] is not None
