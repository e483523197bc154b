"""The end of files: after the policy's years, as retention frees them, with an event, never earlier (ADR-0120)."""

import asyncio
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.release.actions.file_ends import end_files
from services.release.events import Handlers
from services.release.store.file_ends import FileEnds
from services.release.workers.expiry import expire_due
from shared.core.errors import Unavailable
from shared.events import Actor, DocumentDestroyed, ReleaseDestroyed, ReleaseFreed, ReleaseLapsed
from shared.testing import eventually
from tests.integration.release.conftest import FBI, LIEUTENANT, PDF, RENO, SHERIFF, a_request

pytestmark = pytest.mark.clause("468.7(c)/end-of-file")

TIMES = {
    "requests": ("filed_at",),
    "moves": ("moved_at",),
    "decisions": ("decided_at", "expires_at"),
    "packages": ("packaged_at",),
    "failures": ("failed_at",),
    "receipts": ("received_at",),
    "documents": ("uploaded_at",),
}
FILE = ("requests", "decisions", "packages", "receipts")
YEARS = 3 * 366  # days


@pytest.fixture
def age(as_owner, clock):
    """Let all that is on file have happened so long ago, by the database's clock; the service's is years ahead."""

    async def make(by, times=TIMES):
        async with as_owner("release") as connection:
            for table, columns in times.items():
                await connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
                for column in columns:
                    await connection.execute(
                        text(
                            f"UPDATE {table} SET {column} = now() - CAST(CAST(:by AS text) AS interval)"
                            f" WHERE {column} IS NOT NULL"
                        ),
                        {"by": by},
                    )
                await connection.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))

    clock.advance(days=YEARS)
    return make


@pytest.fixture
def query(runtime):
    async def run(sql, **values):
        async with runtime.db.begin() as connection:
            return list(await connection.execute(text(sql), values))

    return run


@pytest.fixture
def rows(query):
    """Returns the number of rows in some tables."""

    async def count(*tables):
        return [(await query(f"SELECT count(*) FROM {table}"))[0][0] for table in tables]

    return count


@pytest.fixture
def free(runtime, clock):
    """Deliver retention's answer, made so long ago."""

    async def answer(request_id, ago=timedelta(0)):
        event = ReleaseFreed(occurred_at=clock.now() - ago, request_id=UUID(str(request_id)))
        await Handlers(runtime).freed([event])
        return event

    return answer


@pytest.fixture
def received(filed, with_authority, decide, reviewer, packaged, client, requester, runtime, clock):
    """A request of a federal agency whose package was downloaded, and has expired."""

    async def receive():
        request_id = await filed(FBI, legal_authority=await with_authority(FBI))
        await decide(request_id)
        await decide(request_id, headers=reviewer(LIEUTENANT))
        await packaged(request_id)
        path = f"/v1/requests/{request_id}/package"
        assert (await client.get(path, headers=requester(FBI))).status_code == 200
        clock.advance(days=15)
        assert await expire_due(runtime) == 1
        return request_id

    return receive


@pytest.fixture
def denied(filed, decide):
    """A request that was denied."""

    async def deny():
        request_id = await filed()
        await decide(request_id, "deny")
        return request_id

    return deny


async def test_a_file_ends_whole_after_two_years_with_events_that_name_no_plate(
    received,
    denied,
    age,
    runtime,
    rows,
    query,
    announced,
    free,
    objects,
    client,
    reviewer,
    policy,
    clock,
):
    request_id = await received()
    [before] = await query(
        "SELECT document_id, (SELECT sha256 FROM packages) AS sha256 FROM requests"
    )
    await age("2 years")
    await end_files(runtime)
    [lapsed] = await announced(ReleaseLapsed)
    assert (str(lapsed.request_id), lapsed.criteria.plate) == (request_id, "7ABC123")
    assert await rows(*FILE) == [1, 2, 1, 1]
    answer = await free(request_id)
    assert await rows(*FILE, "lapsed_requests") == [0, 0, 0, 0, 0]
    [destroyed] = await announced(ReleaseDestroyed)
    retention = policy.retention
    authority = {
        "actor": Actor.software("release", policy.department.ori), "kept_years": 2,
        "schedule_id": retention.schedule_id, "resolution_id": retention.resolution_id,
        "attorney_consent_id": retention.attorney_consent_id, "occurred_at": clock.now(),
    }  # fmt: skip
    assert destroyed == ReleaseDestroyed(
        event_id=destroyed.event_id, request_id=UUID(request_id), agency_ori=FBI, status="expired", decisions=2,
        receipts=1, document_id=before.document_id, package_sha256=before.sha256,
        last_act_at=destroyed.last_act_at, **authority,
    )  # fmt: skip
    assert len({retention.schedule_id, retention.resolution_id, retention.attorney_consent_id}) == 3
    assert "7ABC123" not in msgspec.json.encode(destroyed).decode()
    [document] = objects.stored
    await end_files(runtime)
    assert (objects.stored, await rows("documents", "doomed_objects")) == ({}, [0, 0])
    [gone] = await announced(DocumentDestroyed)
    assert document.endswith(gone.sha256)
    assert gone == DocumentDestroyed(
        event_id=gone.event_id, document_id=before.document_id, agency_ori=FBI, sha256=sha256(PDF).hexdigest(),
        uploaded_at=gone.uploaded_at, **authority,
    )  # fmt: skip
    await Handlers(runtime).freed([answer])
    await free(request_id)
    await end_files(runtime)
    assert len(await announced(ReleaseDestroyed)) == len(await announced(DocumentDestroyed)) == 1
    found = await client.get(f"/v1/requests/{request_id}", headers=reviewer())
    assert found.status_code == 404


