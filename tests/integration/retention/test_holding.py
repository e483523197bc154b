"""Holds retain matching records, present and future, past their month, and win over a running purge."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from services.retention.domain.criteria import Criteria
from shared.events import (
    AccessAttempted,
    HoldChanged,
    Place,
    RecordsDisclosed,
    RecordsPurged,
)
from shared.postgres.database import Database
from tests.integration.locking import locked_while
from tests.integration.migrating import made_anew, moved_to
from tests.integration.retention.conftest import DEVICE, JPEG, SOLANO, a_capture, a_hit, a_read
from tests.integration.retention.holding import (
    LONG_AGO,
    OTHER,
    RELEASER,
    place,
    release,
    work_while_a_hold_is_placed,
)
from tests.integration.retention.purging import DUE, NOON, authorise, execute, left, purge

LATELY_DUE = DUE - timedelta(days=1)  # its month is due in part
FAR = Place(40.1785, -122.2358)


async def everything_left(retention):
    return sorted(await left(retention) + await left(retention, "held_reads"))


CRITERIA = {
    "a plate": {"plate": "7ABC123"},
    "part of a plate": {"plate": "*BC1*"},
    "look-alikes": {"plate": "7A8C123", "lookalike": True},
    "a device": {"device_ids": [str(DEVICE)]},
    "an area": {
        "area": {"latitude": SOLANO.latitude, "longitude": SOLANO.longitude, "radius_m": 90}
    },
    "a box": {"area": {"south": 39.9, "west": -122.2, "north": 39.95, "east": -122.1}},
    "a time": {"captured_to": (DUE - timedelta(minutes=1)).isoformat()},
}


@pytest.mark.clause("468.5/holds")
@pytest.mark.parametrize("criteria", CRITERIA.values(), ids=CRITERIA)
@pytest.mark.parametrize("at", [LONG_AGO, LATELY_DUE], ids=["whole month", "part of a month"])
async def test_a_purge_keeps_only_records_that_a_hold_names(retention, criteria, at):
    await retention.store(
        a_read("7ABC123", at),
        a_read("8XYZ987", DUE - timedelta(seconds=1), device_id=OTHER, place=FAR),
    )
    await place(retention, **criteria)
    run = await purge(retention)
    assert run["state"] == "certified"
    assert await everything_left(retention) == ["7ABC123"]
    assert (run["reads"], run["kept_under_hold"]) == (1, 1)
    [purged] = await retention.emitted(RecordsPurged)
    assert purged.kept_under_hold == 1


@pytest.mark.clause("468.5/holds")
@pytest.mark.clause("468.3.1(f)/five-facts")
async def test_a_hold_keeps_records_that_arrive_after_it_was_placed(retention):
    await place(retention, plate="7ABC123")
    await retention.store(a_read("7ABC123", LONG_AGO), a_read("8XYZ987", LONG_AGO))
    await purge(retention)
    retention.clock.advance(days=500)
    await retention.store(a_read("7ABC123", NOON), a_read("8XYZ987", NOON))
    await purge(retention)
    assert await everything_left(retention) == ["7ABC123", "7ABC123"]


@pytest.mark.clause("468.5/holds")
async def test_reads_are_held_by_id_with_their_capture_its_image_and_their_crop(retention):
    capture = a_capture(LONG_AGO)
    key = capture.capture.image.object_key
    held, beside = (
        a_read(
            plate,
            LONG_AGO,
            capture_id=capture.capture.capture_id,
            image_key=key,
            crop_key=f"crops/{plate[0]}.jpg",
        )
        for plate in ("7ABC123", "8XYZ987")
    )
    for name in (key, "crops/7.jpg", "crops/8.jpg"):
        await retention.objects.put(name, JPEG)
    await retention.store(capture, held, beside)
    hold = await place(retention, read_ids=[str(held.read_id)])
    run = await purge(retention)
    assert (run["reads"], run["captures"], run["kept_under_hold"]) == (1, 0, 2)
    assert retention.stored_keys == sorted([key, "crops/7.jpg"])
    answer = await retention.get(f"/v1/captures/{capture.capture.capture_id}/image")
    assert answer.content == JPEG
    await retention.get(f"/v1/reads/{held.read_id}/crop")
    await retention.get(f"/v1/reads/{beside.read_id}", 404)
    await release(retention, hold)
    retention.clock.advance(seconds=1)
    run = await purge(retention)
    assert (run["reads"], run["captures"], run["objects"]) == (1, 1, 2)
    assert retention.stored_keys == []
    assert await everything_left(retention) == []
    assert await retention.fetch("SELECT 1 FROM plates") == []


@pytest.mark.clause("468.5/holds")
@pytest.mark.parametrize("at", [LONG_AGO, LATELY_DUE], ids=["whole month", "part of a month"])
async def test_a_frame_is_kept_while_one_of_its_reads_is_held_though_its_capture_never_came(
    retention, at
):
    frame = a_capture(at).capture
    first, second, other = (
        a_read(plate, at, capture_id=frame.capture_id, image_key=frame.image.object_key)
        for plate in ("7ABC123", "8XYZ987", "1AAA111")
    )
    await retention.store(first, second, other)
    await retention.objects.put(frame.image.object_key, JPEG)
    holds = [await place(retention, read_ids=[str(one.read_id)]) for one in (first, second)]
    left_after = []
    for hold in (None, *holds):
        if hold is not None:
            await release(retention, hold)
        retention.clock.advance(seconds=1)
        await purge(retention)
        left_after.append((await everything_left(retention), retention.stored_keys))
    assert left_after == [
        (["7ABC123", "8XYZ987"], [frame.image.object_key]),
        (["8XYZ987"], [frame.image.object_key]),
        ([], []),
    ]


@pytest.mark.clause("468.5/holds")
async def test_a_capture_without_a_plate_is_held_by_place_and_time(retention):
    capture = a_capture(LONG_AGO, outcome="no_plate")
    await retention.store(capture)
    await retention.objects.put(capture.capture.image.object_key, JPEG)
    await place(retention, device_ids=[str(DEVICE)])
    run = await purge(retention)
    assert (run["captures"], run["kept_under_hold"]) == (0, 1)
    await retention.get(f"/v1/captures/{capture.capture.capture_id}/image")


@pytest.mark.clause("468.5/hold-release")
async def test_a_hold_that_two_people_release_at_once_is_released_once(retention):
    hold = await place(retention, plate="7ABC123")
    path, why = f"/v1/holds/{hold['hold_id']}/release", {"reason": "case closed"}
    answers = await locked_while(
        retention.runtime.db,
        f"SELECT FROM holds WHERE hold_id = '{hold['hold_id']}' FOR UPDATE",
        *(
            retention.client.post(path, json=why, headers=retention.authority.headers(**RELEASER))
            for _ in range(2)
        ),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    told = [event.change for event in await retention.emitted(HoldChanged)]
    assert told == ["placed", "released"]


@pytest.mark.clause("468.5/hold-release")
async def test_a_hold_is_released_by_another_person_than_placed_it(retention):
    await retention.store(a_read("7ABC123", LONG_AGO))
    hold = await place(retention, plate="7ABC123")
    own = {"account_id": hold["placed_by"]["person_id"], "name": "C. Other"}
    problem = await release(retention, hold, 403, **own)
    assert problem["code"] == "hold_released_by_placer"
    assert "another person" in problem["detail"]
    still = (await retention.get(f"/v1/holds/{hold['hold_id']}")).json()
    assert (still["in_force"], still["released_by"]) == (True, None)
    await purge(retention)
    assert await everything_left(retention) == ["7ABC123"]
    [refused] = [e for e in await retention.emitted(AccessAttempted) if not e.allowed]
    assert (refused.actor.person_id, refused.permission) == (own["account_id"], "hold:manage")
    released = await release(retention, hold)
    assert released["released_by"]["person_id"] == RELEASER["account_id"]
    await purge(retention)
    assert await everything_left(retention) == []


@pytest.mark.clause("468.4/narrowness")
async def test_a_released_hold_shows_no_records_any_more(retention):
    """It would be a search without a limit, also of records that another hold keeps past the schedule."""
    await retention.store(a_read("7ABC123", NOON))
    hold = await place(retention, plate="7ABC123")
    path = f"/v1/holds/{hold['hold_id']}/records"
    assert len((await retention.get(path)).json()["items"]) == 1
    await release(retention, hold)
    await retention.store(a_read("7ABC123", NOON - timedelta(seconds=9)))
    refused = (await retention.get(path, 409)).json()
    assert refused["code"] == "hold_released"
    disclosed = await retention.emitted(RecordsDisclosed)
    assert sum(event.count for event in disclosed if event.record_kind == "read") == 1


RELEASED = (
    "UPDATE holds SET released_at = now(), release_reason = 'by hand', released_by = {by}"
    " WHERE released_at IS NULL RETURNING hold_id"
)


@pytest.mark.clause("468.5/hold-release")
@pytest.mark.parametrize(
    "by",
    [
        "placed_by",
        """placed_by || '{"name": "C. Other"}'""",
        "placed_by - 'person_id'",
        "'null'::jsonb",
        "NULL",
    ],
)
async def test_the_tables_refuse_a_hold_release_by_its_placer_or_without_a_person(retention, by):
    """The tables refuse it to any software that has the service's role."""
    await retention.store(a_read("7ABC123", LONG_AGO))
    hold = await place(retention, plate="7ABC123")
    with pytest.raises(IntegrityError, match="released_by_another_person"):
        await retention.fetch(RELEASED.format(by=by.replace(":", r"\:")))
    with pytest.raises(ProgrammingError, match="must be owner"):
        await retention.fetch("ALTER TABLE holds DROP CONSTRAINT released_by_another_person")
    still = (await retention.get(f"/v1/holds/{hold['hold_id']}")).json()
    assert (still["in_force"], still["released_by"]) == (True, None)
    another = """placed_by || '{"person_id"\\: "another"}'"""
    assert len(await retention.fetch(RELEASED.format(by=another))) == 1


