"""Search: exact, partial, look-alike, by area, device and time, in stable pages."""

import json
from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import text

from services.retention.domain.criteria import Cursor
from services.retention.store import records, search, search_plan
from services.retention.store.conditions import Conditions
from services.retention.store.records import Records
from shared.core.plates import PlatePattern
from shared.events import Actor, HitDisposed, HitVerified, Place, RecordsDisclosed
from shared.testing.reads import FOLDED
from tests.integration.retention.conftest import DEVICE, ORI, SOLANO, a_hit, a_read, started

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
FAR = Place(40.1785, -122.2358)  # Red Bluff, 28 km north
OTHER = UUID("00000000-0000-4000-8000-00000000d002")
READS_FETCHED = text(
    "SELECT sum(idx_tup_fetch + seq_tup_read) FROM pg_stat_xact_user_tables WHERE relname LIKE 'reads_2%'"
)
"""The rows of reads that this transaction has fetched so far."""

AREA = {"latitude": SOLANO.latitude, "longitude": SOLANO.longitude, "radius_m": 100}


@pytest.fixture
async def seeded(retention):
    plates = ["7ABC123", "7ABC128", "7A8C123", "7ABCI23", "8XYZ123", "ABC123", "XX7ABC1", "7ABD999"]
    await retention.store(
        *(a_read(plate, NOON - timedelta(minutes=n)) for n, plate in enumerate(plates))
    )
    return retention


PARTIAL = {
    "7ABC123": ["7ABC123"],
    "7abc 123": ["7ABC123"],
    "7ABC*": ["7ABC123", "7ABC128", "7ABCI23"],
    "7ABC12?": ["7ABC123", "7ABC128"],
    "*C123": ["7A8C123", "7ABC123", "ABC123"],
    "*ABC1*": ["7ABC123", "7ABC128", "ABC123", "XX7ABC1"],
    "7?BC?23": ["7ABC123", "7ABCI23"],
    "7A?C123": ["7A8C123", "7ABC123"],
    "*7ABC1": ["XX7ABC1"],
    "7*9": ["7ABD999"],
    "??YZ*": ["8XYZ123"],
    "9ZZZ999": [],
    "9ZZ*": [],
}
LOOKALIKE = {
    "7ABC123": ["7A8C123", "7ABC123", "7ABCI23"],
    "7A8CI23": ["7A8C123", "7ABC123", "7ABCI23"],
    "7A8C*": ["7A8C123", "7ABC123", "7ABC128", "7ABCI23"],
    "*8CI2?": ["7A8C123", "7ABC123", "7ABC128", "7ABCI23", "ABC123"],
    "8XYZ12B": [],
    "8XY2123": ["8XYZ123"],
}


@pytest.mark.clause("468.4(c)/partial-back")
async def test_a_partial_plate_finds_all_matching_plates(seeded):
    assert {plate: await seeded.plates(plate=plate) for plate in PARTIAL} == PARTIAL


@pytest.mark.clause("468.4(c)/partial-back")
async def test_look_alikes_are_found_in_both_directions_and_with_unknown_characters(seeded):
    found = {plate: await seeded.plates(plate=plate, lookalike=True) for plate in LOOKALIKE}
    assert found == LOOKALIKE


async def test_partial_and_look_alike_searches_are_answered_by_indexes(seeded, as_owner):
    """On a table of plates large enough for the planner to care, no query reads it whole."""
    await seeded.fetch(
        "WITH made AS (INSERT INTO plates (plate_id, plate, grams)"
        " SELECT n, 'P' || n, ARRAY[(n % 1500)::smallint, ((n / 7) % 1500)::smallint]"
        " FROM generate_series(1, 60000) AS n RETURNING 1) SELECT count(*) FROM made"
    )
    async with as_owner("retention") as connection:
        await connection.execute(text("ANALYZE plates"))
    for pattern, lookalike in (
        ("*ABC1*", False),
        ("7AB*", False),
        ("7A8C123", True),
        ("*8C1*", True),
    ):
        conditions = Conditions()
        conditions.add_pattern(PlatePattern.parse(pattern, lookalike=lookalike))
        rows = await seeded.fetch(
            f"EXPLAIN SELECT plate_id FROM plates p WHERE {conditions.sql}", **conditions.parameters
        )
        plan = "\n".join(row[0] for row in rows)
        assert "Seq Scan" not in plan, f"{pattern}: {plan}"


