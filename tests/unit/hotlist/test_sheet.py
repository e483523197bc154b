"""A hot list as CSV: pieces of any size, faults by line and column, limits."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from services.hotlist.domain.csv_import import (
    SET_ASIDE_COLUMNS,
    LineFault,
    SetAside,
    Sheet,
)
from services.hotlist.domain.entries import Checker, EntryFault, KindRefused
from services.hotlist.domain.line_forms import ALIASES, PlainCsv
from shared.core.errors import InvalidInput, TooLarge
from shared.core.policy import load_policy

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
POLICY = load_policy(Path(__file__).parents[3] / "policy.toml")
LIST = UUID(int=468)


def a_checker(off=()):
    return Checker.of(POLICY, LIST, list(off), default_ori="CA0520100", now=NOON)


def read(data, *, piece=None, off=(), **limits):
    sheet = Sheet(a_checker(off), PlainCsv(), **{"max_bytes": 10**6, "max_rows": 1000, **limits})
    data = data.encode() if isinstance(data, str) else data
    step = piece or max(len(data), 1)
    found = []
    for start in range(0, len(data), step):
        found += sheet.feed(data[start : start + step])
    return found + sheet.finish(), sheet


def refused(data, **more):
    with pytest.raises(InvalidInput) as caught:
        read(data, **more)
    return [(e["line"], e["column"], e["field"]) for e in caught.value.errors]


def faults(data, **more):
    _, sheet = read(data, **more)
    return [(a.fault.line, a.fault.column, a.fault.field) for a in sheet.aside]


SHEET = (
    "\ufeffPlate,State,Record_Kind,Reason,Make,Color\r\n"
    '7abc-123,CA,Stolen Vehicle,"lot, south",TOYT,SIL\r\n'
    "\r\n"
    " 8XYZ 999 ,US-NV,stolen-plate,,,\n"
    "1A,,other,,,"
)


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 50, 10_000])
def test_pieces_of_any_size_give_the_same_entries(piece):
    entries, sheet = read(SHEET, piece=piece)
    assert [(line, e.plate, e.region, e.record_kind) for line, e in entries] == [
        (2, "7ABC123", "US-CA", "stolen_vehicle"),
        (4, "8XYZ999", "US-NV", "stolen_plate"),
        (5, "1A", None, "other"),
    ]
    first = entries[0][1]
    assert (first.plate_listed, first.reason, first.colour) == ("7abc-123", "lot, south", "SIL")
    assert (first.entering_ori, sheet.rows) == ("CA0520100", 3)


@pytest.mark.parametrize("name", [*ALIASES, "Entered By ORI"])
def test_columns_have_other_names(name):
    column = ALIASES[name.lower().replace(" ", "_")]
    values = {
        "plate": "7ABC123",
        "record_kind": "other",
        "state": "CA",
        "colour": "SIL",
        "entering_ori": "CA0340000",
        "entering_reference": "26-1",
        "expires_at": "2026-07-01T00:00:00Z",
    }
    named = ",".join(name if one == column else one for one in values)
    plain, _ = read(",".join(values) + "\n" + ",".join(values.values()))
    aliased, _ = read(named + "\n" + ",".join(values.values()))
    assert aliased == plain != []


def test_an_entry_keeps_its_id_when_the_list_is_refreshed():
    [(_, before)], _ = read("plate,record_kind,state\n7ABC123,other,CA\n")
    [(_, after)], _ = read("state,plate,record_kind,reason\nUS-CA,7abc 123,other,new words\n")
    [(_, other)], _ = read("state,plate,record_kind\nNV,7ABC123,other\n")
    assert before.entry_id == after.entry_id != other.entry_id


@pytest.mark.parametrize(
    "change",
    [
        {"plate": "7ABC124"},
        {"state": "NV"},
        {"record_kind": "parts"},
        {"entering_ori": "CA0340000"},
        {"entering_reference": "26-1"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_entry_of_another_agency_or_reference_is_another_entry(change):
    fields = {"plate": "7ABC123", "record_kind": "other", "state": "CA"}
    entry = a_checker().check(fields)
    assert a_checker().check({**fields, **change}).entry_id != entry.entry_id
    assert a_checker().check({**fields, "make": "Ford", "reason": "x"}).entry_id == entry.entry_id


def test_an_entry_has_the_caution_of_its_agency_and_the_year_of_its_vehicle():
    header = "plate,record_kind,Vehicle Year,Cautions\n"
    rows = "7ABC123,other,2019, ARMED AND DANGEROUS \n8XYZ999,other,,\n"
    found, _ = read(header + rows)
    assert [(e.year, e.caution) for _, e in found] == [(2019, "ARMED AND DANGEROUS"), (None, None)]


def test_a_new_caution_does_not_make_another_entry():
    fields = {"plate": "7ABC123", "record_kind": "other"}
    plain, warned = (a_checker().check({**fields, **more}) for more in ({}, {"caution": "armed"}))
    assert plain.entry_id == warned.entry_id


@pytest.mark.parametrize("year", ["1900", "2026", "2027"])
def test_the_year_of_a_vehicle_is_at_most_next_year(year):
    assert a_checker().check(
        {"plate": "7ABC123", "record_kind": "other", "year": year}
    ).year == int(year)


@pytest.mark.parametrize("year", ["1899", "2028", "19", "-201", "2k19", "２０１９", "2_19"])
def test_another_year_is_refused_by_name(year):
    with pytest.raises(EntryFault, match="from 1900 to 2027") as caught:
        a_checker().check({"plate": "7ABC123", "record_kind": "other", "year": year})
    assert caught.value.field == "year"


def test_a_doubled_line_is_set_aside_with_its_year_and_caution():
    found, sheet = read("plate,record_kind,year,caution\n7ABC123,other,2019,armed\n")
    [(line, entry)] = found
    sheet.set_doubled_aside(LineFault(line, None, None, "doubled"), entry)
    assert sheet.aside[0].content == "7ABC123,other,2019,armed"


@pytest.mark.parametrize(
    ("name", "most"), [("reason", 500), ("make", 30), ("model", 40), ("caution", 100)]
)
def test_a_field_of_just_its_limit_is_accepted_and_one_character_more_is_refused(name, most):
    fields = {"plate": "7ABC123", "record_kind": "other"}
    assert getattr(a_checker().check({**fields, name: "x" * most}), name) == "x" * most
    with pytest.raises(EntryFault) as caught:
        a_checker().check({**fields, name: "x" * (most + 1)})
    assert (caught.value.field, caught.value.params) == (name, {"max_characters": most})


@pytest.mark.parametrize(
    ("row", "column", "field"),
    [
        ("---,other,,,", 1, "plate"),
        ("7ABC123456789,other,,,", 1, "plate"),
        ("7ABC123,nonsense,,,", 2, "record_kind"),
        ("7ABC123,,,,", 2, "record_kind"),
        ("7ABC123,other,XX,,", 3, "state"),
        ("7ABC123,other,US-XX,,", 3, "state"),
        ("7ABC123,other,CA,12,", 4, "entering_ori"),
        ("7ABC123,other,CA,,2026-07-01T00:00:00", 5, "expires_at"),
        ("7ABC123,other,CA,,tomorrow", 5, "expires_at"),
        ("7ABC123,other,CA,,0001-01-01T00:00:00+23:59", 5, "expires_at"),
        ("7ABC123,other,CA,,9999-12-31T23:59:59-23:59", 5, "expires_at"),
        ("7ABC123,other,CA,,1899-12-31T00:00:00Z", 5, "expires_at"),
        ("7A\x00BC,other,CA,,", 1, "plate"),
        ("7ABC-12$,other,CA,,", 1, "plate"),
        ("1.2E+11,other,CA,,", 1, "plate"),
        ("7?1,canvass,CA,,2026-06-02T00:00:00Z", 1, "plate"),
        ("7?12,canvass,CA,,", 5, "expires_at"),
        ("7?12,canvass,CA,,2026-12-01T00:00:00Z", 5, "expires_at"),
        ("7ABC123,other", None, None),
        ('7ABC123,other,"CA,,', None, None),
        ('"7ABC123"x,other,CA,,', None, None),
    ],
)
def test_a_fault_is_named_by_line_and_column(row, column, field):
    header = "plate,record_kind,state,entering_ori,expires_at\n"
    assert faults(header + "1AAA111,other,CA,,\n" + row + "\n") == [(3, column, field)]


@pytest.mark.parametrize(
    "row",
    [
        "7ABC123,other,2026-06-03T00:00:00Z,2026-06-02T00:00:00Z",
        "7ABC123,other,2026-06-02T00:00:00Z,2026-06-02T00:00:00Z",
        "7?12,canvass,2026-08-01T00:00:00Z,2026-09-01T00:00:00Z",  # 92 days from now
    ],
)
def test_an_entry_ends_after_it_begins_and_a_partial_plate_ninety_days_from_now(row):
    header = "plate,record_kind,valid_from,expires_at\n"
    good = "7?12,canvass,2026-08-01T00:00:00Z,2026-08-30T12:00:00Z\n"
    assert faults(header + good + row + "\n") == [(3, 4, "expires_at")]


def test_a_bad_line_does_not_stop_the_rest():
    sheet = "plate,record_kind\n1AAA111,other\n=--,other\n2BBB222,nonsense\n3CCC333,other\n"
    for piece in (1, 7, 1000):
        entries, done = read(sheet, piece=piece)
        assert [(line, e.plate) for line, e in entries] == [(2, "1AAA111"), (5, "3CCC333")]
        assert (done.rows, done.entries) == (4, 2)
        kept = [(a.fault.line, a.fault.field, a.content, a.plate) for a in done.aside]
        assert kept == [
            (3, "plate", "=--,other", None),
            (4, "record_kind", "2BBB222,nonsense", "2BBB222"),
        ]


def test_bad_lines_are_held_to_a_share_of_all_lines():
    rows = "".join(f"1AAA{n:03},other\n" for n in range(98)) + "-,other\n-,other\n"
    _, sheet = read("plate,record_kind\n" + rows)
    sheet.check_share(0.02)
    with pytest.raises(InvalidInput, match=r"line 100.*2 of 100 lines are bad.* allows 1\.0%"):
        sheet.check_share(0.01)


def test_reading_stops_at_the_maximum_number_of_bad_lines():
    sheet = "plate,record_kind\n" + "-,other\n" * 10_001
    assert len(refused(sheet, max_rows=20_000)) == 100
    assert len(faults(sheet[: -len("-,other\n")], max_rows=20_000)) == 10_000


def test_a_bad_line_is_kept_as_postgres_can_store_it():
    _, done = read(b"plate,record_kind\n7A\x00BC,other\n7A\xffBC,other\r\n")
    assert [a.content for a in done.aside] == ["7A\\x00BC,other", "7A\\xffBC,other"]


def test_a_bad_line_of_a_kind_that_the_policy_ranks_is_kept():
    hotlists = POLICY.hotlists
    ranked = msgspec.structs.replace(
        hotlists, tiers={**hotlists.tiers, "immigration_violator": "low"}
    )
    policy = msgspec.structs.replace(POLICY, hotlists=ranked)
    checker = Checker.of(policy, LIST, [], default_ori="CA0520100", now=NOON)
    sheet = Sheet(checker, PlainCsv(), max_bytes=10**6, max_rows=1000)
    sheet.feed(b"plate,record_kind\n-,immigration_violator\n-,immigration\n")
    assert [a.fault.line for a in sheet.aside] == [2]
    assert sheet.skipped == {"immigration": 1}


def test_a_bad_line_of_a_kind_that_is_not_imported_is_not_kept():
    sheet = 'plate,record_kind,state\n1A,Immigration Violator,ZZ,4\n"1A,immigration-violator,CA\n'
    _, done = read(sheet + "1A,other,ZZ\n")
    assert done.skipped == {"immigration_violator": 2}
    assert [a.fault.line for a in done.aside] == [4]


def test_a_bad_line_of_a_kind_that_is_imported_is_kept_whatever_its_caution_names():
    header = "plate,record_kind,state,caution\n"
    said = "says he fled from immigration"
    _, done = read(f"{header}1A,stolen_vehicle,ZZ,{said}\n1B,,CA,{said}\n1C,{said},CA,\n")
    assert [(a.fault.line, a.fault.field) for a in done.aside] == [(2, "state")]
    assert done.skipped == {"immigration": 2}, "of these the kind is not known"


@pytest.mark.parametrize(
    ("header", "column", "field"),
    [
        ("plate,record_kind,plate", 3, "plate"),
        ("plate,record_kind,hat", 3, None),
        ("plate", None, "record_kind"),
        ("record_kind", None, "plate"),
    ],
)
def test_a_bad_header_is_named(header, column, field):
    assert refused(header + "\n") == [(1, column, field)]


def test_limits_are_enforced_while_reading():
    with pytest.raises(TooLarge, match="50 bytes"):
        read(SHEET, max_bytes=50, piece=10)
    with pytest.raises(TooLarge, match="2 rows"):
        read(SHEET, max_rows=2)
    assert faults("plate,record_kind\n" + "A" * 20_000, piece=1000) == [(2, None, None)]
    assert faults(b"plate,record_kind\n\xff,other\n") == [(2, None, None)]


@pytest.mark.parametrize("piece", [1, 1000, 10**6])
def test_a_line_that_is_too_long_is_set_aside_and_the_next_one_is_read(piece):
    sheet = "plate,record_kind\n" + "A" * 30_000 + ",other\n7ABC123,other\n"
    entries, done = read(sheet, piece=piece)
    assert [(line, e.plate) for line, e in entries] == [(3, "7ABC123")]
    [aside] = done.aside
    assert (aside.fault.line, aside.content) == (2, "A" * 2000)
    assert done.rows == 2


def test_kinds_switched_off_are_left_out_and_counted_by_name():
    sheet = "plate,record_kind\n1A,other\n1B,Immigration Violator\n1C,parts\n1D,parts\n"
    entries, done = read(sheet, off=["parts"])
    assert len(entries) == 1
    assert done.skipped == {"immigration_violator": 1, "parts": 2}


def test_immigration_records_are_refused_with_their_citation():
    with pytest.raises(KindRefused, match=r"Government Code 7284\.6"):
        a_checker().check({"plate": "1A", "record_kind": "immigration_violator"})


def test_a_fault_never_repeats_the_plate():
    with pytest.raises(EntryFault) as caught:
        a_checker().check({"plate": "SECRET1234567", "record_kind": "other"})
    assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "region"),
    [("ca", "US-CA"), ("US-NV", "US-NV"), ("CA-ON", "CA-ON"), ("MX-BCN", "MX-BCN"), (None, None)],
)
def test_states_have_one_form_and_a_short_one_is_reported(text, region):
    checker = a_checker()
    given = {"state": text} if text else {}
    entry = checker.check({"plate": "1AB", "record_kind": "other", **given})
    assert entry.region == region
    assert checker.regions == ({"CA": "US-CA"} if text == "ca" else {})


def test_a_list_has_a_bounded_number_of_partial_plates():
    row = "7A{n:04}*,canvass,2026-06-20T00:00:00Z\n"
    sheet = "plate,record_kind,expires_at\n" + "".join(row.format(n=n) for n in range(1002))
    assert faults(sheet, max_rows=2000) == [(1002, 1, "plate"), (1003, 1, "plate")]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ('1AAA111,CA,other,"no end', "sheet_quote_open"),
        ('1AAA111,CA,other,"in"side', "sheet_quote_inside"),
        ("1AAA111,CA,other,a\rb", "sheet_line_break_bare"),
    ],
)
def test_a_line_that_is_not_csv_is_refused_by_the_rule_that_it_breaks(line, code):
    _, sheet = read(f"plate,state,record_kind,reason\n{line}\n")
    [aside] = sheet.aside
    assert aside.fault.as_problem["code"] == code


@pytest.mark.parametrize("begin", ["=", "+", "-", "@"])
def test_an_export_never_holds_a_formula(begin):
    fault = LineFault(3, 1, "plate", "is not a plate")
    assert SetAside(fault, f"{begin}1+1,CA", None).cells[-1] == f"'{begin}1+1,CA"
    row = dict(zip(SET_ASIDE_COLUMNS, SetAside(fault, "1A,CA", None).cells, strict=True))
    assert row == {
        "line": 3,
        "column": 1,
        "field": "plate",
        "fault": "is not a plate",
        "content": "1A,CA",
    }