@pytest.mark.clause("468.5/hold-release")
async def test_an_upgrade_keeps_old_holds_that_one_person_placed_and_released(
    database_url, repository
):
    migrations = repository / "services/retention/migrations"
    db = Database(database_url, "retention")
    placed = text(
        "INSERT INTO holds (hold_id, agency_ori, basis, case_number, description, criteria,"
        " placed_by, placed_at) VALUES (gen_random_uuid(), 'CA0520100', 'evidence', '26-1', 'x',"
        """ '{}', '{"person_id"\\: "one"}', now())"""
    )
    own = text(RELEASED.format(by="placed_by"))
    async with db.begin() as connection:
        await made_anew(connection, "retention", migrations, "retention_0012")
        await connection.execute(placed)
        await connection.execute(own)
        await connection.run_sync(moved_to, migrations, "head")
        await connection.execute(placed)
    with pytest.raises(IntegrityError, match="released_by_another_person"):
        async with db.begin() as connection:
            await connection.execute(own)
    async with db.begin() as connection:
        counted = text("SELECT count(*), count(released_by) FROM holds")
        assert (await connection.execute(counted)).one() == (2, 1)
    await db.close()


@pytest.mark.clause("468.5/holds")
@pytest.mark.clause("468.5/schedule")
async def test_a_record_under_two_holds_stays_until_both_are_released(retention):
    await retention.store(a_read("7ABC123", LONG_AGO))
    first, second = await place(retention, plate="7ABC123"), await place(retention, plate="7A*")
    await purge(retention)
    await release(retention, first)
    await purge(retention)
    assert await everything_left(retention) == ["7ABC123"]
    await release(retention, second)
    await purge(retention)
    assert await everything_left(retention) == []
    assert await retention.fetch("SELECT plate FROM plates") == []


