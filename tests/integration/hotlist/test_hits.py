"""Hits: one per pass, rated with its doubts, checked by people, cleared with its read."""

import asyncio
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import text

from services.hotlist.actions import picture
from services.registry import SPECS
from shared.core.errors import InternalFault, InvalidInput
from shared.core.permissions import Permission
from shared.events import (
    Box,
    HitDisposed,
    HitRaised,
    HitVerified,
    Place,
    ReadsRecognised,
    ReadsRecorded,
)
from shared.kafka.pauses import PROMPT
from shared.postgres.restores import Restore, Restores
from shared.testing import recorded
from shared.testing.reads import BAD_PLATES, BAD_READS
from tests.integration.locking import locked_while

VERIFIED = {"method": "CLETS", "reference": "T26-1", "outcome": "correct_read"}


async def count(hotlist, table):
    async with hotlist.runtime.db.begin() as connection:
        return (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()


@pytest.mark.clause("468.4(f)/unverified")
async def test_a_listed_plate_raises_one_unverified_hit_and_announces_it(hotlist):
    list_id = await hotlist.listed("7ABC123", source="state", name="SVS")
    read = hotlist.read(crop_key="crops/1.jpg", capture_id=uuid4())
    await hotlist.see(hotlist.read("1ZZZ999"), read)
    [hit] = await hotlist.hits()
    assert hit["status"] == "unverified"
    assert "CLETS" in hit["notice"]
    assert (hit["tier"], hit["record_kind"], hit["list_name"]) == ("high", "stolen_vehicle", "SVS")
    assert (hit["plate_read"], hit["plate_listed"], hit["differences"]) == (
        "7ABC123",
        "7ABC123",
        [],
    )
    assert (hit["list_id"], hit["list_version"], hit["late"]) == (list_id, 1, False)
    assert hit["crop_url"].startswith(f"/v1/hits/{hit['hit_id']}/crop?link_token=")
    assert "crops/1.jpg" not in str(hit)
    [raised] = await hotlist.announced(HitRaised)
    assert str(raised.hit_id) == hit["hit_id"]
    assert (raised.read_id, raised.source, raised.tier) == (read.read_id, "state", "high")


SHOWN_AND_ANNOUNCED = (
    "hit_id", "read_id", "device_id", "agency_ori", "captured_at", "plate_read", "plate_listed", "confidence",
    "list_id", "list_name", "list_version", "entry_id", "source", "record_kind", "tier", "list_age_s", "differences",
    "capture_id", "entry", "region_listed", "plate_as_read", "region_read", "list_stale", "late",
)  # fmt: skip
"""The fields that a hit and its event have in common."""


@pytest.mark.clause("468.4(f)/unverified")
async def test_the_event_of_a_hit_says_what_the_hit_shows(hotlist):
    """Packages of evidence show a hit by its event."""
    list_id = await hotlist.list("federal")
    made = hotlist.clock.now() - timedelta(hours=13)
    times = f"{made.isoformat()},{(made + timedelta(days=30)).isoformat()}"
    columns = "plate,record_kind,state,reason,ori,reference,make,model,colour,year,caution,valid_from,expires_at"
    row = f"7ABC123,stolen_vehicle,CA,stolen,CA0340000,26-001234,TOYT,Corolla,SIL,2019,Armed and dangerous,{times}"
    await hotlist.upload(list_id, f"{columns}\n{row}\n", as_of=made.isoformat())
    await hotlist.add(list_id, "9ZZZ999")
    read = hotlist.read(
        "7A8C123",
        ago_s=7200,
        plate_as_read="7A8-C123",
        region="US-NV",
        confidence=0.75,
        capture_id=uuid4(),
        crop_key="crops/1.jpg",
    )
    hotlist.clock.advance(minutes=1)
    await hotlist.see(read)
    [hit] = await hotlist.hits()
    assert (hit["list_version"], hit["list_age_s"], hit["late"]) == (2, 13 * 3600 + 60, True)
    assert datetime.fromisoformat(hit["raised_at"]) == hotlist.clock.now()
    times_of_entry = ("valid_from", "expires_at")
    assert {name: hit["entry"][name] for name in hit["entry"] if name not in times_of_entry} == {
        "plate_listed_as": "7ABC123", "reason": "stolen", "entering_ori": "CA0340000",
        "entering_reference": "26-001234", "make": "TOYT", "model": "Corolla", "colour": "SIL", "year": 2019,
        "caution": "Armed and dangerous", "listed_by": None,
    }  # fmt: skip
    spans = [datetime.fromisoformat(hit["entry"][name]) for name in times_of_entry]
    assert spans == [made, made + timedelta(days=30)]
    assert datetime.fromisoformat(hit["received_at"]) == read.received_at
    [raised] = await hotlist.announced(HitRaised)
    told = msgspec.to_builtins(raised)
    del hit["entry"]["listed_by"]  # a file listed it, and an event leaves out what is not there
    assert {name: told[name] for name in SHOWN_AND_ANNOUNCED} == {
        name: hit[name] for name in SHOWN_AND_ANNOUNCED
    }
    assert [one["code"] for one in told["cautions"]] == [one["code"] for one in hit["warnings"]]
    assert (raised.crop_key, raised.occurred_at) == (read.crop_key, hotlist.clock.now())


@pytest.mark.clause("wall/keyed-ids")
async def test_the_id_of_a_hit_does_not_show_when_its_read_was_captured(hotlist):
    """The id stays in the log after the read is purged; ids of reads begin with that moment."""
    await hotlist.listed("7ABC123")
    read = hotlist.read()
    await hotlist.see(read)
    [hit] = await hotlist.hits()
    begins_with_ms = UUID(hit["hit_id"]).int >> 80
    assert abs(begins_with_ms - read.captured_at.timestamp() * 1000) > 10**9


@pytest.mark.clause("468.4(f)/unverified")
async def test_a_look_alike_raises_a_hit_with_its_differences(hotlist):
    await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read("7A8C123"))
    [hit] = await hotlist.hits()
    assert hit["differences"] == [{"position": 2, "read": "8", "listed": "B"}]
    assert hit["tier"] == "medium"
    assert hit["warnings"] == [
        {"code": "look_alike", "text": "Read and listing differ at character 3"}
    ]
    await hotlist.see(
        hotlist.read("7A8CI23", device=uuid4())
    )  # two differences: the policy permits one
    assert len(await hotlist.hits()) == 1


async def test_doubts_lower_the_tier_and_are_listed_as_warnings(hotlist):
    await hotlist.listed("7ABC123")

    async def rated(**fields):
        await hotlist.see(hotlist.read(device=uuid4(), **fields))
        hit = (await hotlist.hits(limit=1))[0]
        return hit["tier"], [w["code"] for w in hit["warnings"]]

    assert await rated() == ("high", [])
    assert await rated(region=None) == ("medium", ["state_unknown"])
    assert await rated(region="US-NV") == ("low", ["state_differs"])


async def test_a_read_below_the_minimum_confidence_raises_no_hit(hotlist):
    await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read(confidence=0.59))
    assert await hotlist.hits() == []


