"""Purges whole: the run, its certificate and its entries in the log, each step by another person at another time."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec
import pytest
from sqlalchemy import text

from services.retention.domain.signing import canonical
from shared.events import PurgeChanged, RecordsPurged
from shared.postgres.database import Database
from tests.integration.migrating import made_anew, moved_to
from tests.integration.retention.checkpoints import heard
from tests.integration.retention.conftest import JPEG, a_capture
from tests.integration.retention.holding import place
from tests.integration.retention.packaging import a_pictured_read
from tests.integration.retention.purging import (
    AUTHORISER,
    DUE,
    EXECUTOR,
    NOON,
    PROPOSER,
    authorise,
    execute,
    propose,
)

ORI = "CA0520100"
PEOPLE = [
    {"person_id": who["account_id"], "name": who["name"], "title": who["title"], "agency_ori": ORI}
    for who in (PROPOSER, AUTHORISER, EXECUTOR)
]
SOFTWARE = {
    "person_id": "system:retention", "name": "retention", "title": "software", "agency_ori": ORI,
}  # fmt: skip


def hour(number):
    """Return the time of a step, in the form of answers and events."""
    return (NOON + timedelta(hours=number)).isoformat().replace("+00:00", "Z")


def plain(moment):
    """Return a time of an answer as certificates and details of events write it."""
    return moment.replace("Z", "+00:00")


async def entries(retention, kind):
    """Return the events of a type as the log has them, without their own ids."""
    found = [msgspec.to_builtins(event) for event in await retention.emitted(kind)]
    return [{name: one[name] for name in one if name != "event_id"} for one in found]


def signed_by(person, at):
    return {**{name: person[name] for name in ("person_id", "name", "title")}, "at": plain(at)}


async def old_records(retention):
    """Store two reads with frames past the schedule, one that a hold keeps, and a frame without a plate."""
    await a_pictured_read(retention, "7ABC121", datetime(2025, 2, 10, 12, tzinfo=UTC))
    await a_pictured_read(retention, "7ABC122", DUE - timedelta(days=2))
    await a_pictured_read(retention, "7ABC123", DUE - timedelta(days=1))
    frame = a_capture(DUE - timedelta(days=3), outcome="no_plate")
    await retention.objects.put(frame.capture.image.object_key, JPEG)
    await retention.store(frame)
    await place(retention, plate="7ABC123")


COUNTS = {
    "reads": 2, "captures": 3, "objects": 5, "kept_under_hold": 2, "months_dropped": ["2025_02"],
}  # fmt: skip


@pytest.mark.clause("468.5/schedule")
async def test_a_single_run_is_on_file_certified_and_in_the_log_with_every_particular(retention):
    checkpoint = await heard(retention, 9)
    await old_records(retention)
    run = await propose(retention)
    of, path = {"run_id": run["run_id"]}, f"/v1/purge-runs/{run['run_id']}"
    for step in (authorise, execute):
        retention.clock.advance(hours=1)
        await step(retention, run)
    retention.clock.advance(hours=1)
    await retention.running.purger.work()

    proposer, authoriser, executor = PEOPLE
    policy = retention.runtime.policy
    basis = {
        "floor_days": 365, "schedule_days": 400, "schedule_id": "CPD-RS-2026-04", "schedule_in_force_from": "2026-01-01",
        "resolution_id": "Corning City Council Resolution 2026-011",
        "attorney_consent_id": "City Attorney consent 2026-01-20",
    }  # fmt: skip
    before = "2025-04-27T12:00:00Z"
    shown = {
        **of, "kind": "single", "state": "certified", "before": before, "day": None, "standing_id": None,
        "basis": basis, "reason": "past the schedule", "proposed_by": proposer, "proposed_at": hour(0),
        "decided_by": authoriser, "decided_at": hour(1), "decision_note": "reviewed",
        "withdrawn_by": None, "withdrawn_at": None, "withdrawal_note": None, "executed_by": executor,
        "started_at": hour(2), "executed_at": hour(3), "certified_at": hour(3), **COUNTS, "orphans": 0,
        "orphans_left": 0, "odd_objects": 2, "swept_at": hour(3),
    }  # fmt: skip
    assert (await retention.get(path)).json() == shown
    [listed] = (await retention.get("/v1/purge-runs")).json()["items"]
    assert listed == shown
    certificate = (await retention.get(f"{path}/certificate")).json()
    [purged] = await entries(retention, RecordsPurged)
    purge_list = purged.pop("purge_list")
    assert (purge_list["purged"], purge_list["held"]) == (5, 2)
    without_record = {
        "captured_before": "2025-04-25T12:00:00+00:00", "deleted": 0, "kept_in_doubt": 0, "odd": 2,
        "swept": plain(hour(3)),
    }  # fmt: skip
    whole = {
        "certificate": "destruction of ALPR records",
        "agency": {"name": policy.department.name, "ori": ORI},
        **of,
        "kind": "single",
        "under_standing_leave": None,
        "captured_before": plain(before),
        "basis": basis,
        "proposed": signed_by(proposer, hour(0)),
        "authorised": signed_by(authoriser, hour(1)),
        "executed": signed_by(executor, hour(3)),
        "destroyed": COUNTS,
        "without_record": without_record,
        "purge_list": purge_list,
        "policy": {"version": policy.version, "digest": policy.digest},
        "checkpoint": checkpoint,
        "certified_at": plain(hour(3)),
        "signature": certificate["signature"],
    }
    assert certificate == whole
    counted = ("reads", "captures", "objects", "kept_under_hold")
    assert purged == {
        **of, "before": before, "occurred_at": hour(3), **{name: COUNTS[name] for name in counted},
    }  # fmt: skip
    certified = {
        "key_id": certificate["signature"]["key_id"],
        "certificate_sha256": sha256(canonical(certificate)).hexdigest(),
        "without_record": without_record,
    }
    assert await entries(retention, PurgeChanged) == [
        {
            **of,
            "change": change,
            "actor": actor,
            "occurred_at": at,
            "details": {"kind": "single", "before": plain(before), **details},
        }
        for change, actor, at, details in (
            ("proposed", proposer, hour(0), {"basis": basis, "reason": "past the schedule"}),
            ("authorised", authoriser, hour(1), {"basis": basis, "note": "reviewed"}),
            ("executed", executor, hour(3), COUNTS),
            ("certified", executor, hour(3), certified),
        )
    ]


@pytest.mark.clause("468.5/schedule")
async def test_a_standing_order_and_its_daily_run_name_who_ordered_them_and_who_ended_them(
    retention,
):
    await old_records(retention)
    order = await propose(retention, kind="standing")
    retention.clock.advance(hours=1)
    order = await authorise(retention, order)
    retention.clock.advance(hours=1)
    await retention.running.purger.work()
    schedule = (await retention.get("/v1/schedule")).json()
    listed = (await retention.get("/v1/purge-runs")).json()["items"]
    run, _ = listed
    assert [one["run_id"] for one in listed] == [run["run_id"], order["run_id"]]
    proposer, authoriser, _ = PEOPLE
    before = (DUE + timedelta(hours=2)).isoformat().replace("+00:00", "Z")
    assert order == {
        **order, "kind": "standing", "state": "authorised", "before": None, "proposed_by": proposer,
        "proposed_at": hour(0), "decided_by": authoriser, "decided_at": hour(1), "decision_note": "reviewed",
    }  # fmt: skip
    assert schedule == {
        "basis": order["basis"], "missing": [], "due_before": before, "overdue_months": [], "standing": order,
    }  # fmt: skip
    assert run == {
        **run, "day": "2026-06-01", "standing_id": order["run_id"], "before": before, "state": "certified",
        "basis": order["basis"], "reason": f"daily, under {order['run_id']}", "proposed_by": proposer,
        "proposed_at": hour(0), "decided_by": authoriser, "decided_at": hour(1), "decision_note": None,
        "executed_by": SOFTWARE, "started_at": hour(2), **COUNTS,
    }  # fmt: skip
    certificate = (await retention.get(f"/v1/purge-runs/{run['run_id']}/certificate")).json()
    assert certificate == {
        **certificate, "kind": "daily", "under_standing_leave": order["run_id"], "captured_before": plain(before),
        "proposed": signed_by(proposer, hour(0)), "authorised": signed_by(authoriser, hour(1)),
        "executed": signed_by(SOFTWARE, hour(2)),
    }  # fmt: skip
    retention.clock.advance(hours=1)
    await propose(retention)
    page = (await retention.get("/v1/purge-runs?limit=1")).json()
    page = (await retention.get(f"/v1/purge-runs?limit=1&after={page['next']}")).json()
    assert page["items"] == [run], "a daily run is as new as its day"
    path = f"/v1/purge-runs/{order['run_id']}"
    note = {"note": "litigation expected"}
    withdrawn = await retention.post(f"{path}/withdrawal", note, **EXECUTOR)
    assert withdrawn == order | {
        "state": "withdrawn", "withdrawn_by": PEOPLE[2], "withdrawn_at": hour(3),
        "withdrawal_note": "litigation expected",
    }  # fmt: skip
    [*_, ended] = await entries(retention, PurgeChanged)
    assert ended == {
        "run_id": order["run_id"], "change": "refused", "actor": PEOPLE[2], "occurred_at": hour(3),
        "details": {"kind": "standing", "before": None, "basis": order["basis"], **note, "withdrawn": True},
    }  # fmt: skip
    assert (await retention.get("/v1/schedule")).json()["standing"] is None


RUN = """
    INSERT INTO purge_runs (run_id, kind, state, before, day, standing_id, basis, reason, proposed_by, proposed_at,
        decided_by, decided_at, decision_note)
    VALUES (gen_random_uuid(), :kind, :state, CASE WHEN :kind <> 'standing' THEN now() END,
        CASE WHEN :kind = 'daily' THEN date '2026-06-01' + CAST(:day AS integer) END, CAST(:under AS uuid), '{}', 'x',
        '"proposer"', now(), to_jsonb(CAST(:by AS text)), now(), :note) RETURNING run_id