@pytest.mark.clause("468.5/holds")
@pytest.mark.clause("468.5/floor")
async def test_a_released_hold_allows_only_due_records_to_be_purged(retention):
    await retention.store(a_read("7ABC123", NOON), a_read("7ABC123", LONG_AGO))
    hold = await place(retention, plate="7ABC123")
    await release(retention, hold)
    await release(retention, hold, 409)
    await purge(retention)
    assert await everything_left(retention) == ["7ABC123"]
    changes = await retention.emitted(HoldChanged)
    assert [(c.change, c.basis, c.criteria["plate"]) for c in changes] == [
        ("placed", "criminal_action", "7ABC123"),
        ("released", "criminal_action", "7ABC123"),
    ]


@pytest.mark.clause("468.5/holds")
@pytest.mark.parametrize("at", [LONG_AGO, LATELY_DUE], ids=["whole month", "part of a month"])
async def test_the_hit_of_a_held_read_is_kept_until_the_hold_is_released(retention, at):
    read = a_read("7ABC123", at)
    await retention.store(read, a_hit(read))
    hold = await place(retention, plate="7ABC123")
    await purge(retention)
    assert await retention.fetch("SELECT read_id FROM hits") == [(read.read_id,)]
    await release(retention, hold)
    await purge(retention)
    assert await retention.fetch("SELECT read_id FROM hits") == []