@pytest.mark.clause("468.4(f)/unverified")
async def test_a_stale_list_never_gives_the_top_tier(hotlist):
    list_id = await hotlist.list("federal")
    made = (hotlist.clock.now() - timedelta(hours=13)).isoformat()
    await hotlist.upload(
        list_id, "plate,record_kind,state\n7ABC123,felony_vehicle,CA\n", as_of=made
    )
    await hotlist.see(hotlist.read())
    [hit] = await hotlist.hits()
    assert (hit["tier"], hit["list_stale"], hit["list_age_s"]) == ("medium", True, 13 * 3600)
    assert "list_stale" in [w["code"] for w in hit["warnings"]]
    shown = await hotlist.call("GET", f"/v1/lists/{list_id}")
    assert (shown["stale"], shown["staleness_hours"]) == (True, 12)
    # An entry that a person made today is no older for the age of the extract beside it.
    await hotlist.add(list_id, "8XYZ111", state="CA")
    await hotlist.see(hotlist.read("8XYZ111"))
    [fresh, _] = await hotlist.hits()
    assert (fresh["tier"], fresh["list_stale"]) == ("high", False)


async def test_a_different_make_than_listed_adds_a_warning_and_lowers_the_tier(hotlist):
    list_id = await hotlist.list()
    await hotlist.upload(
        list_id, "plate,state,record_kind,make,color\n7ABC123,CA,stolen_vehicle,GMC,BLK\n"
    )
    await hotlist.see(hotlist.read(vehicle_make="Lexus", vehicle_colour="white"))
    [hit] = await hotlist.hits()
    assert hit["tier"] == "medium"
    assert [w["code"] for w in hit["warnings"]] == ["make_differs", "colour_differs"]
    assert "seen Lexus, listed GMC" in hit["warnings"][0]["text"]


@pytest.mark.clause("468.4(c)/partial-forward")
async def test_an_entry_matches_from_its_start_of_validity(hotlist):
    list_id = await hotlist.list()
    tomorrow = (hotlist.clock.now() + timedelta(days=1)).isoformat()
    later = (hotlist.clock.now() + timedelta(days=2)).isoformat()
    await hotlist.add(
        list_id,
        "7?BC1*",
        record_kind="canvass",
        valid_from=tomorrow,
        expires_at=later,
        reason="shooting",
    )
    await hotlist.see(hotlist.read("7XBC199"))
    assert await hotlist.hits() == []
    hotlist.clock.advance(days=1)
    await hotlist.see(hotlist.read("7XBC198"))
    assert len(await hotlist.hits()) == 1


@pytest.mark.clause("468.4(c)/partial-forward")
async def test_a_partial_plate_matches_forward_until_it_expires(hotlist):
    list_id = await hotlist.list()
    expires = (hotlist.clock.now() + timedelta(days=2)).isoformat()
    await hotlist.add(
        list_id, "7?BC1*", record_kind="canvass", expires_at=expires, state="CA", reason="shooting"
    )
    await hotlist.see(hotlist.read("7XBC199"), hotlist.read("7XBD199"))
    [hit] = await hotlist.hits()
    assert (hit["plate_listed"], hit["tier"]) == ("7?BC1*", "low")
    assert "partial_plate" in [w["code"] for w in hit["warnings"]]
    hotlist.clock.advance(days=2)
    await hotlist.see(hotlist.read("7XBC198"))
    assert len(await hotlist.hits()) == 1
    problem = await hotlist.add(list_id, "7?BC1*", record_kind="canvass", status=422)
    assert problem["field"] == "entries.0.expires_at"
    problem = await hotlist.add(
        list_id, "7*1", record_kind="canvass", expires_at=expires, status=422
    )
    assert "3 known characters" in problem["detail"]
    many = [
        {"plate": f"7A{n:04}*", "record_kind": "canvass", "reason": "x", "expires_at": expires}
        for n in range(1000)
    ]
    later = (hotlist.clock.now() + timedelta(days=2)).isoformat()
    body = {"entries": [{**entry, "expires_at": later} for entry in many]}
    problem = await hotlist.call("POST", f"/v1/lists/{list_id}/entries", json=body, status=409)
    assert "1000 partial plates" in problem["detail"]


async def test_a_pass_raises_one_hit_in_any_order_of_its_reads(hotlist):
    await hotlist.listed("7ABC123")
    for ago_s in (500, 900, 850, 580, 940, 505):  # two passes, each out of order
        await hotlist.see(hotlist.read(ago_s=ago_s))
    hits = await hotlist.hits()
    assert sorted(hit["sightings"] for hit in hits) == [3, 3]
    spans = {
        (datetime.fromisoformat(h["last_at"]) - datetime.fromisoformat(h["first_at"])).seconds
        for h in hits
    }
    assert spans == {80, 90}
    whole = await hotlist.call("GET", f"/v1/hits/{hits[0]['hit_id']}")
    assert len(whole["sightings_seen"]) == 3
    assert len(await hotlist.announced(HitRaised)) == 2


@pytest.mark.parametrize(
    ("ago_s", "count"),
    [((420, 300), 1), ((300, 420), 1), ((421, 300), 2), ((300, 421), 2)],
    ids=["after", "before", "too late", "too early"],
)
async def test_a_read_joins_a_pass_up_to_the_policys_time_away(hotlist, policy, ago_s, count):
    assert policy.hotlists.pass_window_s == 120
    await hotlist.listed("7ABC123")
    for one in ago_s:
        await hotlist.see(hotlist.read(ago_s=one))
    assert len(await hotlist.hits()) == count


@pytest.mark.parametrize("batched", [True, False])
async def test_a_live_read_of_a_pass_that_began_late_raises_a_hit_of_its_own(hotlist, batched):
    """No alert goes out for a late hit, and the vehicle is still there."""
    await hotlist.listed("7ABC123")
    reads = [hotlist.read(ago_s=930), hotlist.read(ago_s=850), hotlist.read(ago_s=840)]
    for batch in [reads] if batched else [[read] for read in reads]:
        await hotlist.see(*batch)
    assert [(hit["late"], hit["sightings"]) for hit in await hotlist.hits()] == [
        (False, 2),
        (True, 1),
    ]
    await hotlist.see(hotlist.read(ago_s=935))
    assert [hit["sightings"] for hit in await hotlist.hits()] == [2, 2]


UNSURE = {"region": None}  # lowers a stolen vehicle from high to medium
VERY_UNSURE = {"region": None, "misread_risk": 0.5}  # to low


async def test_a_surer_read_of_a_pass_raises_an_alert_of_its_own(hotlist):
    """The first frame was blurred: who was warned of a doubtful match is warned of the sure one (ADR-0098)."""
    await hotlist.listed("7ABC123")
    for ago_s, unsure in ((5, VERY_UNSURE), (4.5, UNSURE), (4, {}), (3.5, UNSURE), (3, {})):
        await hotlist.see(hotlist.read(ago_s=ago_s, **unsure))
    hits = await hotlist.hits()
    assert [hit["tier"] for hit in hits] == ["high", "medium", "low"]
    assert sum(hit["sightings"] for hit in hits) == 5
    raised = await hotlist.announced(HitRaised)
    assert [event.tier for event in raised] == ["low", "medium", "high"]
    assert len({event.hit_id for event in raised}) == 3


async def test_the_surest_read_of_a_batch_begins_the_hit_of_its_pass(hotlist):
    await hotlist.listed("7ABC123")
    surest = hotlist.read(ago_s=4)
    batch = [hotlist.read(ago_s=5, **VERY_UNSURE), surest, hotlist.read(ago_s=3, **UNSURE)]
    await hotlist.see(*batch)
    [hit] = await hotlist.hits()
    assert (hit["tier"], hit["read_id"], hit["sightings"]) == ("high", str(surest.read_id), 3)
    assert [event.read_id for event in await hotlist.announced(HitRaised)] == [surest.read_id]
    await hotlist.see(*reversed(batch))
    assert await hotlist.hits() == [hit]


