"""A body is bounded in size and in time, before the service authenticates the caller."""

import asyncio

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from shared.core.errors import Malformed, RequestTimeout, TooLarge
from shared.limits.body_limit import MAX_BODY_BYTES, BodyLimit, whole_body

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


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_of_just_the_limit_is_read_and_one_byte_more_is_refused(declared):
    for size in (MAX_BODY_BYTES, MAX_BODY_BYTES + 1):
        half = size // 2
        pieces = iter(
            [
                {"type": "http.request", "body": bytes(half), "more_body": True},
                {"type": "http.request", "body": bytes(size - half), "more_body": False},
                {"type": "http.disconnect"},
            ]
        )

        async def receive(pieces=pieces):
            return next(pieces)

        length = [(b"content-length", str(size).encode())] if declared else []
        if size == MAX_BODY_BYTES:
            scope = await run(receive, headers=length)
            assert len(scope["read"]) == size
        else:
            with pytest.raises(HTTPException) as refused:
                await run(receive, headers=length)
            assert refused.value.status_code == 413


async def test_pieces_that_keep_coming_do_not_extend_the_time_of_a_body():
    async def trickle():
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"x", "more_body": True}

    with pytest.raises(HTTPException) as refused:
        async with asyncio.timeout(5):
            await run(trickle, within_s=0.05)
    assert refused.value.status_code == 408


async def whole_of(receive, **bounds):
    return await whole_body(Request({**SCOPE}, receive), **bounds)


async def test_an_uploads_body_is_bounded_in_size_and_time_and_must_be_whole():
    def upload(*messages):
        waiting = iter(messages)

        async def receive():
            return next(waiting, None) or await never()

        return receive

    piece = {"type": "http.request", "body": b"1234", "more_body": True}
    end = {"type": "http.request", "body": b"5", "more_body": False}
    assert await whole_of(upload(piece, end), most_bytes=5) == b"12345"
    with pytest.raises(TooLarge):
        await whole_of(upload(piece, end), most_bytes=4)
    with pytest.raises(RequestTimeout, match=r"0\.01 s"):
        async with asyncio.timeout(5):
            await whole_of(upload(piece), most_bytes=5, within_s=0.01)
    with pytest.raises(Malformed, match=r"completely$"):
        await whole_of(upload(piece, {"type": "http.disconnect"}), most_bytes=5)


async def test_only_paths_of_uploads_have_limits_of_their_own():
    length = [(b"content-length", str(MAX_BODY_BYTES + 1).encode())]
    scope = {**SCOPE, "headers": length}
    with pytest.raises(HTTPException):
        async with asyncio.timeout(5):
            await BodyLimit(reader)(scope, never, None)
    big = iter([{"type": "http.request", "body": bytes(MAX_BODY_BYTES + 1)}, {"type": "end"}])

    async def receive():
        return next(big)

    upload = {**scope, "path": "/v1/captures"}
    await BodyLimit(reader, ["/v1/captures$"])(upload, receive, None)
    assert len(upload["read"]) == MAX_BODY_BYTES + 1


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
