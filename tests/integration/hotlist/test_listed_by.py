"""Hits of single entries name the person who listed the plate, who finds them among all others (ADR-0137)."""

from datetime import timedelta
from uuid import uuid4

from sqlalchemy import text

from services.hotlist.store.hits import LISTED_BY
from shared.events import HitRaised, RecordsDisclosed

ENTRY = {"plate": "7ABC123", "state": "CA", "record_kind": "stolen_vehicle", "reason": "Robbery"}
ADA, BEN = (
    {"account_id": str(uuid4()), "name": name, "title": "Detective"} for name in ("Ada", "Ben")
)
ME = {"listed_by": "me"}


def named(person):
    """Return a person as a hit names them."""
    return {
        "person_id": person["account_id"],
        "name": person["name"],
        "title": person["title"],
        "agency_ori": "CA0520100",
    }


def seen_by(hotlist, person, **claims):
    return {"headers": hotlist.headers(**person, **claims)}


async def enter(hotlist, person, list_id, *plates):
    body = {"entries": [{**ENTRY, "plate": plate} for plate in plates]}
    path = f"/v1/lists/{list_id}/entries"
    return await hotlist.call("POST", path, json=body, status=201, **seen_by(hotlist, person))


async def own_plates(hotlist, person, **query):
    """Return the plates of the hits that this person finds as their own, newest first."""
    answer = await hotlist.call(
        "GET", "/v1/hits", params={**ME, **query}, **seen_by(hotlist, person)
    )
    return [hit["plate_listed"] for hit in answer["items"]]


async def waiting(hotlist, person, **claims):
    path = "/v1/hits/waiting"
    return (await hotlist.call("GET", path, **seen_by(hotlist, person, **claims)))["listed_by_me"]


async def test_a_hit_names_who_listed_the_plate_singly_and_no_person_for_a_file(hotlist):
    list_id = await hotlist.listed("7ABC124")
    await enter(hotlist, ADA, list_id, "7ABC123")
    await hotlist.see(hotlist.read("7ABC123"), hotlist.read("7ABC124", device=uuid4()))
    shown = {hit["plate_read"]: hit for hit in await hotlist.hits()}
    assert shown["7ABC123"]["entry"]["listed_by"] == named(ADA)
    assert shown["7ABC124"]["entry"]["listed_by"] is None
    whole = await hotlist.call("GET", f"/v1/hits/{shown['7ABC123']['hit_id']}")
    assert whole["entry"]["listed_by"] == named(ADA)
    raised = {one.plate_read: one.entry.listed_by for one in await hotlist.announced(HitRaised)}
    assert raised["7ABC123"].person_id == ADA["account_id"]
    assert (raised["7ABC123"].name, raised["7ABC123"].title) == ("Ada", "Detective")
    assert raised["7ABC124"] is None


async def test_each_person_finds_the_hits_of_the_plates_that_they_listed(hotlist):
    list_id = await hotlist.listed("7ABC129")
    await enter(hotlist, ADA, list_id, "7ABC123", "7ABC124")
    await enter(hotlist, BEN, list_id, "7ABC125")
    for number in (3, 4, 5, 9):
        await hotlist.see(hotlist.read(f"7ABC12{number}", device=uuid4()))
    assert len(await hotlist.hits()) == 4
    assert await own_plates(hotlist, ADA) == ["7ABC124", "7ABC123"]
    assert await own_plates(hotlist, BEN) == ["7ABC125"]
    assert await own_plates(hotlist, {**BEN, "account_id": str(uuid4())}) == []
    assert await own_plates(hotlist, ADA, status="verified") == []
    first = await hotlist.call(
        "GET", "/v1/hits", params={**ME, "limit": 1}, **seen_by(hotlist, ADA)
    )
    assert await own_plates(hotlist, ADA, after=first["next"]) == ["7ABC123"]


