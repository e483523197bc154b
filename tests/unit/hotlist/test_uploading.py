"""An upload as it arrives: whole, stalled or cut off."""

import asyncio

import pytest
from fastapi import Request

from services.hotlist.actions.uploading import arrivals
from services.hotlist.api.fields import body_of
from services.hotlist.domain.problem_codes import Code
from shared.core.errors import Malformed


async def sent(*pieces, stalls=False, after_s=0.0):
    for piece in pieces:
        await asyncio.sleep(after_s)
        yield piece
    if stalls:
        await asyncio.Event().wait()


def a_request(*messages):
    """Return a request that receives these messages."""
    waiting = iter(messages)

    async def receive():
        return next(waiting)

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


def message(body, *, more=True):
    return {"type": "http.request", "body": body, "more_body": more}


async def received(pieces, stall_s=30, bytes_per_s=1.0):
    return [piece async for piece in arrivals(pieces, stall_s, bytes_per_s)]


async def test_every_piece_of_an_upload_arrives():
    request = a_request(message(b"plate\n"), message(b"7ABC123\n", more=False))
    found = await received(body_of(request))
    assert b"".join(found) == b"plate\n7ABC123\n"


async def test_an_upload_that_stalls_is_refused():
    with pytest.raises(Malformed) as caught:
        await received(sent(b"plate\n", stalls=True), stall_s=0.01)
    assert (caught.value.problem, caught.value.params) == (Code.SHEET_STALLED, {"stall_s": 0.01})


async def test_an_upload_of_a_byte_at_a_time_is_refused_before_it_holds_its_place_for_hours():
    with pytest.raises(Malformed) as caught:
        await received(sent(*[b"7"] * 9, after_s=0.02), stall_s=0.1, bytes_per_s=1000)
    assert (caught.value.problem, caught.value.params) == (
        Code.SHEET_TOO_SLOW,
        {"bytes_per_s": 1000},
    )


async def test_a_steady_upload_may_take_longer_than_a_stall():
    pieces = [b"7" * 100] * 9
    assert await received(sent(*pieces, after_s=0.02), stall_s=0.1, bytes_per_s=100) == pieces


async def test_an_upload_that_is_cut_off_is_refused():
    request = a_request(message(b"plate\n"), {"type": "http.disconnect"})
    with pytest.raises(Malformed) as caught:
        await received(body_of(request))
    assert caught.value.problem is Code.SHEET_CUT_OFF