async def test_a_surer_late_read_takes_no_alert_from_its_pass(hotlist):
    await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read(ago_s=5, late=True), hotlist.read(ago_s=4, **UNSURE))
    assert {(hit["late"], hit["tier"]) for hit in await hotlist.hits()} == {
        (True, "high"),
        (False, "medium"),
    }


async def test_an_entry_is_listed_searched_and_shown_with_its_caution_and_year(hotlist):
    list_id = await hotlist.listed("8XYZ999")
    next_year = hotlist.clock.now().year + 1
    said = {"year": next_year, "caution": "Armed and dangerous"}
    await hotlist.add(list_id, "7ABC123", **said)
    search = f"/v1/lists/{list_id}/entries/search"
    found = (await hotlist.call("POST", search, json={}))["items"]
    assert {one["plate"]: (one["year"], one["caution"]) for one in found} == {
        "7ABC123": tuple(said.values()),
        "8XYZ999": (None, None),
    }
    await hotlist.see(hotlist.read("7ABC123"))
    await hotlist.see(hotlist.read("8XYZ999"))
    shown = {hit["plate_listed"]: hit["entry"] for hit in await hotlist.hits()}
    assert {name: shown["7ABC123"][name] for name in said} == said
    assert (shown["8XYZ999"]["year"], shown["8XYZ999"]["caution"]) == (None, None)


CAUTIONED = "plate,state,record_kind,caution\n7ABC123,CA,stolen_vehicle,{}\n"


async def test_a_hit_says_what_its_entry_warns_of_since_it_was_raised(hotlist):
    """A dispatcher learns that the driver is armed after the car was seen."""
    list_id = await hotlist.list()
    shown = {}
    for caution in ("", "Driver may be armed", "Armed and dangerous", ""):
        await hotlist.upload(list_id, CAUTIONED.format(caution))
        await hotlist.see(hotlist.read())
        [hit] = await hotlist.hits()
        shown[caution] = [w["text"] for w in hit["warnings"] if w["code"] == "caution_since"]
        assert hit["entry"]["caution"] is None, "as it was raised"
    now = "The entering agency now says: "
    assert shown == {
        "": [],
        "Driver may be armed": [f"{now}Driver may be armed"],
        "Armed and dangerous": [f"{now}Armed and dangerous"],
    }
    await hotlist.upload(list_id, CAUTIONED.format("Armed and dangerous"))
    await withdrawn(hotlist, list_id)
    [hit] = await hotlist.hits()
    assert [w["code"] for w in hit["warnings"] if w["code"] != "state_unknown"] == ["entry_ended"]


async def test_a_hit_that_was_raised_with_the_caution_in_force_says_it_once(hotlist):
    list_id = await hotlist.list()
    await hotlist.upload(list_id, CAUTIONED.format("Armed and dangerous"))
    await hotlist.see(hotlist.read())
    [hit] = await hotlist.hits()
    assert hit["entry"]["caution"] == "Armed and dangerous"
    assert "caution_since" not in [w["code"] for w in hit["warnings"]]


@pytest.mark.parametrize(
    ("field", "value"),
    [("year", 1899), ("year", "next"), ("year", 2028), ("caution", "x" * 101), ("caution", "a\nb")],
)
async def test_a_year_to_come_or_a_caution_of_more_than_a_line_is_refused(hotlist, field, value):
    list_id = await hotlist.list()
    problem = await hotlist.add(list_id, "7ABC123", status=422, **{field: value})
    assert problem["field"].endswith(field)


async def removed(hotlist, list_id):
    path = f"/v1/lists/{list_id}/entries"
    [entry] = (await hotlist.call("POST", f"{path}/search", json={}))["items"]
    await hotlist.call("POST", f"{path}/{entry['entry_id']}/removal", json={"reason": "recovered"})


async def withdrawn(hotlist, list_id):
    await hotlist.call(
        "POST", f"/v1/lists/{list_id}/withdrawal", json={"reason": "extract of another county"}
    )


async def switched_off(hotlist, list_id):
    await hotlist.call("PATCH", f"/v1/lists/{list_id}", json={"enabled": False})


async def kind_off(hotlist, list_id):
    body = {"record_kinds_off": ["stolen_vehicle"]}
    await hotlist.call("PATCH", f"/v1/lists/{list_id}", json=body)


async def replaced(hotlist, list_id):
    rows = "plate,state,record_kind\n8XYZ999,CA,stolen_vehicle\n"
    await hotlist.upload(list_id, rows)


@pytest.mark.clause("468.4(f)/ended-entry")
@pytest.mark.parametrize("ended", [removed, withdrawn, switched_off, kind_off, replaced])
async def test_a_hit_says_that_its_entry_has_left_the_list_wherever_it_is_shown(hotlist, ended):
    """A recovered car's owner must not be stopped for the hit of an hour ago."""
    list_id = await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read())
    [hit] = await hotlist.hits()
    assert "entry_ended" not in [w["code"] for w in hit["warnings"]]
    await ended(hotlist, list_id)
    [hit] = await hotlist.hits()
    assert hit["warnings"][0]["code"] == "entry_ended", "before all others"
    whole = await hotlist.call("GET", f"/v1/hits/{hit['hit_id']}")
    assert whole["warnings"][0]["code"] == "entry_ended"


@pytest.mark.clause("468.4(f)/ended-entry")
async def test_an_entry_has_ended_when_its_time_is_over_and_not_before(hotlist):
    list_id = await hotlist.list()
    expires_at = (hotlist.clock.now() + timedelta(hours=1)).isoformat()
    await hotlist.add(list_id, "7ABC123", expires_at=expires_at, state="CA")
    await hotlist.see(hotlist.read())
    for minutes, ended in ((59, False), (1, True), (1, True)):
        hotlist.clock.advance(minutes=minutes)
        [hit] = await hotlist.hits()
        assert ("entry_ended" in [w["code"] for w in hit["warnings"]]) is ended


@pytest.mark.clause("468.4(f)/ended-entry")
async def test_a_new_extract_that_has_the_entry_still_leaves_its_hits_as_they_are(hotlist):
    list_id = await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read())
    await hotlist.upload(list_id, "plate,state,record_kind\n7ABC123,CA,stolen_vehicle\n")
    [hit] = await hotlist.hits()
    assert "entry_ended" not in [w["code"] for w in hit["warnings"]]


def doubts(hit):
    return [w["text"] for w in hit["warnings"] if w["code"] == "doubted_before"]


async def checked(hotlist, outcome, plate="7ABC123", **fields):
    """Raise a hit at a camera of its own, and have a person record what they found."""
    await hotlist.see(hotlist.read(plate, device=uuid4(), **fields))
    hit = (await hotlist.hits())[0]
    body = {**VERIFIED, "outcome": outcome}
    await hotlist.call("POST", f"/v1/hits/{hit['hit_id']}/verification", json=body)
    return hit["hit_id"]


@pytest.mark.clause("468.4(f)/checked-before")
@pytest.mark.parametrize("outcome", ["misread", "wrong_state", "list_out_of_date"])
async def test_a_hit_says_what_was_found_wrong_with_the_last_one_of_its_plate_and_entry(
    hotlist, outcome
):
    """A car that was cleared yesterday must not be stopped again for the same mistake."""
    await hotlist.listed("7ABC123")
    first = await checked(hotlist, outcome)
    hotlist.clock.advance(days=1)
    await hotlist.see(hotlist.read(device=uuid4()))
    second, shown_first = await hotlist.hits()
    assert doubts(second) == [
        f"A hit of this plate and entry was checked on 01 June 2026, and found: {outcome.replace('_', ' ')}"
    ]
    assert second["status"] == "unverified"
    assert (shown_first["hit_id"], doubts(shown_first)) == (first, []), "not of itself"
    whole = await hotlist.call("GET", f"/v1/hits/{second['hit_id']}")
    assert doubts(whole) == doubts(second)