@pytest.mark.clause("468.5/schedule")
async def test_a_run_destroys_no_record_of_a_released_hold_from_after_its_date(retention):
    for number, at in enumerate((LATELY_DUE, LONG_AGO), 1):  # the later records come first by id
        frame = a_capture(at, outcome="no_plate", capture_id=UUID(int=number))
        await retention.store(frame, a_read("7ABC123", at, read_id=UUID(int=number)))
    hold = await place(retention, device_ids=[str(DEVICE)])
    await purge(retention)
    await release(retention, hold)
    await purge(retention, before=(LATELY_DUE - timedelta(days=1)).isoformat())
    kept = "SELECT captured_at FROM held_reads UNION ALL SELECT captured_at FROM held_captures"
    assert await retention.fetch(kept) == [(LATELY_DUE,), (LATELY_DUE,)]


@pytest.mark.clause("468.5/holds")
@pytest.mark.parametrize("at", [LONG_AGO, LATELY_DUE], ids=["whole month", "part of a month"])
async def test_a_hold_placed_during_a_purge_keeps_its_records(retention, at):
    """The hold's transaction is open when the purge comes to commit: the purge waits, checks, starts anew."""
    await retention.store(a_read("7ABC123", at), a_read("8XYZ987", at))
    run = await retention.post(
        "/v1/purge-runs", {"kind": "single", "reason": "past the schedule"}, 201, account_id="c"
    )
    await authorise(retention, run)
    await execute(retention, run)
    await work_while_a_hold_is_placed(retention, Criteria(plate="7ABC123"))
    assert await everything_left(retention) == ["7ABC123"]
    found = (await retention.get(f"/v1/purge-runs/{run['run_id']}")).json()
    assert (found["state"], found["reads"], found["kept_under_hold"]) == ("certified", 1, 1)


@pytest.mark.clause("468.5/holds")
async def test_a_hold_placed_after_a_purge_lists_no_purged_records(retention):
    """Placing waits for the purge's last check; then it holds the existing and the coming records."""
    await retention.store(a_read("7ABC123", LONG_AGO))
    await purge(retention)
    hold = await place(retention, plate="7ABC123")
    page = (await retention.get(f"/v1/holds/{hold['hold_id']}/records")).json()
    assert page["items"] == []


async def test_records_of_a_hold_are_listed_in_pages_beyond_their_month_and_disclosed(retention):
    times = [LONG_AGO, LATELY_DUE, NOON - timedelta(days=1), NOON]
    await retention.store(*(a_read("7ABC123", at) for at in times), a_read("8XYZ987", NOON))
    hold = await place(retention, plate="7ABC123")
    await purge(retention)
    path = f"/v1/holds/{hold['hold_id']}/records?limit=3"
    page = (await retention.get(path)).json()
    rest = (await retention.get(f"{path}&after={page['next']}")).json()
    listed = [datetime.fromisoformat(r["captured_at"]) for r in page["items"] + rest["items"]]
    assert listed == times[::-1]
    assert rest["next"] is None
    told = await retention.emitted(RecordsDisclosed)
    assert sum(e.count for e in told if e.record_kind == "read") == 4
    assert {i for e in told if e.record_kind == "hold" for i in e.all_ids} == {hold["hold_id"]}
    headers = retention.authority.headers(purpose=False)
    answer = await retention.client.get(path, headers=headers)
    assert answer.status_code == 403