async def test_hits_of_own_entries_are_counted_until_they_are_verified(hotlist):
    list_id = await hotlist.list()
    await enter(hotlist, ADA, list_id, "7ABC123", "7ABC124")
    await hotlist.see(hotlist.read("7ABC123"), hotlist.read("7ABC124", device=uuid4()))
    assert (await waiting(hotlist, ADA), await waiting(hotlist, BEN)) == (2, 0)
    hit = (await hotlist.hits())[0]
    body = {"method": "CLETS", "reference": "T26-1", "outcome": "correct_read"}
    await hotlist.call("POST", f"/v1/hits/{hit['hit_id']}/verification", json=body)
    assert await waiting(hotlist, ADA) == 1
    assert await hotlist.disclosed()
    hotlist.bus.records.clear()
    await waiting(hotlist, ADA)
    assert await hotlist.announced(RecordsDisclosed) == [], "a count discloses no hit"


async def test_who_listed_a_plate_sees_no_more_hits_than_before(hotlist):
    """Its agency and source, and the time without a purpose, bound them as they bound all others."""
    list_id = await hotlist.list("state")
    await enter(hotlist, ADA, list_id, "7ABC123")
    await hotlist.see(hotlist.read("7ABC123"))
    for claims in ({"sources": ["department"]}, {"ori": "CA0100000"}):
        assert await waiting(hotlist, ADA, **claims) == 0, claims
        answer = await hotlist.call("GET", "/v1/hits", params=ME, **seen_by(hotlist, ADA, **claims))
        assert answer["items"] == [], claims
    hotlist.clock.advance(hours=13)
    assert await own_plates(hotlist, ADA) == ["7ABC123"]
    without = hotlist.headers(purpose=False, **ADA)
    page = (await hotlist.client.get("/v1/hits", params=ME, headers=without)).json()
    assert page["items"] == []
    assert page["captured_since"] is not None


async def test_an_entry_that_a_rollback_brings_back_is_still_of_who_listed_it(hotlist):
    list_id = await hotlist.listed("7ABC129")
    added = await enter(hotlist, ADA, list_id, "7ABC123")
    path = f"/v1/lists/{list_id}"
    ended = f"{path}/entries/{added['entry_ids'][0]}/removal"
    await hotlist.call("POST", ended, json={"reason": "recovered"})
    await hotlist.call("POST", f"{path}/rollback", json={"version": added["version"]})
    await enter(hotlist, BEN, list_id, "7ABC125")
    await hotlist.see(hotlist.read("7ABC123"))
    [hit] = await hotlist.hits()
    assert hit["entry"]["listed_by"] == named(ADA)
    found = await hotlist.call("POST", f"{path}/entries/search", json={"plate": "7ABC123"})
    assert [one["entered_by"] for one in found["items"]] == ["Ada"]


async def test_a_destroyed_hit_names_no_one_who_listed_its_plate(hotlist):
    await enter(hotlist, ADA, await hotlist.list(), "7ABC123")
    await hotlist.see(read := hotlist.read("7ABC123"))
    [hit] = await hotlist.hits()
    body = {"disposition": "gone on arrival", "enforcement": False, "result": "no_contact"}
    await hotlist.call("POST", f"/v1/hits/{hit['hit_id']}/disposition", json=body)
    hotlist.clock.advance(days=401)
    await hotlist.purge(hotlist.clock.now() - timedelta(days=400), gone=[read])
    [left] = await hotlist.hits()
    assert (left["hit_id"], left["entry"]) == (hit["hit_id"], None)
    assert await own_plates(hotlist, ADA) == []
    assert await waiting(hotlist, ADA) == 0


async def test_an_unknown_word_for_who_listed_a_plate_is_refused_with_the_one_that_is_allowed(
    hotlist,
):
    answer = await hotlist.call("GET", "/v1/hits", params={"listed_by": "Ada"}, status=422)
    [error] = answer["errors"]
    assert error["field"] == "query.listed_by"
    assert "'me'" in str(error), error


async def test_own_hits_are_found_by_their_index(hotlist):
    """The cost grows with the hits of one person's entries, not with all hits."""
    async with hotlist.runtime.db.begin() as connection:
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        rows = await connection.execute(
            text(
                f"EXPLAIN SELECT h.hit_id FROM hits h WHERE {LISTED_BY} = :me ORDER BY h.seq DESC LIMIT 50"
            ),
            {"me": ADA["account_id"]},
        )
        assert "hits_listed_by" in "\n".join(rows.scalars())
