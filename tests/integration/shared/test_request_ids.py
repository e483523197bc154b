"""Each request has an id of ours in its answer, its log lines and its access record, for any id of its caller."""

import asyncio
import io
import logging
from uuid import UUID

import pytest

from shared.core.logs import configure_logging
from shared.core.trace import MAX_CALLERS_ID
from shared.events import RecordsDisclosed
from tests.integration.shared.guarded import attempts, client, router

__all__ = ["attempts", "client"]

GIVEN = "0b6d9f5e-7b56-4f0a-9a4e-3f2d6f2f7a10"
"""An id that a caller may send, in the form of one of ours."""

pytestmark = pytest.mark.clause("wall/request-id")


@pytest.fixture
async def app(sample_app):
    app = sample_app(router)

    @app.get("/broken")
    async def broken():
        raise RuntimeError("7ABC123")

    @app.get("/slow")
    async def slow():
        await asyncio.sleep(0.05)
        logging.getLogger("of the service").info("at work")
        return {}

    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
def written(monkeypatch):
    """Collects the output to standard error."""
    text = io.StringIO()
    monkeypatch.setattr("sys.stderr", text)
    configure_logging()
    return text


def is_ours(request_id):
    return UUID(request_id).version == 7 and request_id != GIVEN


async def test_two_requests_with_one_caller_id_get_different_request_ids(
    client, authority, attempts, bus
):
    headers = authority.headers() | {"X-Request-ID": GIVEN}
    answers = [
        await client.post("/v1/search", json={"plate": "7ABC123"}, headers=headers)
        for _ in range(2)
    ]
    told = [answer.headers["x-request-id"] for answer in answers]
    recorded = await attempts()
    assert [attempt.request_id for attempt in recorded] == told
    assert [event.request_id for event in bus.events(RecordsDisclosed)] == told
    assert len({GIVEN, *told}) == 3
    assert all(is_ours(request_id) for request_id in told)
    assert [attempt.caller_request_id for attempt in recorded] == [GIVEN, GIVEN]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, None),
        ("", None),
        ("case 26-001 / \\x07; drop", "case26-001x07drop"),
        ("a" * 5000, "a" * MAX_CALLERS_ID),
        ("\u00e9\u00df", None),
    ],
)
async def test_a_callers_id_is_stored_separately_and_cleaned(
    client, authority, attempts, given, kept
):
    headers = authority.headers()
    if given is not None:
        headers["X-Request-ID"] = given.encode("latin-1").decode("latin-1")
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await client.post("/v1/search", json={"plate": "7ABC123"}, headers=raw)
    [attempt] = await attempts()
    assert attempt.caller_request_id == kept
    assert is_ours(attempt.request_id)


async def test_a_refusal_has_both_ids_too(client, attempts):
    answer = await client.post(
        "/v1/search", json={"plate": "7ABC123"}, headers={"X-Request-ID": GIVEN}
    )
    assert answer.status_code == 401
    [attempt] = await attempts()
    assert (attempt.request_id, attempt.caller_request_id) == (
        answer.headers["x-request-id"],
        GIVEN,
    )


@pytest.mark.parametrize("path", ["/livez", "/nowhere", "/v1/search", "/broken", "/slow"])
async def test_every_answer_has_an_id_of_ours_and_no_cache_keeps_it(client, path):
    answers = [await client.get(path, headers={"X-Request-ID": GIVEN}) for _ in range(2)]
    told = {answer.headers["x-request-id"] for answer in answers}
    assert len(told) == 2
    assert all(is_ours(request_id) for request_id in told)
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        if answer.status_code >= 400:
            assert answer.json()["instance"] == f"urn:request:{answer.headers['x-request-id']}"


async def test_each_log_line_contains_our_request_id(client, written):
    logging.getLogger("of the service").info("nobody asks")
    answers = await asyncio.gather(
        *(client.get("/slow", headers={"X-Request-ID": GIVEN}) for _ in range(5))
    )
    failed = await client.get("/broken")
    lines = written.getvalue()
    assert "[-] nobody asks" in lines
    for answer in answers:
        assert lines.count(f"[{answer.headers['x-request-id']}] at work") == 1
    assert f"[{failed.headers['x-request-id']}] request" in lines
    assert GIVEN not in lines
    assert "7ABC123" not in lines