async def test_the_entry_of_a_file_counts_what_that_file_had(
    received, denied, age, runtime, announced, free
):
    await received()
    request_id = await denied()
    await age("2 years")
    await end_files(runtime)
    await free(request_id)
    [destroyed] = await announced(ReleaseDestroyed)
    assert (str(destroyed.request_id), destroyed.status) == (request_id, "denied")
    assert (destroyed.decisions, destroyed.receipts, destroyed.package_sha256) == (1, 0, None)


async def test_a_file_stays_until_two_years_after_its_last_act(
    received, age, runtime, clock, announced, free, rows, query
):
    """By the policy and the service's clock, and by the law and the database's."""
    request_id = await received()
    for table, column in [(t, c) for t in ("moves", *FILE) for c in TIMES[t]]:
        await age("3 years")
        await age("1 year 364 days", {table: (column,)})
        await end_files(runtime)
        assert await announced(ReleaseLapsed) == [], column
        await free(request_id)
        assert await query("SELECT destroy_file(:id, 0)", id=request_id) == [(False,)], column
        assert await rows("requests") == [1], column
    await age("2 years")
    clock.advance(days=-4 * 366)
    await end_files(runtime)
    assert await announced(ReleaseLapsed) == [], "the service's own clock is behind"


async def test_the_policy_may_keep_files_longer(
    denied, age, runtime, announced, free, rows, policy, monkeypatch
):
    request_id = await denied()
    await age("2 years 1 day")
    longer = msgspec.structs.replace(policy.sharing, kept_years=3)
    monkeypatch.setattr(runtime, "policy", msgspec.structs.replace(policy, sharing=longer))
    await end_files(runtime)
    await free(request_id)
    assert (await announced(ReleaseLapsed), (await rows("requests"))[0]) == ([], 1)


async def test_a_request_that_is_open_or_downloadable_never_lapses(
    filed, decide, packaged, age, runtime, announced, free, rows, query
):
    open_ones = [await filed() for _ in range(3)]
    await decide(open_ones[1])
    await decide(open_ones[2])
    await packaged(open_ones[2])
    await age("5 years")
    await end_files(runtime)
    assert await announced(ReleaseLapsed) == []
    for request_id in open_ones:
        await free(request_id)
        assert await query("SELECT destroy_file(:id, 2)", id=request_id) == [(False,)]
    assert (await rows("requests"))[0] == 3


async def test_denied_refused_withdrawn_and_failed_requests_lapse_and_are_asked_about_once_a_day(
    filed, decide, failed, client, requester, age, runtime, announced, clock, free, rows
):
    denied, withdrawn, unpacked = [await filed() for _ in range(3)]
    await decide(denied, "deny")
    await decide(unpacked)
    await failed(unpacked)
    path = f"/v1/agency/requests/{withdrawn}/withdrawal"
    await client.post(path, json={"reason": "solved otherwise"}, headers=requester())
    await client.post("/v1/requests", json=a_request(), headers=requester(RENO))
    await age("2 years")
    await end_files(runtime)
    assert len(await announced(ReleaseLapsed)) == 4
    clock.advance(hours=23)
    await end_files(runtime)
    assert len(await announced(ReleaseLapsed)) == 4
    clock.advance(hours=1)
    await end_files(runtime)
    assert len(await announced(ReleaseLapsed)) == 8, "a hold may have been released"
    assert await rows("requests", "withdrawals") == [4, 1]
    await free(withdrawn)
    assert await rows("requests", "withdrawals") == [3, 0]


