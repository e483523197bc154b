"""Pictures that a page fetches belong to the access that offered the hit: a list, a hit, an alert stream."""

from uuid import uuid4

import pytest

from shared.core.permissions import Permission
from shared.events import AccessAttempted, RecordsDisclosed
from shared.testing import eventually

JPEG = b"\xff\xd8\xff\xe0 a picture"
KEYS = {"crop_key": "crops/1.jpg", "image_key": "captures/1.jpg"}


@pytest.fixture
async def seen(hotlist, objects):
    """A hit with pictures."""
    for key in KEYS.values():
        await objects.put(key, JPEG)
    await hotlist.listed("7ABC123")
    await hotlist.see(hotlist.read(**KEYS))
    return hotlist


async def forget(hotlist):
    await hotlist.runtime.relay.drain()
    hotlist.bus.records.clear()


async def offered(hotlist, how):
    """Return the hit as an answer shows it, and the attempt that this answer was."""
    await forget(hotlist)
    [hit] = await hotlist.hits()
    if how != "list":
        await forget(hotlist)
        hit = await hotlist.call("GET", f"/v1/hits/{hit['hit_id']}")
    [attempt] = await hotlist.announced(AccessAttempted)
    await forget(hotlist)
    return hit, attempt


@pytest.mark.clause("468.6(c)/pictures-of-an-access")
@pytest.mark.parametrize("how", ["list", "page"])
async def test_a_picture_link_is_recorded_under_the_attempt_that_offered_the_hit(seen, how):
    hit, attempt = await offered(seen, how)
    answer = await seen.client.get(hit["crop_url"], headers=seen.headers())
    assert answer.content == JPEG
    assert await seen.announced(AccessAttempted) == []
    [told] = await seen.announced(RecordsDisclosed)
    assert (told.attempt_id, told.record_kind) == (attempt.attempt_id, "image")


@pytest.mark.clause("468.6(c)/pictures-of-an-access")
async def test_a_picture_of_an_alert_is_recorded_under_each_recipients_stream(seen, streams):
    """An alert arrives in both ways: live, and read from the store after a break."""
    headers = [seen.headers(account_id=str(uuid4())) for _ in range(2)]
    await forget(seen)
    async with (
        streams.open(0, headers=headers[0]) as one,
        streams.open(0, headers=headers[1]) as two,
    ):
        await eventually(lambda: one.alerts and two.alerts)
        await seen.see(seen.read(device=uuid4(), **KEYS))
        await eventually(lambda: len(one.alerts) == len(two.alerts) == 2)
        attempts = {a.actor.person_id: a.attempt_id for a in await seen.announced(AccessAttempted)}
        for own, stream, other in ((headers[0], one, headers[1]), (headers[1], two, headers[0])):
            for alert in stream.alerts:
                await forget(seen)
                answer = await seen.client.get(alert["crop_url"], headers=own)
                assert answer.content == JPEG
                [told] = await seen.announced(RecordsDisclosed)
                assert told.attempt_id == attempts[told.actor.person_id]
                assert await seen.announced(AccessAttempted) == []
                stolen = await seen.client.get(alert["crop_url"], headers=other)
                assert (stolen.status_code, stolen.json()["code"]) == (403, "picture_not_offered")


@pytest.mark.clause("468.6(c)/pictures-of-an-access")
async def test_a_whole_picture_or_one_without_a_link_is_recorded_as_its_own_access(seen):
    hit, attempt = await offered(seen, "list")
    for path in (hit["crop_url"].partition("?")[0], hit["image_url"]):
        await forget(seen)
        answer = await seen.client.get(path, headers=seen.headers())
        assert answer.content == JPEG
        [own] = await seen.announced(AccessAttempted)
        [told] = await seen.announced(RecordsDisclosed)
        assert told.attempt_id == own.attempt_id != attempt.attempt_id


@pytest.mark.clause("468.6(c)/pictures-of-an-access")
async def test_a_picture_link_is_valid_for_one_hit_one_person_and_ten_minutes(seen):
    hit, _ = await offered(seen, "list")
    await seen.see(seen.read(device=uuid4(), **KEYS))
    other = next(h for h in await seen.hits() if h["hit_id"] != hit["hit_id"])
    token = hit["crop_url"].partition("?")[2]
    await forget(seen)
    stranger = seen.headers(account_id=str(uuid4()))
    borrowed = f"/v1/hits/{other['hit_id']}/crop?{token}"
    for path, headers in ((borrowed, seen.headers()), (hit["crop_url"], stranger)):
        answer = await seen.client.get(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "picture_not_offered")
    seen.clock.advance(minutes=10, seconds=1)
    answer = await seen.client.get(hit["crop_url"], headers=seen.headers())
    assert (answer.status_code, answer.json()["code"]) == (403, "picture_link_over")
    refused = await seen.announced(AccessAttempted)
    assert [attempt.allowed for attempt in refused] == [False] * 3
    assert token.partition("=")[2] not in str(refused)
    assert await seen.announced(RecordsDisclosed) == []


@pytest.mark.clause("wall/log-behind")
async def test_no_picture_is_shown_by_a_link_while_access_records_cannot_be_stored(seen):
    hit, _ = await offered(seen, "list")
    seen.runtime.relay.backlog = 10**9
    answer = await seen.client.get(hit["crop_url"], headers=seen.headers())
    assert (answer.status_code, answer.json()["code"]) == (503, "access_records_wait")
    seen.runtime.relay.backlog = 0
    assert await seen.announced(RecordsDisclosed) == []


@pytest.mark.clause("468.6(c)/pictures-of-an-access")
async def test_an_alert_to_a_person_without_the_hit_permission_offers_no_picture(seen, streams):
    headers = seen.headers(Permission.ALERT_RECEIVE)
    async with streams.open(0, headers=headers) as stream:
        await eventually(lambda: stream.alerts)
        assert stream.alerts[0]["crop_url"] is None