@pytest.mark.clause("468.4(f)/checked-before")
async def test_the_newest_word_on_a_plate_counts_and_only_one_that_is_about_it(hotlist):
    await hotlist.listed("7ABC123", "7ABC12B", "8XYZ999")
    await checked(hotlist, "misread", "8XYZ999")
    await checked(hotlist, "dismissed")
    await hotlist.see(hotlist.read(device=uuid4()))
    assert not doubts((await hotlist.hits())[0]), "another plate, and no word on the reading"
    hotlist.clock.advance(seconds=1)
    await checked(hotlist, "misread")
    hotlist.clock.advance(seconds=1)
    await checked(hotlist, "dismissed")
    assert doubts((await hotlist.hits())[0])
    hotlist.clock.advance(seconds=1)
    await checked(hotlist, "correct_read")
    await hotlist.see(hotlist.read(device=uuid4()))
    assert not doubts((await hotlist.hits())[0]), "the last person found it right"


@pytest.mark.clause("468.4(f)/checked-before")
async def test_what_was_found_of_another_reading_of_the_same_entry_says_nothing(hotlist):
    await hotlist.listed("7ABC123")
    await checked(hotlist, "misread", "7A8C123")
    await hotlist.see(hotlist.read(device=uuid4()))
    assert not doubts((await hotlist.hits())[0])
    await hotlist.see(hotlist.read("7A8C123", device=uuid4()))
    assert doubts((await hotlist.hits())[0])


async def test_reads_far_apart_in_one_batch_join_the_passes_that_are_known(hotlist):
    await hotlist.listed("7ABC123")
    for ago_s in (900, 300):
        await hotlist.see(hotlist.read(ago_s=ago_s))
    await hotlist.see(hotlist.read(ago_s=880), hotlist.read(ago_s=280))
    assert [hit["sightings"] for hit in await hotlist.hits()] == [2, 2]


async def test_reads_at_another_camera_raise_another_hit(hotlist):
    await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read(), hotlist.read(device=uuid4()))
    assert len(await hotlist.hits()) == 2


async def test_reads_of_one_batch_raise_one_hit(hotlist):
    await hotlist.listed("7ABC123")
    await hotlist.see(*(hotlist.read(ago_s=n) for n in (5, 1, 3, 2, 4)))
    [hit] = await hotlist.hits()
    assert hit["sightings"] == 5


@pytest.mark.clause("468.5/transfer")
async def test_a_read_that_one_batch_has_twice_is_one_sighting_of_one_hit(hotlist):
    await hotlist.listed("7ABC123")
    read = hotlist.read()
    await hotlist.see(read, read)
    assert len(await hotlist.hits()) == 1
    assert await count(hotlist, "sightings") == 1


async def test_a_redelivered_batch_changes_no_hit(hotlist):
    await hotlist.listed("7ABC123", "8XYZ999")
    batch = [hotlist.read(ago_s=n) for n in (1, 2, 300)] + [hotlist.read("8XYZ999")]
    await hotlist.see(*batch)
    before = await hotlist.hits()
    await hotlist.see(*batch)
    await hotlist.see(*reversed(batch))
    for read in batch:
        await hotlist.see(read, read)
    assert await hotlist.hits() == before
    assert len(before) == 3
    assert len(await hotlist.announced(HitRaised)) == 3
    assert await count(hotlist, "sightings") == 4


async def test_replicas_that_match_the_same_pass_at_once_raise_one_hit(
    hotlist, settings, bus, objects, clock, authority, policy
):
    from tests.integration.hotlist.conftest import serving

    await hotlist.listed("7ABC123")
    async with serving(settings, bus, objects, clock, authority, policy) as other:
        reads = [hotlist.read(ago_s=n / 10) for n in range(40)]
        await asyncio.gather(
            *(hotlist.see(read) for read in reads[::2]),
            *(other.see(read) for read in reads[1::2]),
            other.see(*reads[:10]),
        )
    [hit] = await hotlist.hits()
    assert hit["sightings"] == 40
    assert len(await hotlist.announced(HitRaised)) == 1


async def test_a_capture_uploaded_late_is_marked_with_its_age(hotlist):
    await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read(ago_s=7200))
    [hit] = await hotlist.hits()
    assert (hit["late"], hit["age_s"]) == (True, 7200)


async def test_a_removed_entry_raises_no_hit_even_if_the_index_is_stale(hotlist):
    list_id = await hotlist.list()
    added = await hotlist.add(list_id, "7ABC123", state="CA")
    index = hotlist.running.refresher.index
    stale = index.candidates([hotlist.read()], minimum_confidence=0.6, most_differences=1)
    path = f"/v1/lists/{list_id}/entries/{added['entry_ids'][0]}/removal"
    await hotlist.call("POST", path, json={})
    assert len(stale) == 1
    await hotlist.running.matcher._raise(stale)
    assert await hotlist.hits() == []


async def test_an_entry_that_was_rolled_back_raises_no_hit_even_if_the_index_is_stale(hotlist):
    list_id = await hotlist.listed("1AAA111", "1AAA112", "1AAA113", "1AAA114")
    await hotlist.add(list_id, "7ABC123", state="CA")
    index = hotlist.running.refresher.index
    stale = index.candidates([hotlist.read()], minimum_confidence=0.6, most_differences=1)
    await hotlist.call("POST", f"/v1/lists/{list_id}/rollback", json={"version": 1})
    assert len(stale) == 1
    await hotlist.running.matcher._raise(stale)
    assert await hotlist.hits() == []


@pytest.mark.parametrize(
    ("method", "door", "body"),
    [
        ("PATCH", "", {"enabled": False}),
        ("PATCH", "", {"record_kinds_off": ["stolen_vehicle"]}),
        ("POST", "/withdrawal", {"reason": "bad extract"}),
    ],
    ids=["switched off", "kind switched off", "withdrawn"],
)
async def test_a_list_out_of_force_raises_no_hit_even_if_the_index_is_stale(
    hotlist, method, door, body
):
    list_id = await hotlist.listed("7ABC123")
    index = hotlist.running.refresher.index
    stale = index.candidates([hotlist.read()], minimum_confidence=0.6, most_differences=1)
    await hotlist.call(method, f"/v1/lists/{list_id}{door}", json=body)
    assert len(stale) == 1
    await hotlist.running.matcher._raise(stale)
    assert await hotlist.hits() == []


async def test_a_list_matches_only_reads_of_its_own_agency(hotlist):
    await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read(agency_ori="CA0999900"))
    assert await hotlist.hits() == []


@pytest.mark.clause("468.5/one-validation")
async def test_a_read_that_cannot_be_kept_goes_to_the_dead_letters(hotlist):
    """These are the reads that retention refuses, too (test_storing.py)."""
    await hotlist.listed("7ABC123", "7ABC120")
    refused = []
    for name, changes in BAD_READS.items():
        with pytest.raises(InvalidInput):
            await hotlist.see(hotlist.read(**changes))
        refused.append(name)
    for plate in BAD_PLATES:
        with pytest.raises(InvalidInput):
            await hotlist.see(hotlist.read(plate))
    assert len(refused) >= 12
    assert await hotlist.hits() == []
    await hotlist.see(hotlist.read())
    assert len(await hotlist.hits()) == 1


