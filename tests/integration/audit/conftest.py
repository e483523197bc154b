"""The audit service in process, on a real Postgres."""

from base64 import b64encode
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from services.audit.actions.verify import verify_stored
from services.audit.main import build_app
from services.audit.service import AuditService
from services.audit.settings import Settings
from services.audit.workers.scheduler import Scheduler
from services.audit.workers.watch import Watch
from services.registry import SPECS
from shared.core.permissions import Permission
from shared.events import (
    AccessAttempted,
    Actor,
    DisclosedDay,
    DisclosedRecord,
    FindingRaised,
    PurposeRecord,
    ReadCorrected,
    RecordsDisclosed,
)
from shared.kafka.topics import TOPICS
from shared.service.api_runtime import ApiRuntime
from shared.service.running import service_of
from shared.testing import all_mac_keys, mac_key_text
from tests.integration.serving import client_of, started

SEED = bytes(range(32))
VALUES_KEY = bytes(range(32, 64))
AUDITOR = "00000000-0000-4000-8000-000000000301"
SUPERVISOR = "00000000-0000-4000-8000-000000000302"
DRAWER = "00000000-0000-4000-8000-000000000303"
OFFICER = "00000000-0000-4000-8000-000000000007"


@pytest.fixture
def audit_settings(settings):
    return Settings(
        **settings.model_dump() | {"event_mac_key": mac_key_text("audit")},
        audit_event_mac_keys=all_mac_keys(),
        audit_signing_key=b64encode(SEED).decode(),
        audit_values_key=b64encode(VALUES_KEY).decode(),
        audit_checkpoint_s=3600,
        audit_watch_s=3600,
        audit_stall_minutes=5,
    )


@pytest.fixture
async def runtime(audit_settings, bus, objects, clock, authority, policy):
    return ApiRuntime(
        SPECS["audit"],
        audit_settings,
        bus=bus,
        objects=objects,
        clock=clock,
        people=authority.people,
        policy=policy,
    )


@pytest.fixture
async def app(runtime):
    async with started(build_app, runtime) as app:
        yield app


@pytest.fixture
def writer(app):
    return service_of(app, AuditService).writer


@pytest.fixture
def watch(app, runtime):
    return Watch(runtime, runtime.settings)


@pytest.fixture
async def client(app):
    async with client_of(app, "audit") as client:
        yield client


@pytest.fixture
def auditor(authority):
    """Headers of an auditor who declared an audit, or something else."""

    def headers(kind="audit", account_id=AUDITOR, **claims):
        token = authority.access_token(
            (Permission.AUDIT_READ, Permission.AUDIT_WORK),
            account_id=account_id,
            **{"name": "Alex Auditor", "title": "Auditor", **claims},
        )
        found = {"Authorization": f"Bearer {token}"}
        if kind is not None:
            found["X-ALPR-Purpose"] = authority.purpose_token(
                account_id=account_id, kind=kind, case_number=None, offence_type=None
            )
        return found

    return headers


@pytest.fixture
def deliver(bus, writer, runtime):
    """Publishes events as other services do, and has audit consume them along with its own."""

    async def send(*events):
        await runtime.relay.drain()
        await bus.publish(events)
        audited = {topic.name for topic in TOPICS.values() if topic.audited}
        bus.records = [record for record in bus.records if record.topic in audited]
        await bus.deliver_whole(writer.append)

    return send


@pytest.fixture
def findings(runtime, bus, watch, deliver):
    """Reviews the log; returns the newly raised findings."""

    async def raise_new():
        bus.records.clear()
        await watch.catch_up()
        await runtime.relay.drain()
        raised = bus.events(FindingRaised)
        await deliver()
        return raised

    return raise_new


@pytest.fixture
def query(runtime):
    """Look into the tables."""

    async def ask(statement, **values):
        async with runtime.db.begin() as connection:
            return (await connection.execute(text(statement), values)).all()

    return ask


@pytest.fixture
def verdict(runtime):
    """Recompute the log."""

    async def recount(*outside_notes):
        settings = runtime.settings
        async with runtime.db.begin() as connection:
            return await verify_stored(
                connection,
                settings.log_origin,
                [settings.signers[0].verifier],
                outside_notes,
                cadence=settings.cadence,
                now=runtime.clock.now(),
            )

    return recount


@pytest.fixture
def sound(writer, verdict):
    """Sign the current log and recompute it; return the verdict, which has no faults."""

    async def recount():
        await writer.sign_if_grown()
        found = await verdict()
        assert found.ok, found.faults
        assert found.unsigned_entries == 0
        return found

    return recount


