"""The department that the pages show: people, records, and work that waits, all made through the public API."""

import asyncio
import json
import os
import time
from base64 import b64decode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from local.demo.camera import post
from local.demo.client import Api, Person
from local.demo.department import (
    AGENCY_ORI,
    DEPARTMENT_ORI,
    Department,
    Device,
    Embedded,
    Role,
    join,
    seed,
)
from local.demo.listing import Entry, as_csv, put_in_force
from local.demo.story import Frame
from local.stack.data import environment
from services.audit.domain.audits import Drawn
from services.audit.domain.findings import a_finding
from services.audit.store.audits import Audits
from services.audit.store.findings import Findings
from shared.core.types import Ori
from shared.events import Actor, PeriodFixed
from shared.kafka.event_mac import MacKey
from shared.postgres.database import Database
from shared.postgres.outbox import emit
from tests.e2e.frames import frame, plates

SEEN, PASSED, *LISTED = plates(8)
"""The plates on the list: one that a frame shows, one of a camera's own read, and others that never pass."""

DISPATCHER = Role("p.ortiz", "Pat Ortiz", "Dispatcher", "dispatcher")
INVITED = {
    "username": "n.invited",
    "name": "Nia Invited",
    "title": "Police Officer",
    "agency_ori": DEPARTMENT_ORI,
    "roles": ["officer"],
    "sources": ["department"],
}
WITHIN_S = 120.0
CASE = "26-000412"
WHY = {
    "offence_type": "vehicle theft",
    "case_number": CASE,
    "justification": "Where the stolen vehicle was seen since its owner reported the theft",
}


SAVED = (
    "username", "name", "title", "account_id", "password", "totp_secret", "last_totp_step"
)  # fmt: skip


@dataclass(frozen=True)
class Town:
    """A department with the ids of its records, by the names that the console's routes give them."""

    people: dict[str, Person]
    """One person of each role of the policy; `untrained`, an officer without training on record; and `lieutenant`, the
    second administrator."""

    ids: dict[str, str]
    second_request: str
    """A request that awaits a decision, for the story that approves it."""

    camera: Device

    def save(self, path: Path) -> None:
        """Write it for later runs on the same stack."""
        people = {
            role: {name: getattr(person, name) for name in SAVED}
            for role, person in self.people.items()
        }
        path.write_text(
            json.dumps(
                {
                    "people": people,
                    "ids": self.ids,
                    "second_request": self.second_request,
                    "camera": asdict(self.camera),
                }
            )
        )

    @classmethod
    def load(cls, path: Path, api: Api) -> Self:
        """Read what an earlier run wrote; the people have no session at the API."""
        saved = json.loads(path.read_text())
        people = {role: Person(api, **of) for role, of in saved.pop("people").items()}
        return cls(people, camera=Device(**saved.pop("camera")), **saved)


async def settle(api: Api, folder: Path) -> Town:
    """Make the department on a running stack whose data are in `folder`, with records of every kind that pages show."""
    found = await seed(api, Embedded(folder))
    dispatcher = await join(api, found.administrator, found.trainer, DISPATCHER)
    invited = await found.administrator.must("identity", "POST", "/v1/accounts", json=INVITED)
    entries = [
        Entry(plate, "stolen_vehicle", "Reported stolen") for plate in (SEEN, PASSED, *LISTED)
    ]
    await put_in_force(found.investigator, entries)
    await _pass_by(api, found)
    hits = await _until(lambda: _hits(found.officer), lambda items: len(items) == 2)
    [list_id] = {hit["list_id"] for hit in hits}
    await _upload_fewer(found.investigator, list_id, entries)
    hit = next(hit for hit in hits if hit["plate_read"] == SEEN)
    hold_id, export_id = await _hold(found.investigator, hit["read_id"])
    request_id, second = [await _ask(found.outsider) for _ in range(2)]
    return Town(
        people={
            "officer": found.officer,
            "dispatcher": dispatcher,
            "investigator": found.investigator,
            "alpr_administrator": found.administrator,
            "training_sergeant": found.trainer,
            "custodian": found.custodian,
            "auditor": found.auditor,
            "agency_requester": found.outsider,
            "untrained": found.rookie,
            "lieutenant": found.lieutenant,
        },
        ids={
            "hit_id": hit["hit_id"],
            "read_id": hit["read_id"],
            "list_id": list_id,
            "version": "2",
            "device_id": found.devices[0].device_id,
            "ori": AGENCY_ORI,
            "audit_id": await _draw(folder, found.auditor),
            "period_seq": await _end_period(folder, found.auditor),
            "finding_id": await _raise(folder, found.officer),
            "number": "1",
            "hold_id": hold_id,
            "run_id": await _propose(found.custodian),
            "report_id": await _measure(found.administrator),
            "export_id": export_id,
            "request_id": request_id,
            "account_id": invited["account"]["account_id"],
            "seq": "1",
        },
        second_request=second,
        camera=found.devices[0],
    )