async def test_odd_words_from_a_camera_do_not_stop_the_consumer(hotlist):
    await hotlist.listed("7ABC123")
    """Texts of a camera that Postgres can store; others are refused (above)."""
    await hotlist.see(hotlist.read(device_name="c\u202eam 📷" * 200, plate_as_read="７ÄBC\x01"))
    [hit] = await hotlist.hits()
    assert (hit["device_name"], hit["plate_as_read"]) == (("c\u202eam 📷" * 200)[:500], "７ÄBC\x01")


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_every_disclosed_hit_is_recorded_with_its_plates(hotlist):
    await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read("7A8C123"))
    [hit] = await hotlist.hits()
    [told] = await hotlist.disclosed()
    assert (told.record_kind, told.all_ids) == ("hit", [hit["hit_id"]])
    assert told.all_plates == ["7A8C123", "7ABC123"]
    [day] = told.records  # the audit log erases it by this day, unless this read is held
    assert day.captured_on == datetime.fromisoformat(hit["captured_at"]).date()
    assert day.shown[0].read_ids == [hit["read_id"]]


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_the_sightings_of_a_hit_are_recorded_as_disclosed_reads(hotlist):
    await hotlist.listed("7ABC123")
    reads = [hotlist.read(ago_s=2), hotlist.read("7A8C123", ago_s=1)]
    await hotlist.see(*reads)
    [hit] = await hotlist.hits()
    await hotlist.call("GET", f"/v1/hits/{hit['hit_id']}")
    told = (await hotlist.disclosed())[-1]
    assert (told.record_kind, told.all_ids) == ("read", [str(read.read_id) for read in reads])
    assert told.all_plates == ["7A8C123", "7ABC123"]


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_a_look_at_hits_that_finds_none_is_recorded(hotlist):
    """Who looked, and that nothing was shown, is an answer to an auditor, too."""
    assert await hotlist.hits(tier="high") == []
    [told] = await hotlist.disclosed()
    assert (told.record_kind, told.count, told.all_ids) == ("hit", 0, [])


@pytest.mark.clause("468.4(e)/entitlement")
async def test_a_hit_from_a_source_without_entitlement_is_not_found(hotlist):
    await hotlist.listed("7ABC123", source="federal")
    await hotlist.see(hotlist.read(crop_key="crops/1.jpg"))
    [hit] = await hotlist.hits()
    without = hotlist.headers(sources=["department", "state"])
    path = f"/v1/hits/{hit['hit_id']}"
    assert (await hotlist.call("GET", "/v1/hits", headers=without))["items"] == []
    for method, route, body in (
        ("GET", path, None),
        ("GET", f"{path}/crop", None),
        ("POST", f"{path}/verification", VERIFIED),
        ("POST", f"{path}/disposition", {"disposition": "none", "enforcement": False}),
    ):
        problem = await hotlist.call(method, route, json=body, headers=without, status=404)
        assert "7ABC123" not in str(problem)
    await hotlist.call("GET", path, headers=hotlist.headers(ori="CA0999900"), status=404)
    released = [r for t in await hotlist.disclosed() for r in t.all_ids]
    assert released == [hit["hit_id"]]  # only the log shows who saw which hits


async def test_hits_are_filtered_and_paged(hotlist):
    first = await hotlist.listed("7ABC123")
    await hotlist.listed("8XYZ999", kind="lost_plate")
    for _ in range(3):
        await hotlist.see(hotlist.read(device=uuid4()))
    hotlist.clock.advance(minutes=1)
    later = hotlist.clock.now().isoformat()
    await hotlist.see(hotlist.read("8XYZ999"))
    assert len(await hotlist.hits(tier="low")) == 1
    assert len(await hotlist.hits(list_id=first)) == 3
    assert len(await hotlist.hits(since=later)) == 1
    assert len(await hotlist.hits(status="verified")) == 0
    page = await hotlist.call("GET", "/v1/hits", params={"limit": 3})
    rest = await hotlist.call("GET", "/v1/hits", params={"limit": 3, "after": page["next"]})
    seqs = [hit["seq"] for hit in page["items"] + rest["items"]]
    assert seqs == sorted(seqs, reverse=True)
    assert (len(seqs), rest["next"]) == (4, None)
    await hotlist.call("GET", "/v1/hits", params={"since": "2026-01-01T00:00:00"}, status=422)


@pytest.mark.clause("468.4(f)/verification")
async def test_a_hit_is_verified_once_by_a_named_person(hotlist):
    await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read())
    [hit] = await hotlist.hits()
    path = f"/v1/hits/{hit['hit_id']}/verification"
    hotlist.clock.advance(minutes=1)
    officer = hotlist.headers(Permission.HIT_VERIFY, purpose=False)
    for body, field in (
        ({**VERIFIED, "outcome": "confirmed"}, "body.outcome"),
        ({**VERIFIED, "method": "phone"}, "body.method"),
        ({**VERIFIED, "reference": " "}, "body.reference"),
    ):
        problem = await hotlist.call("POST", path, json=body, headers=officer, status=422)
        assert problem["field"] == field
    answers = await asyncio.gather(
        *(hotlist.client.post(path, json=VERIFIED, headers=officer) for _ in range(5))
    )
    assert sorted(a.status_code for a in answers) == [200, 409, 409, 409, 409]
    whole = await hotlist.call("GET", f"/v1/hits/{hit['hit_id']}")
    assert (whole["status"], whole["outcome"], whole["notice"]) == (
        "verified",
        "correct_read",
        None,
    )
    assert whole["verification"]["by"]["name"] == "Officer Seven"
    assert (whole["verification"]["reference"], whole["verification"]["note"]) == ("T26-1", None)
    assert datetime.fromisoformat(whole["verification"]["at"]) == hotlist.clock.now()
    [told] = await hotlist.announced(HitVerified)
    assert told.captured_on is not None
    assert (told.outcome, told.verified_by.name) == ("correct_read", "Officer Seven")
    assert whole["verification"]["by"] == msgspec.to_builtins(told.verified_by)
    assert (told.method, told.reference) == (VERIFIED["method"], "T26-1")
    assert told.occurred_at == hotlist.clock.now()


@pytest.mark.clause("468.4(f)/enforcement")
async def test_enforcement_before_verification_needs_a_stated_reason(hotlist):
    await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read())
    [hit] = await hotlist.hits()
    path = f"/v1/hits/{hit['hit_id']}/disposition"
    stop = {"disposition": "vehicle stopped", "enforcement": True}
    blank = {**stop, "unverified_reason": "   "}
    problem = await hotlist.call("POST", path, json=blank, status=422)
    assert problem["field"] == "body.unverified_reason"
    problem = await hotlist.call("POST", path, json=stop, status=422)
    assert problem["field"] == "unverified_reason"
    assert "468.4(f)" in problem["detail"]
    reasoned = {**stop, "unverified_reason": "CLETS was down, vehicle was leaving"}
    whole = await hotlist.call("POST", path, json=reasoned, status=200)
    assert whole["status"] == "unverified"  # acting on it does not make it checked
    await hotlist.call("POST", f"/v1/hits/{hit['hit_id']}/verification", json=VERIFIED, status=200)
    whole = await hotlist.call("POST", path, json=stop, status=200)
    told = await hotlist.announced(HitDisposed)
    assert all(event.captured_on is not None for event in told)
    assert [
        (e.disposition, e.enforcement, e.unverified_reason, e.disposed_by.name) for e in told
    ] == [
        ("vehicle stopped", True, reasoned["unverified_reason"], "Officer Seven"),
        ("vehicle stopped", True, None, "Officer Seven"),
    ]
    assert [
        (one["disposition"], one["enforcement"], one["unverified_reason"], one["by"]["name"])
        for one in whole["dispositions"]
    ] == [
        ("vehicle stopped", True, reasoned["unverified_reason"], "Officer Seven"),
        ("vehicle stopped", True, None, "Officer Seven"),
    ]


