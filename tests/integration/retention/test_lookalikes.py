"""The plates that a typed one may be a misread of, and the counts of searches."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs
from sqlalchemy import event
from sqlalchemy.engine import Engine

from services.retention.domain import lookalikes
from services.retention.store import search as search_module
from services.retention.store import search_plan
from shared.events import AccessAttempted, RecordsDisclosed
from tests.integration.retention.conftest import DEVICE, a_read, started

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
OTHER_ORI = "CA0520200"
PATH = "/v1/reads/lookalikes"


@pytest.fixture
async def seeded(retention):
    """Retention with three reads of each of some plates that look alike, and of others."""
    plates = ["7ABC123", "7A8C123", "7ABCI23", "7A8CI23", "7ABC124", "8XYZ987"]
    await retention.store(
        *(
            a_read(plate, NOON - timedelta(hours=n, minutes=m))
            for n in range(3)
            for m, plate in enumerate(plates)
        )
    )
    return retention


async def ask(retention, status=200, *, headers=None, **body):
    window = {"captured_from": (NOON - timedelta(days=30)).isoformat()}
    window["captured_to"] = (NOON + timedelta(hours=1)).isoformat()
    headers = headers or retention.authority.headers()
    answer = await retention.client.post(PATH, json={**window, **body}, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


def rated(answer):
    return [(one["plate"], round(one["likelihood"], 4)) for one in answer["items"]]


@pytest.mark.clause("468.4(c)/lookalikes")
async def test_look_alike_plates_are_listed_by_likelihood_with_their_newest_read_disclosed(
    seeded,
):
    answer = await ask(seeded, plate="7ABC123")
    assert rated(answer) == [
        ("7ABC123", 1), ("7A8C123", 0.1), ("7ABCI23", 0.1), ("7A8CI23", 0.01)
    ]  # fmt: skip
    assert answer["more"] is False
    newest = [one["newest"] for one in answer["items"]]
    assert [read["plate"] for read in newest] == [plate for plate, _ in rated(answer)]
    assert all(
        datetime.fromisoformat(read["captured_at"]) > NOON - timedelta(hours=1) for read in newest
    )
    [attempt] = await seeded.emitted(AccessAttempted)
    [disclosed] = await seeded.emitted(RecordsDisclosed)
    assert (attempt.permission, disclosed.attempt_id) == ("record:search", attempt.attempt_id)
    assert sorted(disclosed.all_ids) == sorted(read["read_id"] for read in newest)
    # The reads of one of them follow by the usual paging.
    found = await seeded.search(plate="7A8CI23", limit=2)
    assert [read["plate"] for read in found["items"]] == ["7A8CI23"] * 2
    assert found["next"]


@pytest.mark.clause("468.4(c)/lookalikes")
async def test_a_partial_lookalike_search_lists_possible_misreads(seeded):
    assert rated(await ask(seeded, plate="7A8C*")) == [
        ("7A8C123", 1), ("7A8CI23", 1), ("7ABC123", 0.1), ("7ABC124", 0.1), ("7ABCI23", 0.1)
    ]  # fmt: skip


@pytest.mark.clause("468.4(c)/lookalikes")
async def test_a_plate_without_a_read_that_the_person_may_see_is_not_listed(seeded):
    await seeded.store(
        a_read("7ABCL23", NOON),
        a_read("7A8C12E", NOON),
        a_read("7A8C1Z3", NOON, agency_ori=OTHER_ORI),
        a_read("7ABC1Z3", NOON - timedelta(days=60)),
    )
    everywhere = [plate for plate, _ in rated(await ask(seeded, plate="7ABC123"))]
    assert everywhere == ["7ABC123", "7A8C123", "7ABCI23", "7A8CI23"]
    other = seeded.authority.headers(ori=OTHER_ORI)
    assert rated(await ask(seeded, plate="7ABC123", headers=other)) == [("7A8C1Z3", 0.01)]
    purpose = seeded.authority.purpose_token(scope={"plate": "7ABC123"})
    scoped = {**seeded.authority.headers(purpose=False), "X-ALPR-Purpose": purpose}
    assert rated(await ask(seeded, plate="7ABC123", headers=scoped)) == [("7ABC123", 1)]
    await ask(seeded, 403, plate="7A8C123", headers=scoped)
    await ask(seeded, 403, plate="7ABC123", headers=seeded.authority.headers(purpose=False))


@pytest.mark.clause("468.4(c)/lookalikes")
async def test_a_lookalike_search_lists_only_the_most_likely_plates_and_refuses_too_many(
    seeded, monkeypatch
):
    monkeypatch.setattr("services.retention.actions.searches.MOST_LISTED", 2)
    monkeypatch.setattr(search_module, "_PLATES_AT_ONCE", 1)
    assert lookalikes.MOST_LISTED == 50
    answer = await ask(seeded, plate="7ABC123")
    assert (rated(answer), answer["more"]) == ([("7ABC123", 1), ("7A8C123", 0.1)], True)
    [disclosed] = await seeded.emitted(RecordsDisclosed)
    assert disclosed.count == 2
    monkeypatch.setattr("services.retention.actions.searches.MOST_LISTED", 4)
    answer = await ask(seeded, plate="7ABC123")
    assert (len(answer["items"]), answer["more"]) == (4, False)
    monkeypatch.setattr(search_plan, "MOST_PLATES", 3)
    problem = await ask(seeded, 422, plate="7ABC*")
    assert (problem["code"], problem["field"]) == ("lookalikes_too_many", "plate")


@pytest.mark.clause("468.4(c)/lookalikes")
async def test_a_lookalike_search_ends_at_its_time_limit_with_the_most_likely_plates(
    seeded, monkeypatch
):
    monkeypatch.setattr(search_module, "_PLATES_AT_ONCE", 1)
    monkeypatch.setattr(search_module, "PAGE_S", 0)
    answer = await ask(seeded, plate="7ABC123")
    assert (rated(answer), answer["more"]) == ([("7ABC123", 1)], True)
    monkeypatch.setattr(search_module, "PAGE_S", 60)
    answer = await ask(seeded, plate="7ABC123")
    assert (len(answer["items"]), answer["more"]) == (4, False)


@pytest.mark.clause("468.4/narrowness")
async def test_a_lookalike_search_has_the_limits_of_any_search(seeded):
    year = (NOON - timedelta(days=300)).isoformat()
    assert (await ask(seeded, 422, plate="7A*", captured_from=year))["code"] == "window_too_long"
    assert (await ask(seeded, 422))["field"] == "plate"
    assert (await ask(seeded, 422, plate="7ABC123", lookalike=False))["field"] == "body.lookalike"


@pytest.mark.clause("468.4(a)/disclosed-limit")
async def test_plates_that_look_alike_count_towards_the_records_of_a_day(
    settings, bus, objects, clock, authority, policy
):
    limits = structs.replace(policy.limits, disclosed_finding=1, disclosed_refused=3)
    policy = structs.replace(policy, limits=limits)
    async with started(settings, bus, objects, clock, authority, policy) as retention:
        await retention.store(*(a_read(plate, NOON) for plate in ("7ABC123", "7A8C123")))
        await ask(retention, plate="7ABC123")
        assert (await ask(retention, 403, plate="7ABC123"))["code"] == "disclosure_limit"
        await retention.search(403, plate="9ZZZ999", count=True)


@pytest.mark.clause("468.4(c)/counts")
async def test_a_count_covers_all_matches_on_every_page(seeded):
    asked = {"plate": "7A*", "limit": 4, "count": True}
    first = await seeded.search(**asked)
    assert first["count"] == {"value": 15, "at_least": False}
    second = await seeded.search(**asked, after=first["next"])
    assert second["count"] == {"value": 15, "at_least": False}
    assert (await seeded.search(plate="7A*", limit=4))["count"] == {"value": 4, "at_least": True}
    attempts = await seeded.emitted(AccessAttempted)
    assert [a.elements["body"].get("count") for a in attempts] == [True, True, None]
    other = seeded.authority.headers(ori=OTHER_ORI)
    assert (await seeded.search(**asked, headers=other))["count"] == {"value": 0, "at_least": False}


@pytest.mark.clause("468.4(c)/counts")
async def test_the_database_counts_one_read_beyond_the_maximum_and_no_further(seeded, monkeypatch):
    monkeypatch.setattr(search_module, "MOST_COUNTED", 7)
    counted = []

    def note(_connection, _cursor, statement, parameters, _context, _many):
        if "AS counted" in statement:
            counted.append(parameters)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        await seeded.search(plate="7A*", count=True)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert counted
    assert 7 + 1 in counted[0]


@pytest.mark.clause("468.4(c)/counts")
@pytest.mark.parametrize("place", [{}, {"device_ids": [str(DEVICE)]}])
async def test_a_count_ends_at_its_maximum_or_time_limit(seeded, monkeypatch, place):
    assert search_module.MOST_COUNTED == 10_000
    monkeypatch.setattr(search_module, "MOST_COUNTED", 7)
    asked = {"plate": "7A*", "count": True, **place}
    assert (await seeded.search(**asked))["count"] == {"value": 7, "at_least": True}
    monkeypatch.setattr(search_module, "MOST_COUNTED", 15)
    assert (await seeded.search(**asked))["count"] == {"value": 15, "at_least": False}
    monkeypatch.setattr(search_plan, "MOST_PLATES", 0)
    monkeypatch.setattr(search_plan, "_DEVICES_FIRST", timedelta(hours=2))
    monkeypatch.setattr(search_plan, "_MARGIN", 0)  # no window that has all of them at once
    monkeypatch.setattr(search_module, "PAGE_S", 0)
    count = (await seeded.search(plate="7A*", count=True))["count"]
    assert count["at_least"] is True
    assert count["value"] < 15
