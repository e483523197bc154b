"""Requests are read for a declared purpose; the number of waiting ones needs no purpose."""

import pytest

from shared.core.permissions import Permission
from shared.events import RecordsDisclosed, ReleaseApproved

DECISION = {"decision": "approve", "reason": "Scoped to one plate and one day"}


@pytest.fixture
def without(authority):
    """Headers of a reviewer without a declared purpose."""

    def headers():
        return authority.headers(
            Permission.RELEASE_READ,
            Permission.RELEASE_REVIEW,
            purpose=False,
            account_id="00000000-0000-4000-8000-000000000201",
        )

    return headers


@pytest.mark.clause("468.4(a)/plates-by-purpose")
async def test_requests_and_documents_are_read_and_decided_for_a_purpose_alone(
    client, filed, with_authority, without, reviewer, runtime, bus
):
    request_id = await filed()
    authority = await with_authority("DCFBIWA00")
    document = f"/v1/documents/{authority['document_id']}"
    await runtime.relay.drain()
    bus.records.clear()
    for method, path, body in (
        ("GET", "/v1/requests", None),
        ("GET", f"/v1/requests/{request_id}", None),
        ("GET", document, None),
        ("POST", f"/v1/requests/{request_id}/decision", DECISION),
    ):
        refused = await client.request(method, path, json=body, headers=without())
        assert (refused.status_code, refused.json()["code"]) == (403, "purpose_missing"), path
        assert "7ABC123" not in refused.text
        shown = await client.request(method, path, json=body, headers=reviewer())
        assert shown.status_code == 200, path
        await runtime.relay.drain()
        assert len(bus.events(RecordsDisclosed)) == 1, path
        bus.records = [r for r in bus.records if r.topic == ReleaseApproved.TOPIC]
    assert len(bus.events(ReleaseApproved)) == 1


@pytest.mark.clause("468.4(a)/purpose-opens")
async def test_requests_are_read_and_decided_for_the_kinds_that_the_policy_names(
    client, filed, reviewer, announced
):
    path = f"/v1/requests/{await filed()}"
    for kind in ("criminal_investigation", "system_maintenance"):
        refused = await client.get(path, headers=reviewer(purpose=kind))
        assert (refused.status_code, refused.json()["params"]["kinds"]) == (
            403,
            ["audit", "release"],
        )
        assert refused.json()["params"]["permission"] == "release:read"
        assert "7ABC123" not in refused.text
    assert (await client.get(path, headers=reviewer(purpose="audit"))).status_code == 200
    for kind in ("criminal_investigation", "audit"):
        decided = await client.post(
            f"{path}/decision", json=DECISION, headers=reviewer(purpose=kind)
        )
        assert (decided.status_code, decided.json()["params"]["kinds"]) == (403, ["release"]), kind
    assert await announced(ReleaseApproved) == []
    decided = await client.post(f"{path}/decision", json=DECISION, headers=reviewer())
    assert decided.status_code == 200


@pytest.mark.clause("468.4(a)/waiting")
async def test_waiting_requests_are_counted_without_a_purpose_or_a_plate(
    client, filed, without, reviewer, clock
):
    first = await filed()
    filed_at = clock.now()
    clock.advance(hours=2)
    for _ in range(2):
        await filed()
    answer = await client.get("/v1/requests/waiting", headers=without())
    [state] = answer.json()["states"]
    assert (state["status"], state["count"], answer.json()["count"]) == ("submitted", 3, 3)
    assert (
        state["oldest_at"]
        == answer.json()["oldest_at"]
        == filed_at.isoformat().replace("+00:00", "Z")
    )
    assert "7ABC123" not in answer.text
    assert "TCS-26-0417" not in answer.text
    decided = await client.post(f"/v1/requests/{first}/decision", json=DECISION, headers=reviewer())
    assert decided.status_code == 200
    assert (await client.get("/v1/requests/waiting", headers=without())).json()["count"] == 2


async def test_the_requesting_agency_reads_its_own_requests_without_a_purpose(
    client, filed, requester
):
    request_id = await filed()
    answer = await client.get(f"/v1/agency/requests/{request_id}", headers=requester())
    assert answer.json()["criteria"]["plate"] == "7ABC123"