@pytest.mark.clause("468.4(f)/enforcement")
@pytest.mark.clause("468.4(f)/verification")
async def test_a_misread_is_no_ground_for_enforcement_without_a_reason(hotlist):
    await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read())
    [hit] = await hotlist.hits()
    misread = {**VERIFIED, "outcome": "misread", "note": "an 8, not a B"}
    await hotlist.call("POST", f"/v1/hits/{hit['hit_id']}/verification", json=misread, status=200)
    whole = await hotlist.call("GET", f"/v1/hits/{hit['hit_id']}")
    assert whole["verification"]["note"] == "an 8, not a B"
    [told] = await hotlist.announced(HitVerified)
    assert (told.outcome, told.note) == ("misread", "an 8, not a B")
    body = {"disposition": "stopped", "enforcement": True}
    await hotlist.call("POST", f"/v1/hits/{hit['hit_id']}/disposition", json=body, status=422)


async def test_the_yield_of_a_list_counts_its_hits_and_outcomes(hotlist):
    list_id = await hotlist.listed("7ABC123")
    await hotlist.listed("8XYZ999")
    await hotlist.see(hotlist.read("8XYZ999"))
    for _ in range(4):
        hotlist.clock.advance(seconds=1)
        await hotlist.see(hotlist.read(device=uuid4()))
    hits = await hotlist.hits()
    for hit, outcome in zip(hits[:3], ("correct_read", "misread", "misread"), strict=True):
        body = {**VERIFIED, "outcome": outcome}
        await hotlist.call("POST", f"/v1/hits/{hit['hit_id']}/verification", json=body, status=200)
    for hit, stopped in zip(hits, (True, False), strict=False):
        body = {
            "disposition": "seen",
            "enforcement": stopped,
            "unverified_reason": "it was leaving",
        }
        await hotlist.call("POST", f"/v1/hits/{hit['hit_id']}/disposition", json=body, status=200)
    found = await hotlist.call("GET", f"/v1/lists/{list_id}/yield")
    assert found["enforcement"] == 1
    assert (found["hits"], found["unverified"], found["verified"]) == (4, 1, 3)
    assert found["outcomes"] == {"correct_read": 1, "misread": 2}
    assert found["correct_share"] == pytest.approx(1 / 3)
    raised_at = datetime.fromisoformat(hits[0]["raised_at"])
    for since, count in ((raised_at, 1), (raised_at + timedelta(microseconds=1), 0)):
        query = {"since": since.isoformat()}
        found = await hotlist.call("GET", f"/v1/lists/{list_id}/yield", params=query)
        assert found["hits"] == count


async def test_a_disposition_that_is_sent_twice_is_recorded_once(hotlist):
    await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read())
    [hit] = await hotlist.hits()
    path = f"/v1/hits/{hit['hit_id']}/disposition"
    body = {"result": "arrest", "enforcement": True, "unverified_reason": "CLETS was down"}
    both = (hotlist.client.post(path, json=body, headers=hotlist.headers()) for _ in range(2))
    for answer in await asyncio.gather(*both):
        assert (answer.status_code, len(answer.json()["dispositions"])) == (200, 1)
    other = {"account_id": str(uuid4())}
    for changes, claims in (({"unverified_reason": "in pursuit"}, {}), ({}, {}), ({}, other)):
        headers = hotlist.headers(**claims)
        await hotlist.call("POST", path, json=body | changes, headers=headers)
    assert len(await hotlist.announced(HitDisposed)) == 4, "another word, or another person's"


async def test_a_hit_has_a_hundred_dispositions_at_most(hotlist):
    await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read())
    [hit] = await hotlist.hits()
    path = f"/v1/hits/{hit['hit_id']}/disposition"
    body = {"disposition": "not found", "enforcement": False}
    await hotlist.call("POST", path, json=body)
    async with hotlist.runtime.db.begin() as connection:
        columns = "disposition, enforcement, at, person_id, person_name, person_title, person_ori"
        await connection.execute(
            text(
                f"INSERT INTO dispositions (hit_id, {columns}) SELECT hit_id, {columns}"
                " FROM dispositions, generate_series(1, 98)"
            )
        )
    answers = await locked_while(
        hotlist.runtime.db,
        f"SELECT FROM hits WHERE hit_id = '{hit['hit_id']}' FOR NO KEY UPDATE",
        *(
            hotlist.client.post(path, json=body | {"disposition": words}, headers=hotlist.headers())
            for words in ("not found on Main St", "not found on Solano St")
        ),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert await count(hotlist, "dispositions") == 100
    full = body | {"disposition": "not found at all"}
    problem = await hotlist.call("POST", path, json=full, status=409)
    assert problem["code"] == "hit_dispositions_full"


@pytest.mark.clause("468.3.1(d)/access-record")
async def test_a_picture_is_served_only_to_authorised_people_and_recorded(hotlist, objects):
    jpeg, webp = b"\xff\xd8\xff\xe0 a picture", b"RIFF\x10\0\0\0WEBPVP8 "
    await objects.put("crops/1.jpg", jpeg)
    await objects.put("captures/2", webp)
    await objects.put("captures/1", b"<svg onload=alert(1)>")
    await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read(device=uuid4(), image_key="captures/2"))
    [other] = await hotlist.hits()
    response = await hotlist.client.get(other["image_url"], headers=hotlist.headers())
    assert (response.content, response.headers["content-type"]) == (webp, "image/webp")
    await hotlist.see(hotlist.read(crop_key="crops/1.jpg", image_key="captures/1"))
    [hit, _] = await hotlist.hits()
    before = len(await hotlist.disclosed())
    response = await hotlist.client.get(hit["crop_url"], headers=hotlist.headers())
    assert (response.content, response.headers["content-type"]) == (jpeg, "image/jpeg")
    assert response.headers["cache-control"] == "no-store"
    told = await hotlist.disclosed()
    assert (told[-1].record_kind, told[-1].all_ids) == ("image", [hit["hit_id"]])
    assert told[-1].all_plates == ["7ABC123"]
    [day] = told[-1].records
    assert day.shown[0].read_ids == [hit["read_id"]]
    await hotlist.call("GET", hit["image_url"], status=404)
    objects.stored.clear()
    await hotlist.call("GET", hit["crop_url"], status=404)
    assert len(await hotlist.disclosed()) == before + 1  # no record shown, no event published


async def test_a_picture_that_the_object_store_does_not_send_in_time_holds_up_no_hit(
    hotlist, objects, monkeypatch
):
    """A request holds a connection to Postgres while it fetches a picture; the matcher needs one, too."""

    async def hangs(key):
        await asyncio.Event().wait()

    monkeypatch.setattr(picture, "FETCHED_WITHIN_S", 0.5)
    monkeypatch.setattr(objects, "get", hangs)
    await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read(crop_key="crops/1.jpg"))
    [hit] = await hotlist.hits()
    hotlist.bus.records.clear()
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        for _ in range(5):  # as many as there are connections
            tasks.create_task(hotlist.call("GET", hit["crop_url"], status=503))
        await asyncio.sleep(0.2)
        await hotlist.see(hotlist.read(device=uuid4()))
    assert len(await hotlist.hits()) == 2
    told = await hotlist.disclosed()
    assert {event.record_kind for event in told} == {"hit"}


