"""The layout of a source's extract: places, codes, dates and encodings, and what it never guesses."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from services.hotlist.domain.csv_import import Sheet
from services.hotlist.domain.entries import Checker, kinds_of
from services.hotlist.domain.layouts import Layout, check_layout
from services.hotlist.domain.line_forms import LaidOut
from services.hotlist.domain.problem_codes import Code
from shared.core.errors import InvalidInput
from shared.core.policy import load_policy

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
POLICY = load_policy(Path(__file__).parents[3] / "policy.toml")
CODES = [
    {"code": "SV", "record_kind": "stolen_vehicle", "on": True},
    {"code": "LP", "record_kind": "lost_plate", "on": False},
]
FIXED = {
    "header": False,
    "columns": [
        {"field": "plate", "first": 1, "last": 8},
        {"field": "state", "first": 9, "last": 10, "texts": {"NB": "US-NE", "XX": ""}},
        {"field": "record_kind", "first": 11, "last": 12},
        {"field": "expires_at", "first": 13, "last": 20},
        {"field": "make", "first": 21, "last": 24},
    ],
    "kinds": CODES,
    "dates": "YYYYMMDD",
    "zone": "America/Los_Angeles",
}
NAMED = {
    "header": True,
    "delimiter": "pipe",
    "columns": [
        {"field": "plate", "name": "LIC"},
        {"field": "record_kind", "name": "MKE"},
        {"field": "caution", "name": "CMC", "texts": {"00": "Armed and dangerous"}},
        {"field": "reason", "constant": "SVS"},
    ],
    "kinds": CODES,
}
NUMBERED = {
    **NAMED,
    "header": False,
    "columns": [{"field": "record_kind", "number": 1}, {"field": "plate", "number": 3}],
}


def a_layout(given, **changes):
    return msgspec.convert({**given, **changes}, Layout)


def checked(given, **changes):
    layout = a_layout(given, **changes)
    check_layout(layout, kinds_of(POLICY, []))
    return layout


def refusal(given, **changes):
    with pytest.raises(InvalidInput) as caught:
        checked(given, **changes)
    return caught.value.problem


def read(layout, data, *, off=()):
    checker = Checker.of(POLICY, UUID(int=468), list(off), default_ori="CA0520100", now=NOON)
    sheet = Sheet(checker, LaidOut(layout), max_bytes=10**6, max_rows=1000)
    found = sheet.feed(data if isinstance(data, bytes) else data.encode())
    return [entry for _, entry in found + sheet.finish()], sheet


def faults(sheet):
    return [(one.fault.line, one.fault.field, one.fault.why.problem) for one in sheet.aside]


def test_columns_of_fixed_places_are_read():
    [first, second, third], sheet = read(
        checked(FIXED),
        "7ABC123 CASV20260831TOYT\r\n\r\n8XYZ999 NBSV\n9AAA111 XXSV                FORD",
    )
    assert (first.plate, first.region, first.record_kind, first.make) == (
        "7ABC123", "US-CA", "stolen_vehicle", "TOYT",
    )  # fmt: skip
    assert first.expires_at == datetime(2026, 9, 1, 7, tzinfo=UTC), "it is valid through the day"
    assert (second.region, second.expires_at, second.make) == ("US-NE", None, None)
    assert (third.region, sheet.rows) == (None, 3)
    assert not sheet.aside


@pytest.mark.parametrize("piece", [1, 5, 1000])
def test_named_columns_stand_anywhere_and_others_are_left_out(piece):
    data = b"\xef\xbb\xbfVIN|CMC| MKE |LIC\n1HG|00|sv|7ABC123\n2HG||SV |8XYZ999\n"
    checker = Checker.of(POLICY, UUID(int=468), [], default_ori="CA0520100", now=NOON)
    sheet = Sheet(checker, LaidOut(checked(NAMED)), max_bytes=10**6, max_rows=1000)
    found = []
    for start in range(0, len(data), piece):
        found += sheet.feed(data[start : start + piece])
    entries = [(entry.plate, entry.caution, entry.reason) for _, entry in found + sheet.finish()]
    assert entries == [("7ABC123", "Armed and dangerous", "SVS"), ("8XYZ999", None, "SVS")]


@pytest.mark.parametrize(
    ("delimiter", "character"),
    [("comma", ","), ("semicolon", ";"), ("pipe", "|"), ("tab", "\t")],
)
def test_cells_end_at_the_character_that_the_delimiter_names(delimiter, character):
    line = character.join(("SV", "x;y,z" if character == "|" else "x", "7ABC123"))
    entries, sheet = read(checked(NUMBERED, delimiter=delimiter), f"{line}\n")
    assert [one.plate for one in entries] == ["7ABC123"]
    assert not sheet.aside


def test_a_line_with_a_cell_too_many_is_set_aside_since_its_columns_are_not_known():
    entries, sheet = read(checked(NUMBERED), "SV|x|7ABC123\nSV|x|y|8XYZ999\nSV|x|9AAA111\n")
    assert [one.plate for one in entries] == ["7ABC123", "9AAA111"]
    assert faults(sheet) == [(2, None, Code.SHEET_CELLS_DIFFER)]


def test_a_line_of_another_length_is_set_aside_since_it_may_be_cut_off():
    layout = checked(FIXED, line_characters=24)
    entries, sheet = read(layout, "7ABC123 CASV        TOYT\n8XYZ9\n")
    assert [one.plate for one in entries] == ["7ABC123"]
    assert faults(sheet) == [(2, None, Code.SHEET_LINE_LENGTH)]


def test_a_header_of_fixed_columns_is_no_record_whatever_its_length():
    entries, _ = read(
        checked(FIXED, header=True, line_characters=24), "SVS 2026\n7ABC123 CASV        TOYT\n"
    )
    assert [one.plate for one in entries] == ["7ABC123"]


def test_a_header_that_lacks_a_column_or_has_it_twice_refuses_the_file():
    for header in ("LIC|CMC", "LIC|LIC|CMC|MKE"):
        with pytest.raises(InvalidInput) as caught:
            read(checked(NAMED), f"{header}\n")
        assert caught.value.problem is Code.SHEET_HEADER_REFUSED


@pytest.mark.clause("468.4(c)/source-codes")
def test_a_code_that_is_off_is_left_out_and_one_that_is_not_named_is_set_aside():
    entries, sheet = read(checked(NUMBERED), "SV||7ABC123\nLP||8XYZ999\nSX||9AAA111\n||1BBB222\n")
    assert [one.plate for one in entries] == ["7ABC123"]
    assert sheet.skipped == {"lost_plate": 1}
    assert faults(sheet) == [
        (3, "record_kind", Code.RECORD_CODE_UNKNOWN),
        (4, "record_kind", Code.ENTRY_KIND_MISSING),
    ]


def test_a_kind_that_the_list_has_switched_off_stays_off_whatever_its_code():
    _, sheet = read(checked(NUMBERED), "SV||7ABC123\n", off=["stolen_vehicle"])
    assert sheet.skipped == {"stolen_vehicle": 1}


@pytest.mark.clause("468.4(c)/source-codes")
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("IV", "immigration_violator"),
        ("Immigration Violator File", "wanted_person"),
        ("immigration-violators", "other"),
    ],
)
def test_immigration_files_are_refused_by_name_and_left_out_unstored(code, kind):
    on, off = ({"code": code, "record_kind": kind, "on": on} for on in (True, False))
    assert refusal(NUMBERED, kinds=[*CODES, on]) is Code.LAYOUT_CODE_REFUSED
    _, sheet = read(checked(NUMBERED, kinds=[*CODES, off]), f"{code}||7ABC123\n")
    assert not sheet.aside
    assert sheet.skipped.total() == 1


def test_a_bad_line_of_a_code_that_is_imported_is_kept_whatever_its_other_cells_name():
    text = "|told us of immigration|-\n"
    _, sheet = read(checked(NUMBERED), f"SV{text}ZZ{text}|{text}")
    assert [(one.fault.line, one.fault.field) for one in sheet.aside] == [(1, "plate")]
    assert sheet.skipped == {"immigration": 2}, "of these the kind is not known"


@pytest.mark.parametrize("text", ["2026631", "20261301", "31082026", "2026083x"])
def test_a_date_that_is_not_as_the_layout_says_is_never_guessed(text):
    entries, sheet = read(checked(FIXED), f"7ABC123 CASV{text:8}TOYT\n")
    assert not entries
    assert faults(sheet) == [(1, "expires_at", Code.ENTRY_DATE_UNREADABLE)]


def test_latin_1_is_read_and_stored_as_text():
    layout = checked(NUMBERED, encoding="latin-1")
    _, sheet = read(layout, "SX|Le\xf3n|7ABC123\n".encode("latin-1"))
    assert sheet.aside[0].content == "SX|Le\xf3n|7ABC123"
    _, sheet = read(checked(NUMBERED), b"SV||8XYZ999\nSV|Le\xf3n|7ABC123\n")
    assert faults(sheet) == [(2, None, Code.SHEET_LINE_NOT_UTF8)]


@pytest.mark.parametrize(
    ("given", "changes", "problem"),
    [
        (FIXED, {"columns": FIXED["columns"][1:]}, Code.LAYOUT_FIELD_MISSING),
        (FIXED, {"columns": [*FIXED["columns"], FIXED["columns"][0]]}, Code.LAYOUT_COLUMN_TWICE),
        (FIXED, {"delimiter": "comma"}, Code.LAYOUT_COLUMN_MISPLACED),
        (NAMED, {"header": False}, Code.LAYOUT_COLUMN_MISPLACED),
        (NAMED, {"line_characters": 9}, Code.LAYOUT_LENGTH_OF_CELLS),
        (FIXED, {"zone": None}, Code.LAYOUT_ZONE_MISSING),
        (
            NUMBERED,
            {"columns": [{"field": "make", "constant": "x" * 2**16}]},
            Code.LAYOUT_TOO_LARGE,
        ),
        (FIXED, {"zone": "../etc/passwd"}, Code.LAYOUT_ZONE_UNKNOWN),
        (FIXED, {"zone": "California"}, Code.LAYOUT_ZONE_UNKNOWN),
        (NUMBERED, {"kinds": [*CODES, {**CODES[1], "code": "sv "}]}, Code.LAYOUT_CODE_TWICE),
        (
            NUMBERED,
            {"kinds": [{"code": "SV", "record_kind": "stolen", "on": True}]},
            Code.LAYOUT_CODE_REFUSED,
        ),
        (
            NUMBERED,
            {"columns": [{"field": "plate", "constant": "7ABC123"}]},
            Code.LAYOUT_PLATE_CONSTANT,
        ),
        (
            NUMBERED,
            {"columns": [{"field": f, "number": 1} for f in ("plate", "record_kind")]},
            Code.LAYOUT_COLUMN_TWICE,
        ),
        (
            NUMBERED,
            {
                "columns": [
                    {"field": "plate", "number": 1},
                    {"field": "record_kind", "constant": "SX"},
                ]
            },
            Code.LAYOUT_CONSTANT_UNKNOWN,
        ),
        (
            FIXED,
            {"columns": [{"field": "plate", "first": 5, "last": 2}]},
            Code.LAYOUT_COLUMN_ENDS_EARLY,
        ),
    ],
)
def test_a_layout_that_could_mean_two_things_is_refused(given, changes, problem):
    assert refusal(given, **changes) is problem


def test_a_file_of_one_kind_has_its_code_on_each_line():
    columns = [{"field": "plate", "number": 1}, {"field": "record_kind", "constant": "LP"}]
    _, sheet = read(checked(NUMBERED, columns=columns), "7ABC123\n")
    assert sheet.skipped == {"lost_plate": 1}