@pytest.mark.clause("468.5/schedule")
async def test_a_search_does_not_find_held_records_past_the_schedule(retention):
    await retention.store(a_read("7ABC123", LONG_AGO))
    await place(retention, plate="7ABC123")
    await purge(retention)
    assert await retention.plates(plate="7ABC123", captured_from="2020-01-01T00:00:00Z") == []


REFUSED = [
    ({"basis": "curiosity"}, "basis"),
    ({"criteria": {}}, "criteria"),
    ({"criteria": {"plate": "*"}}, "body.criteria.plate"),
    ({"criteria": {"lookalike": True}}, "plate"),
    ({"case_number": " "}, "body.case_number"),
    ({"description": "a\x00b"}, "body.description"),
    (
        {
            "criteria": {
                "captured_from": "2026-01-02T00:00:00Z",
                "captured_to": "2026-01-01T00:00:00Z",
            }
        },
        "criteria.captured_to",
    ),
    (
        {
            "criteria": {
                "captured_from": "2026-01-01T00:00:00Z",
                "captured_to": "2026-01-01T00:00:00Z",
            }
        },
        "criteria.captured_to",
    ),
    ({"criteria": {"captured_from": "2026-01-02T00:00:00"}}, "body.criteria.captured_from"),
    (
        {"criteria": {"area": {"south": 30, "west": -122, "north": 39, "east": -121}}},
        "criteria.area",
    ),
    (
        {"criteria": {"area": {"south": 40, "west": -122, "north": 39, "east": -121}}},
        "criteria.area",
    ),
]


async def test_an_incomplete_hold_is_refused_with_its_field(retention):
    good = {
        "basis": "evidence",
        "case_number": "26-1",
        "description": "evidence of a crime",
        "criteria": {"plate": "7ABC123"},
    }
    for body, field in REFUSED:
        problem = await retention.post("/v1/holds", {**good, **body}, 422)
        assert problem["field"] == field, body
    assert (await retention.get("/v1/holds")).json()["items"] == []


async def test_holds_are_listed_by_agency_and_state(retention):
    first = await place(retention, plate="7ABC123")
    retention.clock.advance(seconds=1)
    second = await place(retention, plate="8XYZ987")
    await release(retention, first)
    page = (await retention.get("/v1/holds?limit=1")).json()
    assert [hold["hold_id"] for hold in page["items"]] == [second["hold_id"]]
    rest = (await retention.get(f"/v1/holds?after={page['next']}")).json()
    assert [hold["in_force"] for hold in rest["items"]] == [False]
    assert rest["items"][0]["released_by"]["name"] == "C. Other"
    active = (await retention.get("/v1/holds?in_force=true")).json()["items"]
    assert [hold["hold_id"] for hold in active] == [second["hold_id"]]
    assert (await retention.get("/v1/holds", ori="CA0520000")).json()["items"] == []
    await retention.get(f"/v1/holds/{first['hold_id']}", 404, ori="CA0520000")


async def test_held_tables_have_the_columns_of_what_they_keep_in_the_same_order(retention):
    for table in ("reads", "captures"):
        columns = [
            await retention.fetch(
                "SELECT attname, atttypid, attnotnull FROM pg_attribute"
                " WHERE attrelid = to_regclass(:name) AND attnum > 0 ORDER BY attnum",
                name=name,
            )
            for name in (table, f"held_{table}")
        ]
        assert columns[0] == columns[1]
        assert len(columns[0]) > 10


SECOND = "00000000-0000-4000-8000-000000000008"