async def test_a_hit_has_the_place_of_its_plate_in_the_whole_picture(hotlist):
    await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read(box=Box(610, 412, 96, 31)))
    await hotlist.see(hotlist.read(device=uuid4()))
    unknown, known = await hotlist.hits()
    assert known["box"] == {"x_px": 610, "y_px": 412, "width_px": 96, "height_px": 31}
    assert unknown["box"] is None


KEPT = {
    "hit_id", "seq", "agency_ori", "list_id", "list_name", "list_version", "list_age_s", "list_stale", "source",
    "record_kind", "tier", "status", "late", "raised_at", "confidence", "sightings", "purged_at",
}  # fmt: skip
"""The columns of a hit that a person worked on, once its read is destroyed."""


@pytest.mark.clause("468.5/schedule")
async def test_a_purge_removes_read_data_from_hits_and_keeps_human_decisions(hotlist, as_owner):
    await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read(ago_s=60, crop_key="crops/1.jpg", box=Box(1, 2, 3, 4)))
    pictures = {"crop_key": "crops/2.jpg", "image_key": "captures/2.jpg"}
    doubtful = hotlist.read("7A8C123", device=uuid4(), place=Place(39.9, -122.1), **pictures)
    await hotlist.see(doubtful)
    worked, idle = (h["hit_id"] for h in await hotlist.hits())
    await hotlist.call("POST", f"/v1/hits/{worked}/verification", json=VERIFIED, status=200)
    async with as_owner("hotlist") as connection:
        await connection.execute(text("UPDATE hits SET traceparent = '00-1-2-01'"))
    day = hotlist.clock.now()
    hotlist.clock.advance(days=400)
    await hotlist.see(hotlist.read(device=uuid4()))
    for _ in range(2):
        await hotlist.purge(day + timedelta(days=1))
    await hotlist.call("GET", f"/v1/hits/{idle}", status=404)
    async with as_owner("hotlist") as connection:
        traced = text("SELECT count(*) FROM hits WHERE traceparent IS NOT NULL")
        assert (await connection.execute(traced)).scalar_one() == 0
        row = text("SELECT to_jsonb(h) FROM hits h WHERE hit_id = :hit_id")
        stored = (await connection.execute(row, {"hit_id": worked})).scalar_one()
    assert {name for name, value in stored.items() if value not in (None, [], "")} == KEPT
    left = await hotlist.call("GET", f"/v1/hits/{worked}")
    assert left["purged_at"] is not None
    purged = [t for t in await hotlist.disclosed() if t.record_kind == "purged_hit"]
    assert [told.all_ids for told in purged] == [[worked]]
    assert (left["verification"]["outcome"], left["list_name"] != "") == ("correct_read", True)
    for name in ("plate_read", "plate_listed", "device_id", "place", "box", "crop_url", "entry", "read_id",
                 "entry_id", "captured_at", "received_at", "first_at", "last_at", "age_s"):  # fmt: skip
        assert left[name] is None, name
    assert "7ABC123" not in str(left)
    assert "7A8C123" not in str(left)
    assert await count(hotlist, "sightings") == 1
    assert len(await hotlist.hits()) == 2


@pytest.mark.clause("468.5/restored")
async def test_no_hit_is_shown_after_a_restore_until_a_purge_has_been_followed(hotlist, as_owner):
    now = hotlist.clock.now()
    due = now - timedelta(days=400)
    async with as_owner("hotlist") as connection:
        await Restores(connection).add(Restore(uuid4(), "20260601T000000Z", now, due))
    for before in (due - timedelta(seconds=1), due):
        await hotlist.runtime.restored.load()
        refused = await hotlist.call("GET", "/v1/hits", status=503)
        assert refused["code"] == "restored_unpurged"
        await hotlist.purge(before)
    await hotlist.runtime.restored.load()
    assert await hotlist.hits() == []


async def test_a_hit_whose_read_is_destroyed_accepts_no_verification_or_disposition(hotlist):
    await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read())
    [hit] = await hotlist.hits()
    path = f"/v1/hits/{hit['hit_id']}"
    disposed = {"disposition": "none", "enforcement": False}
    await hotlist.call("POST", f"{path}/disposition", json=disposed, status=200)
    day = hotlist.clock.now()
    hotlist.clock.advance(days=400)
    await hotlist.purge(day + timedelta(days=1))
    for name, body in (("disposition", disposed), ("verification", VERIFIED)):
        problem = await hotlist.call("POST", f"{path}/{name}", json=body, status=409)
        assert "destroyed" in problem["detail"]
    left = await hotlist.call("GET", path)
    assert (left["status"], len(left["dispositions"])) == ("unverified", 1)


@pytest.mark.clause("468.5/floor")
async def test_a_purge_below_the_legal_floor_is_refused(hotlist):
    await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read())
    with pytest.raises(InternalFault, match="34090"):
        await hotlist.purge(hotlist.clock.now() - timedelta(days=364))
    assert len(await hotlist.hits()) == 1


@pytest.mark.clause("468.4(d)/training-first")
async def test_training_is_needed_to_see_a_hit(hotlist):
    untrained = hotlist.headers(trained_until=None)
    problem = await hotlist.call("GET", "/v1/hits", headers=untrained, status=403)
    assert problem["code"] == "training_missing"


async def test_the_consumer_loads_the_index_before_it_matches_reads(
    hotlist, settings, bus, objects, clock, authority, policy
):
    """A service that starts with waiting reads matches them against the version in force."""
    from services.hotlist.api.views.alerts import alert, stream_end
    from services.hotlist.events import subscriptions
    from services.hotlist.service import HotlistService
    from shared.service.api_runtime import ApiRuntime

    await hotlist.listed("7ABC123")
    runtime = ApiRuntime(
        SPECS["hotlist"], settings, bus=bus, objects=objects, clock=clock, policy=policy
    )
    fresh = HotlistService.of(runtime, settings, alert, stream_end)  # not started: no index
    subscribed = {event: one for one in subscriptions(fresh) for event in one.handlers}
    reads = subscribed[ReadsRecorded]
    prompt = {event for event, one in subscribed.items() if one.pauses is PROMPT}
    assert prompt == {ReadsRecorded, ReadsRecognised}, "an officer waits for the hits of these"
    await reads.handlers[ReadsRecorded](recorded(hotlist.read()))
    await runtime.db.close()
    assert len(await hotlist.hits()) == 1


