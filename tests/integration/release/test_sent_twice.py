"""What a person sends twice, as by a double click: requests with one key are one, and so is a document."""

import asyncio

import pytest
from sqlalchemy import text

from shared.events import ReleaseDenied, ReleaseRequested
from tests.integration.release.conftest import FBI, PDF, SHERIFF, a_request

KEY = {"Idempotency-Key": "form-26-000417"}


@pytest.fixture
def send(client, requester, agencies):
    async def file(ori, body, **key):
        return await client.post("/v1/requests", json=body, headers=requester(ori) | key)

    return file


@pytest.mark.parametrize("ori", [SHERIFF, FBI])
async def test_what_is_sent_twice_at_once_with_one_key_is_filed_once(
    send, with_authority, announced, ori
):
    body = a_request(legal_authority=await with_authority(ori))
    first, second = await asyncio.gather(*[send(ori, body, **KEY) for _ in range(2)])
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert len(await announced(ReleaseRequested)) == 1
    other = await send(ori, body | {"case_number": "TCS-26-0418"}, **KEY)
    assert (other.status_code, other.json()["code"]) == (409, "key_reused")
    for _ in range(2):
        assert (await send(ori, body)).status_code == 201
    assert len(await announced(ReleaseRequested)) == 3


async def test_what_is_refused_by_rule_is_refused_again_and_filed_once(send, announced):
    refused = [await send(FBI, a_request(), **KEY) for _ in range(2)]
    assert [answer.status_code for answer in refused] == [403, 403]
    assert refused[0].json()["params"] == refused[1].json()["params"]
    assert len(await announced(ReleaseDenied)) == 1


async def test_a_document_that_is_uploaded_twice_within_a_day_is_one(
    client, requester, agencies, clock, runtime
):
    async def upload(content=PDF, ori=SHERIFF, **claims):
        headers = requester(ori, **claims)
        answer = await client.post("/v1/documents", content=content, headers=headers)
        assert answer.status_code == 201
        return answer.json()

    first, second = await asyncio.gather(upload(), upload())
    assert first == second
    others = [
        await upload(PDF + b"another order"),
        await upload(account_id="00000000-0000-4000-8000-000000000102"),
        await upload(ori=FBI),
    ]
    clock.advance(hours=23)
    assert await upload() == first
    clock.advance(hours=1)
    ids = {one["document_id"] for one in (first, *others, await upload())}
    async with runtime.db.begin() as connection:
        kept = await connection.execute(text("SELECT count(*) FROM documents"))
    assert kept.scalar_one() == len(ids) == 5
