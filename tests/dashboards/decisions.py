"""What people decide or leave undone, so that rules fire."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import httpx

from local.demo.listing import PURPOSE, Entry, as_csv
from local.demo.searches import CANVASS
from shared.testing import eventually
from tests.dashboards.faults import objects_away, owner
from tests.dashboards.posts import forged
from tests.dashboards.site import Site, command
from tests.e2e.frames import plates

SEARCHES = 60
"""Searches that are asked at once."""
RUNS = "/v1/purge-runs"
REVIEWED = {"note": "Reviewed against the adopted schedule"}
POLICY = "policy.toml"
"""In the stack's folder: a copy that a trial may change."""
SCHEDULE, LONGER = "schedule_days = 400", "schedule_days = 430"


@asynccontextmanager
async def old_extract(site: Site) -> AsyncIterator[None]:
    """Put a version in force whose extract is old; at the end, one of now."""
    person = site.department.investigator
    made = await person.must(
        "hotlist", "POST", "/v1/lists", json={"name": "County list", "source": "department"}
    )
    path = f"/v1/lists/{made['list_id']}/versions"
    old = (datetime.now(UTC) - timedelta(days=90)).isoformat()
    content = as_csv([Entry("7QLD123", "stolen_vehicle", "Reported stolen")]).encode()
    csv = {"content": content, "headers": {"Content-Type": "text/csv"}}
    purpose = await person.declare(**PURPOSE)
    await person.must(
        "hotlist", "POST", path, params={"as_of": old, "activate": "true"}, purpose=purpose, **csv
    )
    yield
    await person.must("hotlist", "POST", path, params={"activate": "true"}, **csv)


@asynccontextmanager
async def finding_open(site: Site) -> AsyncIterator[None]:
    """Have audit raise a finding; at the end the auditor closes all."""
    await forged(site, "ingest")
    yield
    await close_findings(site)


async def close_findings(site: Site) -> None:
    """Close every open finding, as the auditor does."""
    auditor = site.department.auditor
    purpose = await auditor.declare(
        kind="audit",
        offence_type="periodic audit",
        case_number="AUD-2026-02",
        justification="Weekly review of what the log has observed",
    )
    found = await auditor.must("audit", "GET", "/v1/findings", purpose=purpose)
    for one in found["items"]:
        if one["status"] != "closed":
            await auditor.must(
                "audit", "POST", f"/v1/findings/{one['finding_id']}/closure", purpose=purpose,
                json={"outcome": "explained", "note": "A trial of the alerting rules"},
            )  # fmt: skip


@asynccontextmanager
async def findings_refused(site: Site) -> AsyncIterator[None]:
    """Have the receiver of findings refuse one; at the end it accepts, and a person sends dead letters again."""
    site.findings.answer = HTTPStatus.NOT_FOUND
    await forged(site, "release")
    try:
        yield
    finally:
        site.findings.answer = HTTPStatus.OK
        replay = ("notices", "--replay", "webhook", "--folder", str(site.folder))
        await command("plateward", *replay, environment=os.environ)
        await close_findings(site)


@asynccontextmanager
async def package_without_store(site: Site) -> AsyncIterator[None]:
    """Request evidence of a vehicle that passes again and again, while the object store is away."""
    custodian = site.department.custodian
    now = datetime.now(UTC)
    purpose = await custodian.declare(
        kind="criminal_investigation",
        offence_type="robbery",
        case_number="26-000815",
        justification="Records that are evidence in this case",
    )
    hold = await custodian.must(
        "retention", "POST", "/v1/holds", purpose=purpose,
        json={
            "basis": "evidence",
            "case_number": "26-000815",
            "description": "Robbery at Solano Street",
            "criteria": {
                "plate": plates(1)[0],
                "captured_from": (now - timedelta(hours=1)).isoformat(),
                "captured_to": now.isoformat(),
            },
        },
    )  # fmt: skip
    async with objects_away(site):
        await custodian.must(
            "retention", "POST", "/v1/evidence-exports", purpose=purpose,
            json={"hold_id": hold["hold_id"]}, headers={"Idempotency-Key": str(hold["hold_id"])},
        )  # fmt: skip
        yield