@pytest.mark.clause("468.4(c)/canvass")
async def test_a_crime_scene_canvass_is_one_request(retention):
    scene = {"latitude": SOLANO.latitude, "longitude": SOLANO.longitude, "radius_m": 500}
    near = Place(39.9300, -122.1800)  # 270 m
    beyond = Place(39.9330, -122.1792)  # 590 m, within the square around the circle's cells
    # 630 m to the north-east: within the square around the circle, and not within the circle.
    corner = Place(SOLANO.latitude + 0.0040, SOLANO.longitude + 0.0052)
    await retention.store(
        a_read("1AAA111", NOON),
        a_read("7GGG777", NOON - timedelta(minutes=5), place=corner),
        a_read("2BBB222", NOON - timedelta(minutes=20), place=near, device_id=OTHER),
        a_read("3CCC333", NOON - timedelta(minutes=20), place=beyond, device_id=OTHER),
        a_read("4DDD444", NOON - timedelta(hours=3)),
        a_read("5EEE555", NOON, place=FAR),
        a_read("6FFF666", NOON, place=None),
        a_read("8HHH888", NOON + timedelta(minutes=5)),
    )
    window = {
        "captured_from": (NOON - timedelta(hours=1)).isoformat(),
        "captured_to": (NOON + timedelta(minutes=1)).isoformat(),
    }
    assert await retention.plates(area=scene, **window) == ["1AAA111", "2BBB222"]
    assert await retention.plates(area=scene, plate="2*", **window) == ["2BBB222"]
    assert await retention.plates(area=scene, device_ids=[str(OTHER)], **window) == ["2BBB222"]
    box = {"south": 39.92, "west": -122.19, "north": 39.931, "east": -122.17}
    assert await retention.plates(area=box, **window) == ["1AAA111", "2BBB222"]
    triangle = {"points": [[-122.1801, 39.9299], [-122.1799, 39.9299], [-122.18, 39.9302]]}
    assert await retention.plates(area=triangle, **window) == ["2BBB222"]


@pytest.mark.clause("468.4(c)/canvass")
async def test_a_place_a_few_metres_outside_a_polygon_is_not_found(retention):
    """Postgres compares with a tolerance, which in degrees is metres beside a long edge."""
    ring = [[-122.17602, 39.94767], [-122.17202, 39.94916], [-122.17438, 39.95167]]
    inside, beside = Place(39.94941, -122.17525), Place(39.94941, -122.17536)
    await retention.store(
        a_read("1AAA111", NOON, place=inside), a_read("2BBB222", NOON, place=beside)
    )
    assert await retention.plates(area={"points": ring}) == ["1AAA111"]


@pytest.mark.clause("468.4(c)/canvass")
async def test_a_moving_camera_is_found_where_it_was(retention):
    path = [
        a_read(f"{n}AAA111", NOON + timedelta(minutes=n), place=Place(39.9 + n / 100, -122.18))
        for n in range(5)
    ]
    await retention.store(*path)
    spot = {"latitude": 39.92, "longitude": -122.18, "radius_m": 300}
    later = {"captured_to": (NOON + timedelta(hours=1)).isoformat()}
    assert await retention.plates(area=spot, **later) == ["2AAA111"]


@pytest.mark.clause("468.4(c)/light-searches")
async def test_a_page_of_a_frequent_plate_reads_its_newest_reads_alone(
    retention, monkeypatch, as_owner
):
    """A vehicle that passes all day has many more reads than the planner expects of a plate."""
    stored = [a_read("7ABC123", NOON - timedelta(minutes=n)) for n in range(2000)]
    others = [
        a_read(f"8XYZ{n:03}", NOON - timedelta(minutes=n, hours=10 * i))
        for n in range(400)
        for i in range(20)
    ]
    mixed = [*stored, *others]
    Random(5).shuffle(mixed)
    await retention.store(*mixed)
    async with as_owner("retention") as connection:
        await connection.execute(text("ANALYZE reads"))
    fetched = []
    released = Records.released

    async def counting(records, grant, rows):
        fetched.append((await records._connection.execute(READS_FETCHED)).scalar_one())
        return await released(records, grant, rows)

    monkeypatch.setattr(Records, "released", counting)
    found = await retention.search(plate="7ABC123", limit=100)
    assert [item["read_id"] for item in found["items"]] == [str(r.read_id) for r in stored[:100]]
    assert found["next"]
    [count] = fetched
    assert 100 <= count < 400


