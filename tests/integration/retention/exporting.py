"""Steps of evidence that several tests share: place a hold, export it, write the copy, book it."""

from uuid import uuid4

from tests.integration.retention.holding import place

BOOKING = {
    "evidence_number": "E26-0417-3",
    "custodian_name": "P. Room",
    "custodian_title": "Property Officer",
    "media_description": "DVD-R, write once",
    "media_serial": "MID-0417-A",
}


async def send(retention, path, body, status, *permissions, key=None, headers=None, **claims):
    """Send POST with an Idempotency-Key, one of its own unless given."""
    headers = headers or retention.authority.headers(*permissions, **claims)
    answer = await retention.client.post(
        path, json=body, headers={**headers, "Idempotency-Key": key or f"key-{uuid4()}"}
    )
    assert answer.status_code == status, answer.text
    return answer.json()


async def request(retention, hold, status=202, *permissions, **how):
    """Ask for an export of a hold."""
    body = {"hold_id": hold["hold_id"]}
    return await send(retention, "/v1/evidence-exports", body, status, *permissions, **how)


async def current(retention, export):
    """Return the current export."""
    return (await retention.get(f"/v1/evidence-exports/{export['export_id']}")).json()


async def exported(retention, **criteria):
    """Place a hold and return it with an export of it that is ready."""
    hold = await place(retention, **criteria)
    export = await request(retention, hold)
    await retention.running.evidence.work()
    export = await current(retention, export)
    assert export["state"] == "ready", export
    return hold, export


async def download(retention, export, status=200, **claims):
    """Download the package."""
    path = f"/v1/evidence-exports/{export['export_id']}/package"
    return await retention.get(path, status, **claims)


async def book(retention, export, status=201, *permissions, key=None, headers=None, **changes):
    """Book a copy; by default its digest is the package's."""
    body = {**BOOKING, "sha256": export["sha256"], **changes}
    path = f"/v1/evidence-exports/{export['export_id']}/bookings"
    return await send(retention, path, body, status, *permissions, key=key, headers=headers)


async def bookings(retention, export):
    """Return all bookings of an export."""
    path = f"/v1/evidence-exports/{export['export_id']}/bookings"
    return (await retention.get(path)).json()["items"]


async def withdraw(retention, export, status=200, **claims):
    """Give an export up."""
    path = f"/v1/evidence-exports/{export['export_id']}/withdrawal"
    return await retention.post(path, {"reason": "written to no medium"}, status, **claims)