async def _pass_by(api: Api, found: Department) -> None:
    """Let two listed vehicles pass: one in a frame, one in a camera's own read."""
    camera, other = found.devices[:2]
    await post(api, camera, Frame("passing.jpg", frame(SEEN), "image/jpeg"))
    read = {
        "plate": PASSED,
        "source_id": "17",
        "confidence": 0.97,
        "region": "US-CA",
        "captured_at": datetime.now(UTC).isoformat(),
    }
    headers = {"Authorization": f"Bearer {other.credential}"}
    await api.must("ingest", "POST", "/v1/reads", json=[read], headers=headers)


async def _draw(folder: Path, auditor: Person) -> str:
    """Store a sampled audit, which an auditor draws only once a calendar month has ended; returns its id."""
    purpose = await auditor.declare(kind="audit", **WHY)
    asked = {"kind": "access.attempted", "limit": 3}
    found = await _until(
        lambda: auditor.must("audit", "POST", "/v1/entries/search", purpose=purpose, json=asked),
        lambda page: len(page["items"]) == asked["limit"],
    )
    now = datetime.now(UTC)
    drawn = Drawn(
        audit_id=uuid4(),
        period_seq=None,
        occurred_from=now - timedelta(days=30),
        occurred_to=now,
        log_size=found["items"][0]["seq"] + 1,
        root_hash=bytes(32),
        seed=bytes(32),
        population=300,
        drawn_by=Actor(
            person_id=auditor.account_id,
            name=auditor.name,
            title=auditor.title,
            agency_ori=Ori(DEPARTMENT_ORI),
        ),
        drawn_at=now,
    )
    async with _audit(folder) as connection:
        await Audits(connection).add(drawn, [entry["seq"] for entry in found["items"]])
    return str(drawn.audit_id)


async def _end_period(folder: Path, auditor: Person) -> str:
    """Let a period of the audit plan end, as it does with a calendar month; returns its number once it has a report."""
    now = datetime.now(UTC)
    async with _audit(folder) as connection:
        period = PeriodFixed(
            occurred_at=now, occurred_from=now - timedelta(days=30), occurred_to=now
        )
        await emit(connection, "audit", period)
    purpose = await auditor.declare(kind="audit", **WHY)
    path = "/v1/audits/periods"
    found = await _until(
        lambda: auditor.must("audit", "GET", path, purpose=purpose), lambda page: page["items"]
    )
    seq = found["items"][0]["seq"]
    await _until(
        lambda: auditor.ask("audit", "GET", f"{path}/{seq}/report", purpose=purpose),
        lambda answer: answer.is_success,
    )
    return str(seq)


async def _raise(folder: Path, officer: Person) -> str:
    """Store a finding about an officer, as a rule does once the log shows what it watches; returns its id."""
    why = "the hit was not verified; the disposition states a reason"
    finding = a_finding(
        "unverified_enforcement", officer.account_id, datetime.now(UTC), seq=1, why=why
    )
    async with _audit(folder) as connection:
        await Findings(connection, "audit").raise_once(finding)
    return str(finding.finding_id)