@pytest.mark.clause("468.4(c)/canvass")
@pytest.mark.clause("468.4(c)/partial-back")
async def test_devices_time_region_and_confidence_narrow_a_search(retention):
    await retention.store(
        a_read("1AAA111", NOON, region="US-CA", confidence=0.9),
        a_read("1AAA112", NOON, region="US-NV", confidence=0.7),
        a_read("1AAA113", NOON, region=None, confidence=0.5, device_id=OTHER),
        a_read("1AAA114", NOON - timedelta(hours=2)),
    )
    assert await retention.plates(plate="1AAA*", region="US-CA") == [
        "1AAA111",
        "1AAA113",
        "1AAA114",
    ]
    assert await retention.plates(plate="1AAA*", minimum_confidence=0.9) == ["1AAA111", "1AAA114"]
    assert await retention.plates(device_ids=[str(OTHER)]) == ["1AAA113"]
    assert await retention.plates(plate="1AAA*", captured_from=NOON.isoformat()) == [
        "1AAA111",
        "1AAA112",
        "1AAA113",
    ]
    assert "1AAA111" not in await retention.plates(plate="1AAA*", captured_to=NOON.isoformat())


async def test_paging_is_stable_while_records_arrive_and_across_months(retention):
    times = [NOON - timedelta(days=3 * n) for n in range(8)] + [NOON - timedelta(days=6)]
    reads = [a_read("7ABC123", at, device_id=UUID(int=n)) for n, at in enumerate(times)]
    await retention.store(*reads)
    seen = []
    cursor = None
    for _ in range(20):
        page = await retention.search(plate="7ABC123", limit=2, after=cursor)
        seen += [(read["captured_at"], read["read_id"]) for read in page["items"]]
        cursor = page["next"]
        await retention.store(a_read("7ABC123", NOON + timedelta(seconds=len(seen))))
        if cursor is None:
            break
    assert seen == sorted(seen, reverse=True)
    assert {UUID(i) for _, i in seen} == {read.read_id for read in reads}
    assert len(seen) == len(reads)


@pytest.mark.clause("468.4(c)/counts")
async def test_a_read_on_the_edge_of_two_windows_of_a_search_is_found_and_counted_once(retention):
    until = NOON + timedelta(hours=1)
    times = [until - search_plan._DEVICES_FIRST, until - timedelta(days=1), NOON]
    await retention.store(*(a_read("7ABC123", at) for at in times))
    found = await retention.search(area=AREA, captured_to=until.isoformat(), count=True)
    assert len(found["items"]) == found["count"]["value"] == len(times)


async def test_a_cursor_is_accepted_only_for_its_own_search(seeded):
    page = await seeded.search(plate="7ABC*", limit=1)
    problem = await seeded.search(422, plate="8XYZ*", limit=1, after=page["next"])
    assert problem["field"] == "after"
    assert (await seeded.search(422, plate="7ABC*", after="AAAA"))["field"] == "after"


@pytest.mark.parametrize(
    "at", ["9999-12-31T23:59:59.999999Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:00:00-23:00"]
)
async def test_a_cursor_with_a_time_that_no_read_has_is_refused(seeded, at):
    page = await seeded.search(plate="7ABC*", limit=1)
    cursor = Cursor(datetime.fromisoformat(at), UUID(int=7), fingerprint_in(page["next"]))
    problem = await seeded.search(422, plate="7ABC*", after=cursor.encode())
    assert problem["field"] == "after"


def fingerprint_in(cursor):
    """Return the fingerprint in a cursor, which its holder can read."""
    return json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))[-1]


REFUSED = [
    ({}, "plate"),
    ({"lookalike": True}, "plate"),
    ({"plate": "7*"}, "plate"),
    ({"plate": "*"}, "body.plate"),
    ({"plate": "7ABC_123"}, "body.plate"),
    ({"plate": "ABCDEFGHIJKLMNOP"}, "body.plate"),
    ({"plate": "7ABC123", "captured_from": "2026-06-01T12:00:00"}, "body.captured_from"),
    ({"plate": "7ABC123", "captured_from": 1700000000}, "body.captured_from"),
    ({"plate": "7ABC123", "captured_from": "1700000000"}, "body.captured_from"),
    ({"plate": "7ABC123", "captured_from": "2026-06-01"}, "body.captured_from"),
    ({"plate": "7ABC123", "captured_to": "2020-01-01T00:00:00Z"}, "captured_to"),
    ({"plate": "7ABC123", "captured_from": "2027-01-01T00:00:00Z"}, "captured_to"),
    ({"plate": "7ABC123", "limit": 1001}, "body.limit"),
    ({"plate": "7ABC123", "year": 2019}, "body.year"),
    (
        {"area": {"latitude": 39, "longitude": -122, "radius_m": 60_000}},
        "body.area.radius_m",
    ),
    ({"area": {"south": 40, "west": -122, "north": 39, "east": -121}}, "area"),
    ({"area": {"south": 30, "west": -122, "north": 39, "east": -121}}, "area"),
    (
        {
            "device_ids": ["00000000-0000-4000-8000-00000000d002"],
            "captured_from": "2026-04-01T00:00:00Z",
        },
        "captured_from",
    ),
]


