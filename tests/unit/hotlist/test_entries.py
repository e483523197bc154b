"""Each field of an entry has its limits, kinds can be switched off, and partial plates end within 90 days."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from services.hotlist.domain.entries import (
    IMMIGRATION_KINDS,
    LIMITS,
    Checker,
    EntryFault,
    KindRefused,
    check_switches,
    immigration_kind_in,
    kinds_of,
)
from shared.core.errors import InvalidInput
from shared.core.fields import EARLIEST
from shared.core.policy import load_policy

POLICY = load_policy(Path(__file__).parents[3] / "policy.toml")
LIST = UUID(int=7)
ORI = "CA0520100"
NOW = datetime(2026, 12, 7, 12, tzinfo=UTC)
WHOLE = {"plate": "7ABC123", "record_kind": "stolen_vehicle"}
IN_A_WEEK = (NOW + timedelta(days=7)).isoformat()
PARTIAL = {"plate": "7AB*", "record_kind": "stolen_vehicle", "expires_at": IN_A_WEEK}


def checker(off=(), list_id=LIST, policy=POLICY):
    return Checker.of(policy, list_id, [*off], default_ori=ORI, now=NOW)


def fault_of(**fields):
    """Return the field and the problem of an entry that is refused."""
    with pytest.raises(EntryFault) as refused:
        checker().check(fields)
    return refused.value.field, refused.value.problem.name.lower()


def test_an_entry_has_its_fields_in_their_normal_form():
    fields = WHOLE | {
        "plate": "7abc 123", "record_kind": "Stolen-Vehicle", "state": "nv", "reason": "theft",
        "entering_ori": "NV0020000", "entering_reference": "R1", "make": "FORD", "model": "F150",
        "colour": "red", "year": "2019", "caution": "armed", "valid_from": "2026-12-01T00:00:00-08:00",
        "expires_at": "2027-01-01T00:00:00Z",
    }  # fmt: skip
    entry = checker().check(fields)
    assert (entry.plate, entry.plate_listed, entry.partial) == ("7ABC123", "7abc 123", False)
    assert (entry.region, entry.record_kind) == ("US-NV", "stolen_vehicle")
    assert (entry.reason, entry.entering_ori, entry.entering_reference) == (
        "theft",
        "NV0020000",
        "R1",
    )
    assert (entry.make, entry.model, entry.colour, entry.year) == ("FORD", "F150", "red", 2019)
    assert entry.caution == "armed"
    assert entry.valid_from == datetime(2026, 12, 1, 8, tzinfo=UTC)
    assert entry.valid_from.tzinfo is UTC
    assert entry.expires_at == datetime(2027, 1, 1, tzinfo=UTC)


def test_an_entry_without_more_than_a_plate_and_a_kind_is_of_the_lists_agency():
    entry = checker().check(WHOLE)
    assert entry.entering_ori == ORI
    rest = (
        "region", "reason", "entering_reference", "make", "model", "colour", "year", "caution",
        "valid_from", "expires_at",
    )  # fmt: skip
    assert [getattr(entry, name) for name in rest] == [None] * len(rest)


@pytest.mark.parametrize("name", LIMITS)
def test_a_field_longer_than_its_limit_is_refused(name):
    long = fault_of(**WHOLE | {name: "A" * (LIMITS[name] + 1)})
    assert long == (name, "entry_field_too_long")


@pytest.mark.parametrize(
    "name", ["reason", "entering_reference", "make", "model", "colour", "caution"]
)
def test_a_text_is_as_long_as_its_limit(name):
    assert getattr(checker().check(WHOLE | {name: "A" * LIMITS[name]}), name) == "A" * LIMITS[name]


def test_a_field_that_cannot_be_printed_is_refused():
    assert fault_of(**WHOLE, caution="armed\x07") == ("caution", "entry_field_unprintable")


def test_an_entry_has_a_kind():
    assert fault_of(plate="7ABC123") == ("record_kind", "entry_kind_missing")


def test_a_kind_that_the_policy_does_not_rank_is_refused_with_those_it_does():
    with pytest.raises(EntryFault) as refused:
        checker().check(WHOLE | {"record_kind": "stolen_boat"})
    assert refused.value.field == "record_kind"
    assert refused.value.params["allowed"] == sorted(POLICY.hotlists.tiers)


def test_a_kind_that_is_switched_off_is_refused_by_its_name():
    switched = checker(off=["stolen_vehicle"])
    assert switched.is_off("stolen_vehicle")
    assert not checker().is_off("stolen_vehicle")
    with pytest.raises(KindRefused) as refused:
        switched.check(WHOLE | {"record_kind": "STOLEN VEHICLE"})
    assert (refused.value.kind, refused.value.problem.name.lower()) == (
        "stolen_vehicle", "record_kind_off",
    )  # fmt: skip


@pytest.mark.parametrize("kind", IMMIGRATION_KINDS)
def test_immigration_kinds_are_off_unless_the_policy_ranks_them(kind):
    with pytest.raises(KindRefused) as refused:
        checker().check(WHOLE | {"record_kind": kind.replace("_", " ").title()})
    assert refused.value.problem.name.lower() == "record_kind_prohibited"
    assert "7284.6" in refused.value.params["citation"]
    tiers = {**POLICY.hotlists.tiers, kind: "low"}
    ranks = msgspec.structs.replace(
        POLICY, hotlists=msgspec.structs.replace(POLICY.hotlists, tiers=tiers)
    )
    assert checker(policy=ranks).check(WHOLE | {"record_kind": kind}).record_kind == kind
    others = {one for one in IMMIGRATION_KINDS if one != kind}
    assert kinds_of(ranks, []).off.keys() == others


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Immigration Violator File", "immigration_violator_file"),
        ("all immigration-violators", "immigration_violators"),
        ("IMMIGRATION", "immigration"),
        ("stolen vehicle", None),
    ],
)
def test_a_text_names_the_longest_immigration_kind_in_it(text, kind):
    assert immigration_kind_in(text) == kind


def test_switches_are_of_kinds_that_exist_and_each_is_named_once():
    assert check_switches(POLICY, ["stolen_vehicle", "stolen_plate", "stolen_vehicle"]) == [
        "stolen_plate", "stolen_vehicle",
    ]  # fmt: skip
    with pytest.raises(InvalidInput) as refused:
        check_switches(POLICY, ["stolen_vehicle", "stolen_boat"])
    assert refused.value.code == "record_kind_unknown"


def test_an_entry_of_the_same_content_has_the_same_id_on_the_same_list_alone():
    first = checker().check(WHOLE | {"entering_reference": "R1", "caution": "armed"})
    again = checker().check(WHOLE | {"entering_reference": "R1", "make": "FORD"})
    assert first.entry_id == again.entry_id
    others = [
        checker(list_id=UUID(int=8)).check(WHOLE | {"entering_reference": "R1"}),
        *(
            checker().check(WHOLE | {"entering_reference": "R1"} | changed)
            for changed in (
                {"plate": "7ABC124"}, {"state": "NV"}, {"record_kind": "stolen_plate"},
                {"entering_ori": "NV0020000"}, {"entering_reference": "R2"},
            )
        ),
    ]  # fmt: skip
    assert len({first.entry_id, *(one.entry_id for one in others)}) == 7


def test_a_checker_says_as_what_it_has_read_short_forms_of_regions():
    mine = checker()
    mine.check(WHOLE | {"state": "US-NV"})
    mine.check(WHOLE)
    assert mine.regions == {}
    mine.check(WHOLE | {"state": "NV"})
    assert mine.regions == {"NV": "US-NV"}
    assert fault_of(**WHOLE, state="Atlantis")[0] == "state"


@pytest.mark.parametrize("year", ["1900", "2026", "2027"])
def test_a_vehicle_is_of_a_year_until_the_next(year):
    assert checker().check(WHOLE | {"year": year}).year == int(year)


@pytest.mark.parametrize("year", ["1899", "2028", "19", "20x6"])
def test_other_years_are_refused(year):
    assert fault_of(**WHOLE, year=year) == ("year", "entry_year_refused")


@pytest.mark.parametrize("name", ["valid_from", "expires_at"])
def test_times_are_readable_with_a_zone_and_not_before_the_earliest(name):
    assert fault_of(**WHOLE | {name: "yesterday"}) == (name, "entry_time_unreadable")
    assert fault_of(**WHOLE | {name: "0001-01-01T00:00:00+14:00"}) == (
        name,
        "entry_time_unreadable",
    )
    assert fault_of(**WHOLE | {name: "2026-12-07T12:00:00"}) == (name, "entry_time_without_zone")
    before = (EARLIEST - timedelta(seconds=1)).isoformat()
    assert fault_of(**WHOLE | {name: before}) == (name, "entry_time_too_early")
    entry = checker().check(WHOLE | {name: EARLIEST.isoformat()})
    assert getattr(entry, name) == EARLIEST


def test_an_entry_ends_after_it_begins():
    east = NOW.astimezone(timezone(timedelta(hours=5))).isoformat()
    same = WHOLE | {"valid_from": NOW.isoformat(), "expires_at": east}
    assert fault_of(**same) == ("expires_at", "entry_expires_before_valid")
    later = (NOW + timedelta(seconds=1)).isoformat()
    assert checker().check(same | {"expires_at": later}).expires_at > NOW


def test_a_partial_plate_has_three_known_characters():
    assert checker().check(PARTIAL).partial
    assert fault_of(**PARTIAL | {"plate": "7A*"}) == ("plate", "partial_too_open")
    assert not checker().check(WHOLE | {"plate": "7A"}).partial
    assert fault_of(**WHOLE | {"plate": ""})[0] == "plate"


def test_a_partial_plate_ends_within_ninety_days():
    assert fault_of(**{**PARTIAL, "expires_at": (NOW + timedelta(days=90, seconds=1)).isoformat()}) == (
        "expires_at", "partial_too_long",
    )  # fmt: skip
    last = NOW + timedelta(days=90)
    assert checker().check(PARTIAL | {"expires_at": last.isoformat()}).expires_at == last
    without = {name: text for name, text in PARTIAL.items() if name != "expires_at"}
    assert fault_of(**without) == ("expires_at", "partial_without_end")
    far = (NOW + timedelta(days=3650)).isoformat()
    assert checker().check(WHOLE | {"expires_at": far}).expires_at.year == 2036


def test_an_agency_is_named_by_its_ori():
    assert fault_of(**WHOLE, entering_ori="police")[0] == "entering_ori"