@asynccontextmanager
async def _audit(folder: Path) -> AsyncIterator[AsyncConnection]:
    """Open a transaction of the audit service."""
    settings = environment(folder, os.environ, "audit")
    mac_key = MacKey("audit", b64decode(settings["EVENT_MAC_KEY"]))
    database = Database(settings["DATABASE_URL"], "audit", mac_key=mac_key)
    async with database.begin() as connection:
        yield connection
    await database.engine.dispose()


async def _hits(officer: Person) -> list[dict[str, Any]]:
    page = await officer.must("hotlist", "GET", "/v1/hits")
    return list(page["items"])


async def _upload_fewer(person: Person, list_id: str, entries: list[Entry]) -> None:
    """Upload a version that loses most of the list, so that it awaits a second person."""
    await person.must(
        "hotlist",
        "POST",
        f"/v1/lists/{list_id}/versions",
        content=as_csv(entries[:1]).encode(),
        headers={"Content-Type": "text/csv"},
    )


async def _hold(person: Person, read_id: str) -> tuple[str, str]:
    """Hold a read, and export it; returns the ids of the hold and of the finished export."""
    purpose = await person.declare(kind="criminal_investigation", **WHY)
    await _until(  # hotlist may match a read before retention stores it
        lambda: person.ask("retention", "GET", f"/v1/reads/{read_id}", purpose=purpose),
        lambda answer: answer.is_success,
    )
    hold = await person.must(
        "retention",
        "POST",
        "/v1/holds",
        purpose=purpose,
        json={
            "basis": "criminal_action",
            "case_number": CASE,
            "description": "Theft on Solano Street, the stolen vehicle",
            "criteria": {"read_ids": [read_id]},
        },
    )
    export = await person.must(
        "retention",
        "POST",
        "/v1/evidence-exports",
        purpose=purpose,
        json={"hold_id": hold["hold_id"]},
        headers={"Idempotency-Key": "the-first-export-of-the-tests"},
    )
    path = f"/v1/evidence-exports/{export['export_id']}"
    await _until(
        lambda: person.must("retention", "GET", path, purpose=purpose),
        lambda now: now["state"] == "ready",
    )
    return hold["hold_id"], export["export_id"]


async def _propose(custodian: Person) -> str:
    """Propose a standing order for daily purges; returns its id."""
    body = {"kind": "standing", "reason": "The schedule that the council adopted"}
    return str((await custodian.must("retention", "POST", "/v1/purge-runs", json=body))["run_id"])


async def _measure(administrator: Person) -> str:
    """Request a report on accuracy; returns its id."""
    now = datetime.now(UTC)
    report = await administrator.must(
        "retention",
        "POST",
        "/v1/accuracy-reports",
        purpose=await administrator.declare(kind="system_maintenance", **WHY),
        json={
            "captured_from": (now - timedelta(days=1)).isoformat(),
            "captured_to": now.isoformat(),
        },
        headers={"Idempotency-Key": "the-first-report-of-the-tests"},
    )
    return str(report["report_id"])


async def _ask(requester: Person) -> str:
    """File a request for a release."""
    now = datetime.now(UTC)
    body = {
        "purpose": "Where the stolen vehicle was seen, for the county's theft case",
        "purpose_kind": "stolen_or_wanted_vehicle",
        "case_number": "TCS-26-0417",
        "offence_type": "vehicle theft",
        "criteria": {
            "captured_from": (now - timedelta(days=1)).isoformat(),
            "captured_to": now.isoformat(),
            "plate": PASSED,
        },
    }
    filed = await requester.must("release", "POST", "/v1/requests", json=body)
    return str(filed["request_id"])


async def _until(look: Callable[[], Awaitable[Any]], is_done: Callable[[Any], bool]) -> Any:
    """Return what `look` finds once it is done. Raises: TimeoutError."""
    deadline = time.monotonic() + WITHIN_S
    while not is_done(found := await look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"still {found}")
        await asyncio.sleep(0.3)
    return found