@pytest.mark.clause("468.4(c)/partial-back")
@pytest.mark.clause("468.4(c)/canvass")
async def test_a_search_that_is_too_wide_or_unclear_is_refused_naming_the_field(retention):
    for body, field in REFUSED:
        problem = await retention.search(422, **body)
        assert problem["field"] == field, body
    assert await retention.plates(plate="?7?A?") == []  # two known characters are enough


async def test_a_two_letter_state_is_read_as_a_state_of_the_departments_country(retention):
    await retention.store(
        a_read("1AAA111", NOON, region="US-CA"), a_read("1AAA112", NOON, region="US-NV")
    )
    for given, taken_from in (("ca", "CA"), ("US-CA", None)):
        answer = await retention.search(plate="1AAA*", region=given)
        assert [read["plate"] for read in answer["items"]] == ["1AAA111"]
        assert (answer["region"], answer["taken_from"]) == ("US-CA", taken_from)
    assert (await retention.search(422, plate="1AAA*", region="ZZ"))["field"] == "body.region"


async def test_a_window_is_cut_to_what_the_schedule_keeps(retention):
    kept = NOON - timedelta(days=399)
    await retention.store(a_read("1AAA111", kept), a_read("1AAA112", NOON - timedelta(days=401)))
    answer = await retention.search(plate="1AAA*", captured_from="2020-01-01T00:00:00Z")
    assert [read["plate"] for read in answer["items"]] == ["1AAA111"]
    assert datetime.fromisoformat(answer["captured_from"]) == NOON - timedelta(days=400)


@pytest.mark.clause("468.4(c)/too-wide")
@pytest.mark.parametrize("page_s", [2, 0], ids=["full", "out of time"])
async def test_a_search_that_the_schedule_cuts_goes_on_from_page_to_page(
    seeded, monkeypatch, page_s
):
    """Each page cuts the window at its own time; the cursor belongs to the criteria as they were asked."""
    monkeypatch.setattr(search, "PAGE_S", page_s)
    monkeypatch.setattr(search_plan, "MOST_PLATES", 0)
    monkeypatch.setattr(search_plan, "_DEVICES_FIRST", timedelta(days=150))
    asked = {"plate": "7ABC*", "captured_from": "2020-01-01T00:00:00Z", "limit": 2}
    asked["captured_to"] = (NOON + timedelta(hours=1)).isoformat()
    found, after = [], None
    while not found or after is not None:
        seeded.clock.advance(seconds=1)
        page = await seeded.search(**asked, after=after)
        found += [read["plate"] for read in page["items"]]
        after = page["next"]
    assert found == ["7ABC123", "7ABC128", "7ABCI23"]


@pytest.mark.clause("468.4/narrowness")
@pytest.mark.clause("468.4(c)/canvass")
@pytest.mark.parametrize(
    "asked",
    [
        {"plate": "*7*", "device_ids": [str(DEVICE)]},
        {"plate": "7A*"},
        {"plate": "7A*", "area": AREA},
        {"plate": "7A*", "lookalike": True, "device_ids": [str(DEVICE)]},
        {"device_ids": [str(DEVICE)]},
        {"area": AREA},
    ],
)
async def test_a_search_with_under_three_known_characters_spans_at_most_a_month(seeded, asked):
    month = {
        "captured_from": (NOON - timedelta(days=31)).isoformat(),
        "captured_to": NOON.isoformat(),
    }
    longer = {**month, "captured_from": (NOON - timedelta(days=31, seconds=1)).isoformat()}
    await seeded.search(**asked, **month)
    problem = await seeded.search(422, **asked, **longer)
    assert problem["field"] == "captured_from"
    assert "31 days at most if fewer than 3 characters" in problem["detail"]
    assert (problem["code"], problem["params"]) == (
        "window_too_long",
        {"days": 31, "known_characters": 3},
    )
    assert await seeded.emitted(RecordsDisclosed) != []