"""
ENDS = """
    SELECT kind, decided_by, decision_note, withdrawn_by, withdrawal_note, withdrawn_at IS NOT NULL
    FROM purge_runs ORDER BY kind, day, state
"""


async def test_an_upgrade_parts_a_withdrawal_from_the_authorisation_in_whose_place_it_was(
    database_url, repository
):
    migrations = repository / "services/retention/migrations"
    db = Database(database_url, "retention")
    async with db.begin() as connection:
        await made_anew(connection, "retention", migrations, "retention_0032")

        async def add(kind, state, by, note, day=0, under=None):
            row = {"kind": kind, "state": state, "by": by, "note": note, "day": day, "under": under}
            return (await connection.execute(text(RUN), row)).scalar_one()

        order = await add("standing", "withdrawn", "withdrawer", "stop")
        await add("single", "authorised", "authoriser", "compared")
        await add("single", "withdrawn", "withdrawer", "a court case")
        await add("daily", "withdrawn", "authoriser", None, 0, order)
        await add("daily", "withdrawn", "second withdrawer", "this day", 1, order)
        await add("daily", "certified", "authoriser", None, 2, order)
        await connection.run_sync(moved_to, migrations, "head")
        found = [tuple(row) for row in await connection.execute(text(ENDS))]
    assert found == [
        ("daily", "authoriser", None, "withdrawer", "stop", True),
        ("daily", None, None, "second withdrawer", "this day", True),
        ("daily", "authoriser", None, None, None, False),
        ("single", "authoriser", "compared", None, None, False),
        ("single", None, None, "withdrawer", "a court case", True),
        ("standing", None, None, "withdrawer", "stop", True),
    ]
    await db.close()