def narrowed(retention, account_id=None, **scope):
    """Return headers of a person whose purpose is narrowed."""
    authority = retention.authority
    headers = authority.headers(account_id=account_id)
    headers["X-ALPR-Purpose"] = authority.purpose_token(account_id=account_id, scope=scope)
    return headers


WHILE = {
    "captured_from": (NOON - timedelta(hours=1)).isoformat(),
    "captured_to": (NOON + timedelta(minutes=30)).isoformat(),
}
NEAR = {"latitude": SOLANO.latitude, "longitude": SOLANO.longitude, "radius_m": 800}
SCOPE = {"plate": "7ABC123", "device_ids": [str(DEVICE)], "area": NEAR, **WHILE}
BEYOND = [
    {"device_ids": [str(DEVICE)]},
    {**SCOPE, "plate": "7ABC12?"},
    {**SCOPE, "lookalike": True},
    {**SCOPE, "device_ids": [str(DEVICE), str(OTHER)]},
    {**SCOPE, "area": {**NEAR, "radius_m": 900}},
    {name: value for name, value in SCOPE.items() if name != "area"},
    {**SCOPE, "captured_from": (NOON - timedelta(hours=2)).isoformat()},
    {name: value for name, value in SCOPE.items() if name != "captured_to"},
    {"read_ids": [str(OTHER)]},
]


@pytest.mark.clause("468.6(b)/contained")
@pytest.mark.parametrize("beyond", BEYOND)
async def test_a_narrowed_purpose_places_and_releases_no_hold_beyond_it(retention, beyond):
    headers = narrowed(retention, **SCOPE)
    body = {"basis": "evidence", "case_number": "26-1", "description": "Held for the case"}
    send = retention.client.post
    refused = await send("/v1/holds", json={**body, "criteria": beyond}, headers=headers)
    assert refused.status_code == 403, refused.text
    assert "outside the declared purpose" in refused.json()["detail"]
    assert await retention.fetch("SELECT 1 FROM holds") == []
    hold = await place(retention, **beyond)
    path = f"/v1/holds/{hold['hold_id']}/release"
    second = narrowed(retention, SECOND, **SCOPE)
    kept = await send(path, json={"reason": "not ours to end"}, headers=second)
    assert kept.status_code == 403, kept.text
    assert [row.at for row in await retention.fetch("SELECT released_at AS at FROM holds")] == [
        None
    ]
    told = await retention.emitted(AccessAttempted)
    assert [attempt.allowed for attempt in told] == [True, False, True, True, False]
    assert len(await retention.emitted(HoldChanged)) == 1


@pytest.mark.clause("468.6(b)/contained")
async def test_a_narrowed_purpose_shows_the_records_of_a_hold_that_lie_within_it(retention):
    within, before = a_read("7ABC123", NOON), a_read("7ABC123", NOON - timedelta(hours=2))
    await retention.store(within, before)
    hold = await place(retention, plate="7ABC123")
    path = f"/v1/holds/{hold['hold_id']}/records"
    answer = await retention.client.get(path, headers=narrowed(retention, **SCOPE))
    assert [one["read_id"] for one in answer.json()["items"]] == [str(within.read_id)]
    told = [e for e in await retention.emitted(RecordsDisclosed) if e.record_kind == "read"]
    assert [e.all_ids for e in told] == [[str(within.read_id)]]


@pytest.mark.clause("468.6(b)/contained")
async def test_a_narrowed_purpose_places_and_releases_what_lies_within_it(retention):
    headers = narrowed(retention, **SCOPE)
    body = {"basis": "evidence", "case_number": "26-1", "description": "Held for the case"}
    send = retention.client.post
    placed = await send("/v1/holds", json={**body, "criteria": SCOPE}, headers=headers)
    assert placed.status_code == 201, placed.text
    path = f"/v1/holds/{placed.json()['hold_id']}/release"
    second = narrowed(retention, SECOND, **SCOPE)
    assert (await send(path, json={"reason": "case closed"}, headers=second)).status_code == 200