@pytest.mark.clause("468.4/narrowness")
async def test_a_search_with_three_known_characters_may_span_all_stored_reads(seeded):
    year = {"captured_from": (NOON - timedelta(days=399)).isoformat()}
    for plate in ("7AB*", "?7?A?B", "7ABC123"):
        await seeded.search(plate=plate, **year)


@pytest.mark.parametrize("most", [0, 2, 5000])
async def test_a_search_finds_the_same_whether_it_starts_at_plates_or_devices(
    seeded, monkeypatch, most
):
    monkeypatch.setattr(search_plan, "MOST_PLATES", most)
    area = {"latitude": SOLANO.latitude, "longitude": SOLANO.longitude, "radius_m": 100}
    device = "00000000-0000-4000-8000-00000000d001"
    for place in ({}, {"area": area}, {"device_ids": [device]}):
        for plate, found in PARTIAL.items():
            assert await seeded.plates(plate=plate, **place) == found, plate
        for plate, found in LOOKALIKE.items():
            assert await seeded.plates(plate=plate, lookalike=True, **place) == found, plate


async def test_a_read_has_its_hits_as_flags_in_any_order_of_events(retention):
    read = a_read("7ABC123", NOON)
    hit = a_hit(read)
    officer = Actor(person_id="p", name="n", title="t", agency_ori=ORI)
    verified = HitVerified(
        occurred_at=NOON,
        hit_id=hit.hit_id,
        read_id=read.read_id,
        verified_by=officer,
        method="CLETS",
        reference="1",
        outcome="correct_read",
    )
    disposed = HitDisposed(
        occurred_at=NOON,
        hit_id=hit.hit_id,
        read_id=read.read_id,
        disposed_by=officer,
        disposition="arrest",
        enforcement=True,
    )
    await retention.store(read)
    await retention.store(disposed)
    [found] = (await retention.search(plate="7ABC123"))["items"]
    assert found["hits"] == []  # which list it is from is not known yet
    await retention.store(verified)
    await retention.store(hit)
    await retention.store(hit)
    [found] = (await retention.search(plate="7ABC123"))["items"]
    assert found["hits"] == [
        {
            "hit_id": str(hit.hit_id),
            "record_kind": "stolen_vehicle",
            "tier": "high",
            "source": "state",
            "verification": "correct_read",
            "disposition": "arrest",
        }
    ]


@pytest.mark.clause("468.4(e)/entitlement")
async def test_a_hit_from_a_list_that_the_viewer_is_not_entitled_to_is_withheld(retention):
    read = a_read("7ABC123", NOON)
    await retention.store(read, a_hit(read, source="federal"))
    headers = retention.authority.headers(sources=["department", "state"])
    [found] = (await retention.search(plate="7ABC123", headers=headers))["items"]
    assert found["hits"] == []


async def test_a_search_that_exceeds_its_time_limit_is_ended_with_advice_to_narrow_it(
    settings, bus, objects, clock, authority, policy
):
    parts = (settings, bus, objects, clock, authority, policy)
    async with started(*parts, retention_search_timeout_s=0.5) as retention:
        await retention.store(a_read("7ABC123", NOON))
        async with retention.runtime.db.begin() as connection:
            await connection.execute(text("LOCK TABLE reads IN ACCESS EXCLUSIVE MODE"))
            problem = await retention.search(422, plate="7ABC123")
        assert "narrow" in problem["detail"]
        assert await retention.plates(plate="7ABC123") == ["7ABC123"]


@pytest.mark.clause("wall/plates-as-typed")
async def test_a_letter_that_folds_into_others_is_refused_at_searches_and_holds(retention):
    held = {"basis": "criminal_action", "case_number": "26-001234", "description": "a homicide"}
    for folded in FOLDED:
        assert (await retention.search(422, plate=folded))["field"] == "body.plate"
        body = {**held, "criteria": {"plate": folded}}
        refused = await retention.post("/v1/holds", body, 422)
        assert refused["field"] == "body.criteria.plate"


async def test_the_time_limit_of_a_search_does_not_end_the_disclosure_of_what_it_found(
    seeded, monkeypatch
):
    """A disclosure may wait for another of the same person's, whose count of records it locks."""
    show, limits = text("SHOW statement_timeout"), []
    disclose = records.disclose

    async def noted(connection, *what):
        limits.append((await connection.execute(show)).scalar_one())
        await disclose(connection, *what)

    monkeypatch.setattr(records, "disclose", noted)
    assert await seeded.plates(plate="7ABC123") == ["7ABC123"]
    async with seeded.runtime.db.begin() as connection:
        assert limits == [(await connection.execute(show)).scalar_one()]
