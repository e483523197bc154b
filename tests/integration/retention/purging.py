"""Purge runs as tests propose, authorise and execute them."""

from datetime import UTC, datetime, timedelta

from shared.objects.purge_list import ListReader, Page

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


DUE = NOON - timedelta(days=400)  # 27 April 2025


CUSTODIAN = "00000000-0000-4000-8000-0000000000c1"


ADMINISTRATOR = "00000000-0000-4000-8000-0000000000a1"


PROPOSER = {"account_id": CUSTODIAN, "name": "C. Records", "title": "Custodian of Records"}


EXECUTOR = {
    "account_id": "00000000-0000-4000-8000-0000000000a2",
    "name": "Lt. B",
    "title": "Lieutenant",
}


AUTHORISER = {"account_id": ADMINISTRATOR, "name": "Sgt. A", "title": "Administration Sergeant"}


async def propose(retention, status=201, **body):
    body = {"kind": "single", "reason": "past the schedule", **body}
    return await retention.post("/v1/purge-runs", body, status, **PROPOSER)


async def authorise(retention, run, status=200, **claims):
    path = f"/v1/purge-runs/{run['run_id']}/authorisation"
    return await retention.post(path, {"note": "reviewed"}, status, **{**AUTHORISER, **claims})


async def execute(retention, run, status=202, **claims):
    path = f"/v1/purge-runs/{run['run_id']}/execution"
    return await retention.post(path, None, status, **{**EXECUTOR, **claims})


async def purge(retention, **body):
    """Propose, authorise, execute and carry out a purge; return the run afterwards."""
    run = await propose(retention, **body)
    await authorise(retention, run)
    await execute(retention, run)
    await retention.running.purger.work()
    return (await retention.get(f"/v1/purge-runs/{run['run_id']}")).json()


async def left(retention, table="reads"):
    rows = await retention.fetch(f"SELECT plate_as_read FROM {table} ORDER BY 1")
    return [row[0] for row in rows]


def records(*events):
    """Return kinds and digests of reads and captures, in the order of a list."""
    reads = [event.read_id for event in events if hasattr(event, "read_id")]
    captures = [event.capture.capture_id for event in events if not hasattr(event, "read_id")]
    pages = (Page.of("capture", captures), Page.of("read", reads))
    return [(page.kind, digest) for page in pages for digest in page.digests]


async def listed(retention, event):
    """Return the records in the list of a `records.purged`: the destroyed ones, and those that holds retain."""
    reader = ListReader(retention.objects, event.run_id, event.purge_list)
    return tuple(
        [
            [(page.kind, digest) async for page in reader.section(name) for digest in page.digests]
            for name in ("purged", "held")
        ]
    )