@pytest.mark.clause("468.5/holds")
async def test_a_hit_of_a_held_read_stays_until_the_hold_is_released(hotlist, monkeypatch):
    """The defence asks for the hit that the officer saw before a stop."""
    monkeypatch.setattr("services.hotlist.actions.purging.PURGED_AT_ONCE", 2)
    monkeypatch.setattr("shared.objects.purge_list.PART_LINES", 1)
    await hotlist.listed("7ABC123", "8XYZ987")
    held, twin = hotlist.read(ago_s=60), hotlist.read("8XYZ987", ago_s=60)
    others = [hotlist.read(device=uuid4(), ago_s=n) for n in range(1, 6)]
    await hotlist.see(held, twin, *others)
    by_read = {hit["read_id"]: hit["hit_id"] for hit in await hotlist.hits()}
    kept = by_read[str(held.read_id)]
    await hotlist.call("POST", f"/v1/hits/{kept}/verification", json=VERIFIED, status=200)
    before = await hotlist.call("GET", f"/v1/hits/{kept}")
    day = hotlist.clock.now() + timedelta(days=1)
    hotlist.clock.advance(days=400)
    await hotlist.purge(
        day, held, a_read_of_no_hit := hotlist.read("1NOHIT1"), gone=[twin, *others]
    )
    assert a_read_of_no_hit.read_id != held.read_id
    assert [hit["hit_id"] for hit in await hotlist.hits()] == [kept]
    after = await hotlist.call("GET", f"/v1/hits/{kept}")
    aside = {"age_s": 0, "changed_seq": None}  # the streams learn of the verification meanwhile
    assert after | aside == before | aside
    await hotlist.purge(day, gone=[held])
    left = await hotlist.call("GET", f"/v1/hits/{kept}")
    assert (left["plate_read"], left["read_id"], left["captured_at"]) == (None, None, None)


@pytest.mark.clause("468.5/holds")
async def test_a_purge_keeps_only_the_held_read_of_a_hit(hotlist):
    await hotlist.listed("7ABC123")
    first, held, last = (hotlist.read(ago_s=ago_s) for ago_s in (20, 15, 10))
    await hotlist.see(first, held, last)
    [hit] = await hotlist.hits()
    day = hotlist.clock.now() + timedelta(days=1)
    hotlist.clock.advance(days=400)
    await hotlist.purge(day, held, gone=[first, last])
    [left] = await hotlist.hits()
    assert (left["hit_id"], left["purged_at"]) == (hit["hit_id"], None)
    whole = await hotlist.call("GET", f"/v1/hits/{hit['hit_id']}")
    assert [seen["read_id"] for seen in whole["sightings_seen"]] == [str(held.read_id)]


async def test_a_purge_leaves_the_hit_of_a_read_that_was_captured_at_its_limit(hotlist):
    await hotlist.listed("7ABC123")
    read, held = hotlist.read(), hotlist.read(device=uuid4(), ago_s=2)
    beside = hotlist.read(device=held.device_id)
    await hotlist.see(read, held, beside)
    hotlist.clock.advance(days=400)
    await hotlist.purge(read.captured_at, held)
    assert sorted(hit["sightings"] for hit in await hotlist.hits()) == [1, 2]
    assert await count(hotlist, "sightings") == 3
    after = read.captured_at + timedelta(microseconds=1)
    await hotlist.purge(after, gone=[read, held, beside])
    assert await hotlist.hits() == []


async def test_a_purge_deletes_what_an_earlier_read_added_to_a_hit_that_stays(hotlist):
    await hotlist.listed("7ABC123")
    limit = hotlist.clock.now() - timedelta(seconds=30)
    early, held = hotlist.read(ago_s=40), hotlist.read(ago_s=35)
    later = [hotlist.read(ago_s=20), hotlist.read(ago_s=10)]
    await hotlist.see(*later)
    await hotlist.see(early, held)
    hotlist.clock.advance(days=400)
    await hotlist.purge(limit, held, gone=[early])
    [hit] = await hotlist.hits()
    assert datetime.fromisoformat(hit["first_at"]) == held.captured_at
    assert await count(hotlist, "sightings") == 3
    await hotlist.purge(limit, gone=[held])
    whole = await hotlist.call("GET", f"/v1/hits/{hit['hit_id']}")
    assert datetime.fromisoformat(whole["first_at"]) == later[0].captured_at
    assert [seen["read_id"] for seen in whole["sightings_seen"]] == [
        str(read.read_id) for read in later
    ]


async def test_a_hit_whose_read_is_destroyed_waits_for_no_verification(hotlist):
    await hotlist.listed("7ABC123")
    await hotlist.see(read := hotlist.read())
    [hit] = await hotlist.hits()
    body = {"disposition": "gone on arrival", "enforcement": False}
    await hotlist.call("POST", f"/v1/hits/{hit['hit_id']}/disposition", json=body)
    assert (await hotlist.call("GET", "/v1/hits/waiting"))["count"] == 1
    hotlist.clock.advance(days=401)
    await hotlist.purge(hotlist.clock.now() - timedelta(days=400), gone=[read])
    waiting = await hotlist.call("GET", "/v1/hits/waiting")
    assert (waiting["count"], waiting["oldest_at"], waiting["tiers"]) == (0, None, [])


async def test_no_log_line_has_a_plate_or_what_people_wrote(hotlist, caplog):
    """Logs go where access records do not reach."""
    caplog.set_level("INFO")
    note = "it had a blue door"
    list_id = await hotlist.list("state")
    rows = "".join(f"7ABC{n:03},CA,stolen_vehicle\n" for n in range(100))
    await hotlist.upload(list_id, f"plate,state,record_kind\n{rows}7ABC0!!,CA,stolen_vehicle\n")
    await hotlist.add(list_id, "8XYZ987", state="CA")
    await hotlist.call("POST", f"/v1/lists/{list_id}/entries/search", json={"plate": "8XYZ987"})
    await hotlist.see(read := hotlist.read("7ABC001"), hotlist.read("8XYZ987"))
    with pytest.raises(InvalidInput):
        await hotlist.see(hotlist.read("8xyz987"))
    for hit in await hotlist.hits():
        path = f"/v1/hits/{hit['hit_id']}"
        await hotlist.call("POST", f"{path}/verification", json={**VERIFIED, "note": note})
        body = {"disposition": note, "enforcement": False}
        await hotlist.call("POST", f"{path}/disposition", json=body)
    hotlist.clock.advance(days=460)
    await hotlist.purge(hotlist.clock.now() - timedelta(days=400), gone=[read])
    await hotlist.see(read)
    assert "matched after its month was purged" in caplog.text
    for shown in ("7ABC0", "8XYZ", note, VERIFIED["reference"]):
        assert shown.lower() not in caplog.text.lower()


@pytest.mark.clause("wall/keyed-ids")
async def test_a_read_of_a_purged_month_raises_no_hit_and_stops_no_other(hotlist):
    await hotlist.listed("7ABC123")
    late = hotlist.read()
    await hotlist.see(late)
    hotlist.clock.advance(days=460)
    await hotlist.purge(hotlist.clock.now() - timedelta(days=400), gone=[late])
    async with hotlist.runtime.db.begin() as connection:
        ended = text("SELECT count(*) FROM month_secrets WHERE month = :month AND sealed IS NULL")
        month = late.captured_at.date().replace(day=1)
        assert (await connection.execute(ended, {"month": month})).scalar_one() == 1
    await hotlist.see(late, hotlist.read(device=uuid4()))
    [hit] = await hotlist.hits()
    assert hit["read_id"] != str(late.read_id)


async def test_a_purge_whose_list_differs_from_its_event_is_refused(hotlist):
    await hotlist.listed("7ABC123")
    read = hotlist.read()
    await hotlist.see(read)
    day = hotlist.clock.now() + timedelta(days=1)
    hotlist.clock.advance(days=400)
    store = hotlist.runtime.objects
    put = store.put

    async def forged(key, data):
        await put(key, data.replace(b"read ", b"read f") if key.endswith(".txt") else data)

    store.put = forged
    with pytest.raises(InternalFault, match="differs from its event"):
        await hotlist.purge(day, read)
    assert len(await hotlist.hits()) == 1
