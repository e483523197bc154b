"""The candidates that the lists in force nominate, and the urgency of a match."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID, uuid4

import msgspec
import pytest

from services.hotlist.domain.index import Index, ListIndex
from services.hotlist.domain.rating import Listed, lowered, rate
from services.hotlist.domain.vehicles import colours_differ, makes_differ
from services.hotlist.workers.index_refresh import Refresher
from shared.core.matching import STORED, Lookalikes, differences
from shared.core.policy import RegionChoice, load_policy
from shared.events import Read

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
RULES = load_policy(Path(__file__).parents[3] / "policy.toml").hotlists
ORI = "CA0520100"


def a_read(plate="7ABC123", **fields):
    given = {
        "read_id": uuid4(),
        "device_id": uuid4(),
        "device_name": "camera 1",
        "agency_ori": ORI,
        "captured_at": NOON,
        "received_at": NOON,
        "source": "edge",
        "plate": plate,
        "plate_as_read": plate,
        "confidence": 0.9,
        "model": "test@1",
        "region": "US-CA",
        **fields,
    }
    return Read(**given)


def an_entry(plate="7ABC123", **fields):
    given = {
        "list_id": uuid4(),
        "list_name": "SVS",
        "list_version": 1,
        "source": "state",
        "staleness_s": None,
        "as_of": NOON - timedelta(hours=1),
        "entry_id": uuid4(),
        "plate": plate,
        "plate_listed": plate,
        "partial": False,
        "region": "US-CA",
        "record_kind": "stolen_vehicle",
        "entering_ori": ORI,
        **fields,
    }
    return Listed(**given)


def an_index(*plates, agency=ORI, lookalikes=STORED):
    index, one = Index(lookalikes), ListIndex(uuid4(), agency, uuid4(), 1, lookalikes)
    one.add(uuid4().bytes + plate.encode() for plate in plates)
    index.put(one)
    return index


def found(index, *reads, most=1, least=0.6):
    return index.candidates(reads, minimum_confidence=least, most_differences=most)


@pytest.mark.parametrize(
    ("read", "listed", "most", "matches"),
    [
        ("7ABC123", "7ABC123", 0, True),
        ("7A8C123", "7ABC123", 0, False),
        ("7A8C123", "7ABC123", 1, True),
        ("7A8CI23", "7ABC123", 1, False),
        ("7A8CI23", "7ABC123", 2, True),
        ("7ABC12", "7ABC123", 2, False),  # lengths are equal or it is another plate
        ("7ABC1233", "7ABC123", 2, False),
        ("7ABC173", "7ABC123", 2, False),  # 2 and 7 are in no class (Española)
        ("0OQD", "OOOO", 3, True),
    ],
)
def test_look_alikes_match_up_to_the_number_allowed(read, listed, most, matches):
    assert bool(found(an_index(listed), a_read(read), most=most)) is matches


@pytest.mark.clause("468.4(c)/region-packs")
def test_look_alikes_are_those_of_the_index():
    lookalikes = Lookalikes(("0O", "VY"))
    index = an_index("7ABV123", lookalikes=lookalikes)
    index.get(next(iter(index.lists)).list_id).add_partials([uuid4().bytes + b"8?Y999"])
    assert len(found(index, a_read("7ABY123"))) == 1
    assert len(found(index, a_read("8AV999"))) == 1
    assert found(index, a_read("7A8V123")) == [], "8 and B are in no class here"
    assert found(index, a_read("BAV999")) == [], "nor for a partial plate"
    assert found(index, a_read("8AB999"), most=9) == []
    assert found(an_index("7ABV123"), a_read("7ABY123")) == []


@pytest.mark.clause("468.4(c)/region-packs")
def test_the_index_has_the_look_alikes_of_the_policys_packs(monkeypatch):
    asked = []

    def regions_of(packs):
        asked.append(packs)
        return SimpleNamespace(lookalikes=("VY",))

    monkeypatch.setattr("services.hotlist.workers.index_refresh.regions_of", regions_of)
    policy = SimpleNamespace(regions=RegionChoice(("europe", "us")))
    settings = SimpleNamespace(hotlist_poll_s=60, hotlist_kept_snapshots=2)
    refresher = Refresher(SimpleNamespace(policy=policy), settings)
    assert asked == [("europe", "us")]
    assert refresher.index.lookalikes.classes == ("VY",)


def test_all_entries_that_look_alike_are_nominated_each_with_its_own_differences():
    index = an_index("B00", "800", "B0O", "BQQ")
    got = {tuple(d.position for d in c.differences) for c in found(index, a_read("B00"))}
    assert got == {(), (0,), (2,)}


def test_a_read_below_the_minimum_confidence_is_not_matched():
    assert found(an_index("7ABC123"), a_read(confidence=0.59)) == []
    assert len(found(an_index("7ABC123"), a_read(confidence=0.6))) == 1


def test_a_list_matches_only_reads_of_its_own_agency():
    assert found(an_index("7ABC123", agency="CA0999900"), a_read()) == []


def test_removed_entries_no_longer_match_and_others_do():
    one = ListIndex(uuid4(), ORI, uuid4(), 1, STORED)
    packed = [UUID(int=n).bytes + plate for n, plate in enumerate((b"AB0", b"ABO", b"ABQ"))]
    index = Index(STORED)
    one.add(packed)
    one.remove([packed[1], packed[1], b"x" * 16 + b"NOTHERE"])
    index.put(one)
    assert (len(one), {c.entry_id.int for c in found(index, a_read("AB0"))}) == (2, {0, 2})
    one.remove([packed[0], packed[2]])
    assert (len(one), found(index, a_read("AB0"))) == (0, [])


@pytest.mark.parametrize("plate", ["", "７ÄBC", "\ud800", "A" * 500])
def test_odd_plates_match_no_entry_and_raise_no_error(plate):
    assert found(an_index("7ABC123"), a_read(plate)) == []


@pytest.mark.parametrize("kind", sorted(RULES.tiers))
def test_a_whole_match_has_the_tier_of_its_record_kind(kind):
    rating = rate(a_read(), an_entry(record_kind=kind), [], RULES, NOON)
    assert (rating.tier, rating.cautions) == (RULES.tiers[kind], ())


@pytest.mark.parametrize("kind", ["stored_vehicle", "repossessed_vehicle", "lost_plate"])
def test_record_kinds_that_justify_no_felony_stop_are_never_urgent(kind):
    assert rate(a_read(), an_entry(record_kind=kind), [], RULES, NOON).tier in {
        "low",
        "information",
    }


def test_a_kind_that_the_policy_no_longer_ranks_is_for_information():
    assert rate(a_read(), an_entry(record_kind="gone"), [], RULES, NOON).tier == "information"


@pytest.mark.clause("468.4(f)/unverified")
@pytest.mark.parametrize(
    ("read", "listed", "tier", "codes"),
    [
        ({}, {}, "high", []),
        ({"region": None}, {}, "medium", ["state_unknown"]),
        ({}, {"region": None}, "medium", ["state_unknown"]),
        ({"region": None}, {"region": None}, "medium", ["state_unknown"]),
        ({"region": "US-NV"}, {}, "low", ["state_differs"]),
        ({}, {"partial": True}, "medium", ["partial_plate"]),
        ({"misread_risk": 0.4}, {}, "medium", ["misread_risk"]),
        ({"misread_risk": 0.39}, {}, "high", []),
        ({"vehicle_make": "Lexus"}, {"make": "GMC"}, "medium", ["make_differs"]),
        ({"vehicle_make": "Toyota"}, {"make": "TOYT"}, "high", []),
        ({"vehicle_colour": "white"}, {"colour": "BLK"}, "high", ["colour_differs"]),
        ({}, {"valid_from": NOON + timedelta(hours=1)}, "high", ["before_entry"]),
        (
            {"captured_at": NOON - timedelta(hours=2)},
            {"valid_from": NOON - timedelta(hours=1)},
            "high",
            ["before_entry"],
        ),
    ],
)
def test_each_doubt_is_listed_and_lowers_the_tier(read, listed, tier, codes):
    rating = rate(a_read(**read), an_entry(**listed), [], RULES, NOON)
    assert (rating.tier, [caution.code for caution in rating.cautions]) == (tier, codes)


@pytest.mark.clause("468.4(f)/unverified")
def test_a_list_of_a_source_without_a_limit_is_always_stale():
    rules = msgspec.structs.replace(RULES, staleness_hours={})
    entry = an_entry(source="department", as_of=NOON - timedelta(seconds=1))
    rating = rate(a_read(), entry, [], rules, NOON)
    assert (rating.list_stale, rating.tier) == (True, "medium")


def test_doubts_lower_the_tier_down_to_information():
    differing = differences("7A8C123", "7ABC123")
    rating = rate(a_read("7A8C123", region=None), an_entry(), differing, RULES, NOON)
    assert rating.tier == "low"
    assert lowered("low", 5) == "information"


@pytest.mark.clause("468.4(f)/unverified")
@pytest.mark.parametrize("state", ["US-NV", None])
@pytest.mark.parametrize("kind", sorted(RULES.tiers))
def test_another_or_an_unknown_state_never_gives_the_top_tier(kind, state):
    assert rate(a_read(region=state), an_entry(record_kind=kind), [], RULES, NOON).tier != "high"


@pytest.mark.clause("468.4(f)/unverified")
@pytest.mark.parametrize(
    ("source", "own_s", "hours", "stale"),
    [
        ("federal", None, 12, False),
        ("federal", None, 12.1, True),
        ("state", None, 24.1, True),
        ("department", None, 167, False),
        ("department", 3600, 1.1, True),
        ("state", 90 * 3600, 25, True),  # a list cannot widen the policy's limit
    ],
)
def test_a_list_past_its_limit_is_stale_and_never_top(source, own_s, hours, stale):
    entry = an_entry(source=source, staleness_s=own_s, as_of=NOON - timedelta(hours=hours))
    rating = rate(a_read(), entry, [], RULES, NOON)
    assert (rating.list_stale, rating.tier) == (stale, "medium" if stale else "high")
    assert rating.list_age_s == int(hours * 3600)


def test_a_list_of_a_source_whose_clock_is_ahead_has_no_age_yet():
    ahead = an_entry(as_of=NOON + timedelta(minutes=4))
    rating = rate(a_read(), ahead, [], RULES, NOON)
    assert (rating.list_age_s, rating.list_stale) == (0, False)


@pytest.mark.clause("468.4(f)/unverified")
@pytest.mark.parametrize(("hours", "codes"), [(-1, ["before_entry"]), (0, []), (1, [])])
def test_a_read_that_was_captured_before_its_entry_was_valid_says_so(hours, codes):
    entry = an_entry(valid_from=NOON - timedelta(days=1))
    read = a_read(captured_at=NOON - timedelta(days=1) + timedelta(hours=hours))
    rating = rate(read, entry, [], RULES, NOON)
    assert [one.code for one in rating.cautions] == codes


def test_staleness_does_not_raise_a_low_tier():
    entry = an_entry(record_kind="lost_plate", as_of=NOON - timedelta(days=30))
    assert rate(a_read(), entry, [], RULES, NOON).tier == "low"


@pytest.mark.parametrize(
    ("seen", "listed", "differ"),
    [
        ("Toyota", "TOYT", False),
        ("CHEV", "Chevrolet", False),
        ("Mercedes-Benz", "MERZ", False),
        ("Lexus", "GMC", True),
        ("Honda", "HYUN", True),
        ("Ram", "Dodge", False),
        (None, "GMC", False),
        ("unknown", "GMC", False),
        ("", "", False),
    ],
)
def test_makes_contradict_only_when_both_are_known(seen, listed, differ):
    assert makes_differ(seen, listed) is differ
    assert makes_differ(listed, seen) is differ


@pytest.mark.parametrize(
    ("seen", "listed", "differ"),
    [
        ("silver", "GRY", False),
        ("white", "SIL", False),
        ("black", "WHI", True),
        ("red", "BLU", True),
        ("black", "BLK/WHI", False),
        ("chartreuse", "RED", False),
        (None, "RED", False),
    ],
)
def test_colours_contradict_only_where_no_camera_would_confuse_them(seen, listed, differ):
    assert colours_differ(seen, listed) is differ
    assert colours_differ(listed, seen) is differ