@asynccontextmanager
async def purges_ordered(site: Site) -> AsyncIterator[None]:
    """Order daily purges; at the end the order is withdrawn."""
    run = await _daily_purges(site)
    try:
        yield
    finally:
        await _withdraw(site, run)


@asynccontextmanager
async def schedule_changed(site: Site) -> AsyncIterator[None]:
    """Order daily purges, then restart retention with another schedule; at the end it has the former one again."""
    await _daily_purges(site)
    policy = site.folder / POLICY
    text = policy.read_text()
    assert text.count(SCHEDULE) == 1, "the policy has another schedule"
    policy.write_text(text.replace(SCHEDULE, LONGER))
    await _restarted(site, "retention", "livez")  # not ready: the others have another policy
    yield
    policy.write_text(text)
    await _restarted(site, "retention", "readyz")


@asynccontextmanager
async def month_overdue(site: Site) -> AsyncIterator[None]:
    """Have a month past the schedule, as a restore of old tables brings it; at the end a purge destroys it."""
    async with owner(site) as connection:
        await connection.execute("SET search_path = retention")
        await connection.execute("SELECT make_month($1)", datetime.now(UTC) - timedelta(days=900))
    yield
    path = await _authorised(site, "single", "Records past the schedule")
    await site.department.lieutenant.must("retention", "POST", f"{path}/execution")


async def _daily_purges(site: Site) -> str:
    """Order daily purges; return the path of the order."""
    return await _authorised(site, "standing", "Schedule CPD-RS-2026-04, adopted")


async def _authorised(site: Site, kind: str, reason: str) -> str:
    """Have a purge proposed and authorised; return its path."""
    people = site.department
    body = {"kind": kind, "reason": reason}
    run = await people.custodian.must("retention", "POST", RUNS, json=body)
    path = f"{RUNS}/{run['run_id']}"
    await people.administrator.must("retention", "POST", f"{path}/authorisation", json=REVIEWED)
    return path


async def _withdraw(site: Site, path: str) -> None:
    await site.department.administrator.must(
        "retention", "POST", f"{path}/withdrawal", json=REVIEWED
    )


async def _restarted(site: Site, part: str, probe: str) -> None:
    """End a part, which the stack starts again, and wait until its probe answers 200."""
    before = site.pids(part)[0]
    os.kill(before, signal.SIGTERM)

    async def again() -> bool:
        async with httpx.AsyncClient(timeout=5) as client:
            with suppress(httpx.HTTPError):
                ready = (await client.get(f"{site.urls[part]}/{probe}")).is_success
                return ready and site.pids(part)[0] != before
        return False

    await eventually(again, within_s=120, every_s=0.5)


@asynccontextmanager
async def lists_withdrawn(site: Site) -> AsyncIterator[None]:
    """Withdraw each list from force; at the end each former version is in force again."""
    person = site.department.investigator
    found = (await person.must("hotlist", "GET", "/v1/lists"))["items"]
    in_force = [one for one in found if one["active_version"] is not None]
    note = {"reason": "A trial of the alerting rules"}
    for one in in_force:
        await person.must("hotlist", "POST", f"/v1/lists/{one['list_id']}/withdrawal", json=note)
    try:
        yield
    finally:
        for one in in_force:
            path = f"/v1/lists/{one['list_id']}/versions/{one['active_version']}/activation"
            purpose = await person.declare(**PURPOSE)
            await person.must("hotlist", "POST", path, purpose=purpose)


async def many_search(site: Site) -> None:
    """Ask many heavy searches at once, of which most find no place in the queue."""
    investigator = site.department.investigator
    purpose = await investigator.declare(**CANVASS)
    now = datetime.now(UTC)
    body = {
        "plate": "7S*",
        "captured_from": (now - timedelta(days=30)).isoformat(),
        "captured_to": now.isoformat(),
        "limit": 5,
    }
    await asyncio.gather(
        *(
            investigator.ask("retention", "POST", "/v1/reads/search", purpose=purpose, json=body)
            for _ in range(SEARCHES)
        ),
        return_exceptions=True,
    )