@pytest.fixture
def ask_as_owner(as_owner):
    """Ask the same as the role that owns the tables."""

    async def ask(statement):
        async with as_owner("audit") as connection:
            await connection.execute(text(statement))

    return ask


@pytest.fixture
def tamper(as_owner):
    """Writes with the rights of the tables' owner, with the triggers off."""

    async def write(table, statement, **values):
        async with as_owner("audit") as connection:
            await connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
            await connection.execute(text(statement), values)
            await connection.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))

    return write


@pytest.fixture
def go_to(clock):
    """Let it be that moment."""
    return lambda at: clock.advance(seconds=(at - clock.now()).total_seconds())


@pytest.fixture
def signed(deliver, writer, clock):
    """Append something to the log and sign a checkpoint; return it."""

    async def sign():
        await deliver(an_attempt(clock, allowed=False))
        assert await writer.sign_if_grown()

    return sign


@pytest.fixture
def fix(writer, runtime, go_to, signed):
    """Lets a month end; returns the number of the entry that fixes it. The seed is signed by default."""
    scheduler = Scheduler(runtime, runtime.settings, writer)

    async def end(at, *, checkpoints=2):
        go_to(at + timedelta(seconds=5))
        assert await scheduler.fix_periods() == 1
        for _ in range(checkpoints):
            await signed()

    return end


@pytest.fixture
def periods(client, auditor):
    """Return the periods that have ended, newest first."""

    async def ask():
        response = await client.get("/v1/audits/periods", headers=auditor())
        assert response.status_code == 200, response.text
        return response.json()["items"]

    return ask


@pytest.fixture
def draw_of(client, auditor):
    """Draw the sample of a period; return the answer."""

    async def ask(seq, account_id=DRAWER):
        return await client.post(
            "/v1/audits", json={"period_seq": seq}, headers=auditor(account_id=account_id)
        )

    return ask


@pytest.fixture
def exported(client, auditor, tmp_path, deliver):
    """Take the whole log out; return where to."""

    async def export():
        await deliver()
        response = await client.post("/v1/exports", json={}, headers=auditor())
        assert response.status_code == 200, response.text
        path = tmp_path / "log.jsonl"
        path.write_bytes(response.content)
        return path

    return export


def an_actor(person_id=OFFICER, name="Officer Seven"):
    return Actor(person_id=person_id, name=name, title="Police Officer", agency_ori="CA0520100")


def an_attempt(clock, **changes):
    """Return an attempt to search for a plate."""
    return AccessAttempted(
        **{
            "occurred_at": clock.now(),
            "attempt_id": uuid4(),
            "actor": an_actor(),
            "service": "retention",
            "permission": "record:search",
            "method": "POST",
            "route": "/v1/records/search",
            "elements": {"body": {"plate": "7abc-123"}},
            "allowed": True,
            "request_id": str(uuid4()),
            "client_address": "192.0.2.7",
            "purpose": PurposeRecord(
                kind="criminal_investigation", offence_type="theft", case_number="26-001234"
            ),
            **changes,
        }
    )


def a_correction(at, before, plate, *, captured_on=None, read_id=None, actor=None):
    """Return the correction of a read of one plate to another, or to none."""
    return ReadCorrected(
        occurred_at=at,
        actor=actor or an_actor(),
        correction_id=uuid4(),
        read_id=read_id or uuid4(),
        captured_on=captured_on or at.date(),
        plate_before=before,
        plate=plate,
        reason="The picture shows another plate",
    )


def a_disclosure(
    clock, attempt, *, record_ids=("r1", "r2"), plates=("7ABC123", "8XYZ999"), day=None, **changes
):
    """Return a disclosure of an attempt; each record has a plate, and the last one all further plates."""
    shown = [
        DisclosedRecord(
            record_id=record_id,
            plates=list(plates[n : n + 1] if n + 1 < len(record_ids) else plates[n:]),
        )
        for n, record_id in enumerate(record_ids)
    ]
    return RecordsDisclosed(
        **{
            "occurred_at": clock.now(),
            "attempt_id": attempt.attempt_id,
            "actor": attempt.actor,
            "service": attempt.service,
            "permission": attempt.permission,
            "record_kind": "read",
            "records": [
                DisclosedDay(captured_on=day or clock.now().date() - timedelta(days=1), shown=shown)
            ],
            "count": len(shown),
            "request_id": attempt.request_id,
            "purpose": attempt.purpose,
            **changes,
        }
    )
