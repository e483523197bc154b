"""Answers about a request carry the newest checkpoint of the audit log."""

import pytest

from tests.unit.shared.notes import signed


@pytest.mark.clause("wall/checkpoints")
async def test_decisions_and_requests_contain_the_newest_checkpoint(
    client, filed, decide, runtime, requester, reviewer
):
    await runtime.agreement.learn([signed(7)])
    request_id = await filed()
    assert (await decide(request_id)).json()["checkpoint"] == signed(7).note
    await runtime.agreement.learn([signed(8)])
    for path, headers in (
        (f"/v1/agency/requests/{request_id}", requester()),
        (f"/v1/requests/{request_id}", reviewer()),
    ):
        assert (await client.get(path, headers=headers)).json()["checkpoint"] == signed(8).note
