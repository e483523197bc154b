"""Requests that a person sends twice, as by a double click: with one key they place one hold and propose one purge."""

import asyncio

import pytest

from shared.events import HoldChanged, PurgeChanged
from tests.integration.retention.exporting import send
from tests.integration.retention.purging import AUTHORISER, PROPOSER, authorise

KEY = "form-26-000417"
HOLD = {
    "basis": "criminal_action",
    "case_number": "26-001234",
    "description": "homicide on Solano Street",
    "criteria": {
        "plate": "7ABC123",
        "captured_from": "2026-05-01T00:00:00-07:00",
        "captured_to": "2026-05-02T00:00:00Z",
        "area": {"latitude": 39.9, "longitude": -122.2, "radius_m": 500},
    },
}
PURGE = {"kind": "single", "reason": "past the schedule"}


@pytest.mark.parametrize(
    ("path", "body", "other", "event"),
    [
        ("/v1/holds", HOLD, {"case_number": "26-001235"}, HoldChanged),
        ("/v1/purge-runs", PURGE, {"reason": "another schedule"}, PurgeChanged),
        ("/v1/purge-runs", PURGE, {"before": "2025-04-01T00:00:00Z"}, PurgeChanged),
    ],
)
async def test_what_is_sent_twice_at_once_with_one_key_is_done_once(
    retention, path, body, other, event
):
    both = [send(retention, path, body, 201, key=KEY, **PROPOSER) for _ in range(2)]
    first, second = await asyncio.gather(*both)
    assert first == second
    assert len((await retention.get(path)).json()["items"]) == 1
    assert len(await retention.emitted(event)) == 1
    refused = await send(retention, path, body | other, 409, key=KEY, **PROPOSER)
    assert refused["code"] == "key_reused"
    assert await send(retention, path, body, 201, key=KEY, **AUTHORISER) != first, "another person"
    for _ in range(2):
        await retention.post(path, body, 201, **PROPOSER)
    assert len((await retention.get(path)).json()["items"]) == 4


async def test_a_proposal_that_was_decided_meanwhile_is_not_made_anew(retention):
    run = await send(retention, "/v1/purge-runs", PURGE, 201, key=KEY, **PROPOSER)
    await authorise(retention, run)
    retention.clock.advance(days=1)
    again = await send(retention, "/v1/purge-runs", PURGE, 201, key=KEY, **PROPOSER)
    assert (again["run_id"], again["state"]) == (run["run_id"], "authorised")
    assert [e.change for e in await retention.emitted(PurgeChanged)] == ["proposed", "authorised"]
