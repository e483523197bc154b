"""A body is bounded in size and in time, before the service authenticates the caller."""

import asyncio

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from shared.limits.body_limit import MAX_BODY_BYTES, BodyLimit

SCOPE = {"type": "http", "method": "POST", "path": "/v1/sessions", "headers": []}


async def reader(scope, receive, send):
    scope["read"] = await Request(scope, receive).body()
    scope["then"] = await receive()


async def run(receive, *, within_s=5.0, headers=()):
    scope = {**SCOPE, "headers": list(headers)}
    await BodyLimit(reader, ["/v1/captures$"], within_s=within_s)(scope, receive, None)
    return scope


async def never():
    await asyncio.Event().wait()


async def test_a_declared_length_over_the_limit_is_refused_without_waiting_for_the_body():
    length = [(b"content-length", str(MAX_BODY_BYTES + 1).encode())]
    with pytest.raises(HTTPException) as refused:
        async with asyncio.timeout(5):
            await run(never, headers=length)
    assert refused.value.status_code == 413


async def test_a_body_without_an_end_is_refused_in_time():
    pieces = iter([{"type": "http.request", "body": b"{", "more_body": True}])

    async def trickle():
        return next(pieces, None) or await never()

    with pytest.raises(HTTPException) as refused:
        await run(trickle, within_s=0.01)
    assert refused.value.status_code == 408


async def test_the_body_timeout_does_not_apply_after_the_whole_body_has_arrived():
    gone = asyncio.Event()
    messages = iter([{"type": "http.request", "body": b"{}", "more_body": False}])

    async def stays_a_while():
        if (message := next(messages, None)) is not None:
            return message
        await gone.wait()
        return {"type": "http.disconnect"}

    waiting = asyncio.create_task(run(stays_a_while, within_s=0.01))
    await asyncio.wait([waiting], timeout=0.1)
    assert not waiting.done()
    gone.set()
    scope = await waiting
    assert (scope["read"], scope["then"]["type"]) == (b"{}", "http.disconnect")