async def test_an_answer_of_yesterday_destroys_nothing(denied, age, free, rows):
    request_id = await denied()
    await age("2 years")
    await free(request_id, ago=timedelta(days=1))
    assert (await rows("requests"))[0] == 1


async def test_files_stay_while_no_authority_to_destroy_is_on_record(
    denied, age, runtime, policy, monkeypatch, announced, free, rows, caplog
):
    request_id = await denied()
    await age("3 years")
    for name in ("schedule_id", "resolution_id", "attorney_consent_id"):
        without = msgspec.structs.replace(policy.retention, **{name: " "})
        monkeypatch.setattr(runtime, "policy", msgspec.structs.replace(policy, retention=without))
        await end_files(runtime)
        await free(request_id)
    assert (await announced(ReleaseLapsed), await rows("requests")) == ([], [1])
    assert "the policy lacks attorney_consent" in caplog.text


async def test_a_document_stays_while_a_request_on_file_names_it(
    with_authority, filed, decide, age, runtime, free, rows, objects
):
    authority = await with_authority(FBI)
    old, open_one = [await filed(FBI, legal_authority=authority) for _ in range(2)]
    await decide(old, "deny")
    await age("2 years")
    await free(old)
    await end_files(runtime)
    assert await rows("requests", "documents") == [1, 1]
    assert len(objects.stored) == 1
    await decide(open_one, "deny")
    await age("2 years")
    await free(open_one)
    await end_files(runtime)
    assert (await rows("requests", "documents"), objects.stored) == ([0, 0], {})


async def test_a_document_that_no_request_ever_named_ends_and_a_copy_keeps_the_object(
    with_authority, client, requester, age, runtime, rows, objects, announced
):
    await with_authority(SHERIFF)
    await age("2 years")
    copy = await client.post("/v1/documents", content=PDF, headers=requester(FBI))
    await end_files(runtime)
    [gone] = await announced(DocumentDestroyed)
    assert (gone.agency_ori, await rows("documents", "doomed_objects")) == (SHERIFF, [1, 0])
    [left] = objects.stored
    assert left.endswith(copy.json()["sha256"])


async def test_a_request_that_names_a_document_while_it_is_destroyed_is_refused(
    with_authority, client, requester, age, runtime, query, rows, monkeypatch
):
    body = a_request(legal_authority=await with_authority(FBI))
    await age("2 years")
    destroy, sent = FileEnds.destroy_document, []

    async def meanwhile(ends, document_id):
        destroyed = await destroy(ends, document_id)
        sent.append(
            asyncio.create_task(client.post("/v1/requests", json=body, headers=requester(FBI)))
        )
        await eventually(lambda: query("SELECT 1 FROM pg_locks WHERE NOT granted"))
        return destroyed

    monkeypatch.setattr(FileEnds, "destroy_document", meanwhile)
    await end_files(runtime)
    [response] = await asyncio.gather(*sent)
    assert (response.status_code, response.json()["code"]) == (422, "document_of_no_upload")
    assert await rows("requests", "documents") == [0, 0]


async def test_an_object_that_was_not_deleted_is_deleted_later(
    with_authority, age, runtime, objects, rows
):
    await with_authority(FBI)
    await age("2 years")
    objects.down = True
    with pytest.raises(Unavailable):
        await end_files(runtime)
    assert (await rows("documents", "doomed_objects"), len(objects.stored)) == ([0, 1], 1)
    objects.down = False
    await end_files(runtime)
    assert (await rows("doomed_objects"), objects.stored) == ([0], {})


@pytest.mark.clause("468.7(c)/on-file")
async def test_the_file_is_destroyed_in_no_other_way(received, age, query, rows):
    request_id = await received()
    await age("3 years")
    for table in ("requests", "decisions", "packages", "receipts", "documents"):
        with pytest.raises(DBAPIError, match="permission denied"):
            await query(f"DELETE FROM {table}")
    [(document_id,)] = await query("SELECT document_id FROM documents")
    with pytest.raises(DBAPIError, match="only with the event that says so"):
        await query("SELECT destroy_file(:id, 2)", id=request_id)
    assert await query("SELECT destroy_document(:id, 2)", id=document_id) == [(False,)]
    assert await rows(*FILE) == [1, 2, 1, 1]
