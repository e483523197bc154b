"""A hit whose read a person corrected says so, and open pages show it at once (ADR-0135)."""

import json
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from shared.events import Actor, ReadCorrected, RecordsDisclosed
from shared.testing import eventually

CLAUSE = pytest.mark.clause("468.4(f)/corrected-hit")
SEER = Actor(person_id="seer", name="Officer Eight", title="Officer", agency_ori="CA0520100")


@pytest.fixture
def settings(settings):
    """Settings under which nothing compares hits in time unless a notice comes."""
    return settings.model_copy(update={"hotlist_poll_s": 60})


@pytest.fixture
def correct(hotlist):
    """Have hotlist consume the correction of a read, as retention publishes it."""

    async def consumed(read, plate, region=None, *, ago=timedelta(), **changes):
        event = ReadCorrected(
            **{
                "occurred_at": hotlist.clock.now() - ago,
                "actor": SEER,
                "correction_id": uuid4(),
                "read_id": read.read_id,
                "captured_on": read.captured_at.date(),
                "captured_at": read.captured_at,
                "plate_before": read.plate,
                "plate": plate,
                "region": region,
                "reason": "The picture shows it",
                **changes,
            }
        )
        await hotlist.handlers[ReadCorrected]([event])

    return consumed


@pytest.fixture
def cautions(hotlist):
    """The cautions of the one hit about a correction, the same in the list and on its page."""

    async def of_the_hit():
        [hit] = await hotlist.hits()
        whole = await hotlist.call("GET", f"/v1/hits/{hit['hit_id']}")
        assert whole["warnings"] == hit["warnings"]
        return [w["text"] for w in hit["warnings"] if w["code"] == "read_corrected"]

    return of_the_hit


@pytest.fixture
async def read(hotlist):
    """A read of the one listed plate, which raised a hit."""
    await hotlist.listed("7ABC123")
    one = hotlist.read()
    await hotlist.see(one)
    return one


@CLAUSE
@pytest.mark.parametrize("first", [False, True])
async def test_a_hit_says_that_a_person_saw_another_plate_in_any_order_of_events(
    hotlist, correct, cautions, first
):
    await hotlist.listed("7ABC123")
    read = hotlist.read()
    if first:
        await correct(read, "7ABC128")
        await hotlist.see(read)
    else:
        await hotlist.see(read)
        assert await cautions() == []
        await correct(read, "7ABC128")
    assert await cautions() == ["A person compared the picture, and saw another plate: 7ABC128"]
    [hit] = await hotlist.hits()
    assert hit["plate_read"] == "7ABC123", "what was read stays"
    shown = await hotlist.announced(RecordsDisclosed)
    assert "7ABC128" in str(shown[-1].records), "the log knows that the plate was shown"


@CLAUSE
async def test_a_picture_without_a_legible_plate_and_another_state_are_named(
    read, correct, cautions
):
    await correct(read, None)
    assert await cautions() == ["A person compared the picture, and saw no legible plate"]
    await correct(read, "7ABC123", "US-NV")
    assert await cautions() == [
        "A person compared the picture, and saw the same number of another issuer: US-NV"
    ]
    await correct(read, "7ABC123", "US-CA")
    assert await cautions() == [], "it is the listed plate"


@CLAUSE
async def test_a_correction_to_the_listed_plate_is_no_caution_where_a_lookalike_was_read(
    hotlist, correct, cautions
):
    await hotlist.listed("7A8C123")
    read = hotlist.read("7ABC123")
    await hotlist.see(read)
    [hit] = await hotlist.hits()
    assert (hit["plate_read"], hit["plate_listed"]) == ("7ABC123", "7A8C123")
    await correct(read, "7A8C123")
    assert await cautions() == []
    await correct(read, "7ABC123")
    assert await cautions() == ["A person compared the picture, and saw another plate: 7ABC123"]


@CLAUSE
async def test_the_last_correction_is_in_force_whatever_comes_last(read, correct, cautions):
    await correct(read, "7ABC128", ago=timedelta(minutes=1))
    await correct(read, "7ABC129")
    await correct(read, "7ABC127", ago=timedelta(minutes=2))
    assert await cautions() == ["A person compared the picture, and saw another plate: 7ABC129"]


@CLAUSE
async def test_the_correction_of_another_read_is_no_caution(hotlist, read, correct, cautions):
    await correct(hotlist.read(ago_s=9), "7ABC128")
    assert await cautions() == []


@CLAUSE
async def test_open_streams_show_a_correction_at_once_and_each_further_one(
    hotlist, streams, read, correct
):
    def changes(stream):
        shown = [json.loads(data) for _, name, data in stream.events if name == "change"]
        return [[w["text"] for w in one["warnings"]] for one in shown]

    async with streams.open() as stream:
        await eventually(lambda: stream.events)
        await correct(read, "7ABC128")
        await eventually(lambda: changes(stream))
        await correct(read, "7ABC129")
        await eventually(lambda: len(changes(stream)) == 2)
        [[first], [second]] = changes(stream)
        assert first.endswith("7ABC128")
        assert second.endswith("7ABC129")


@CLAUSE
async def test_a_purge_deletes_corrections_with_their_reads_and_those_of_events_without_a_time(
    hotlist, correct, sampled, monkeypatch
):
    monkeypatch.setattr("services.hotlist.actions.purging.PURGED_AT_ONCE", 2)
    held, *gone = (hotlist.read(ago_s=n) for n in range(6))
    for one in (held, *gone[1:]):
        await correct(one, "7XYZ128")
    await correct(gone[0], "7XYZ128", captured_at=None)
    found = await sampled("hotlist", anew=True)
    assert "7XYZ128" not in found, "the planner takes no samples"
    hotlist.clock.advance(days=400)
    late = hotlist.read()
    await correct(late, None)
    await hotlist.purge(hotlist.clock.now() - timedelta(days=399), held, gone=gone)
    async with hotlist.runtime.db.begin() as connection:
        left = await connection.execute(text("SELECT read_id FROM corrected"))
        assert set(left.scalars()) == {held.read_id, late.read_id}


@CLAUSE
async def test_an_event_without_a_time_counts_from_the_beginning_of_its_day(hotlist, read, correct):
    await correct(read, None, captured_at=None, captured_on=date(2026, 5, 31))
    async with hotlist.runtime.db.begin() as connection:
        at = await connection.execute(text("SELECT captured_at FROM corrected"))
        assert at.scalar_one() == datetime(2026, 5, 31, tzinfo=UTC)
