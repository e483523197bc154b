"""The release service in process, on a real Postgres."""

from datetime import UTC, datetime

import pytest

from services.registry import SPECS
from services.release.events import Handlers
from services.release.main import build_app
from services.release.settings import Settings
from shared.core.permissions import Permission
from shared.events import ReleaseFailed, ReleasePackaged
from shared.service.api_runtime import ApiRuntime
from tests.integration.serving import client_of, started

SHERIFF = "CA0520000"
FBI = "DCFBIWA00"
RENO = "NV0160100"
LIBRARY = "CA0529900"
REPOSSESSOR = "CA0529800"

REQUESTER = "00000000-0000-4000-8000-000000000101"
SERGEANT = "00000000-0000-4000-8000-000000000201"
LIEUTENANT = "00000000-0000-4000-8000-000000000202"
REGISTRAR = "00000000-0000-4000-8000-000000000203"
"""Registered the agencies and created their requesters' accounts, so may decide on no request of theirs."""

EARLIER = datetime(2026, 1, 1, tzinfo=UTC)
PDF = b"%PDF-1.7\n" + b"court order " * 100


@pytest.fixture
async def runtime(settings, bus, objects, clock, authority, policy):
    return ApiRuntime(
        SPECS["release"],
        Settings(**settings.model_dump(), release_document_timeout_s=5.0),
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
async def client(app):
    async with client_of(app, "release") as client:
        yield client


@pytest.fixture
def requester(authority):
    """Returns headers of a detective at an agency, the sheriff's by default.

    The registrar created the account, unless a test announced another provisioner.
    """

    def headers(ori=SHERIFF, account_id=REQUESTER, **claims):
        if not authority.people.provisioned(account_id).by:
            told = authority.account(account_id, "active", EARLIER, provisioned_by=[REGISTRAR])
            authority.people.know(told)
        return authority.headers(
            Permission.RELEASE_REQUEST,
            Permission.RELEASE_DOWNLOAD,
            purpose=False,
            account_id=account_id,
            ori=ori,
            trained_until=None,
            **{"name": "Dana Ruiz", "title": "Agency Requester", **claims},
        )

    return headers


@pytest.fixture
def reviewer(authority):
    """Headers of the Administration Sergeant, or of another designee."""

    def headers(account_id=SERGEANT, **claims):
        return authority.headers(
            Permission.RELEASE_READ,
            Permission.RELEASE_REVIEW,
            Permission.AGENCY_MANAGE,
            account_id=account_id,
            **{
                "purpose": "release",
                "name": "Sgt. Lee",
                "title": "Administration Sergeant",
                **claims,
            },
        )

    return headers


@pytest.fixture
async def agencies(client, reviewer):
    """A sheriff, a federal, an out-of-state, a public and a private agency, all registered."""
    for ori, name, kind, state in (
        (SHERIFF, "Tehama County Sheriff", "law_enforcement", "US-CA"),
        (FBI, "Federal Bureau", "federal", "US-DC"),
        (RENO, "Reno Police", "law_enforcement", "US-NV"),
        (LIBRARY, "County Library", "other_public", "US-CA"),
        (REPOSSESSOR, "Repo Inc.", "private", "US-CA"),
    ):
        body = {"ori": ori, "name": name, "kind": kind, "state": state, "contact": "records"}
        response = await client.post("/v1/agencies", json=body, headers=reviewer(REGISTRAR))
        assert response.status_code == 201, response.text


def a_request(**changes):
    """Return the body of a lawful request."""
    return {
        "purpose": "Locate the vehicle that left the scene of a robbery",
        "purpose_kind": "criminal_investigation",
        "case_number": "TCS-26-0417",
        "offence_type": "robbery",
        "criteria": {
            "captured_from": "2026-05-01T00:00:00Z",
            "captured_to": "2026-05-02T00:00:00Z",
            "plate": "7abc 123",
            "include_images": False,
        },
        **changes,
    }


@pytest.fixture
def filed(client, requester, agencies):
    """File a request; return its id."""

    async def file(ori=SHERIFF, **changes):
        headers = requester(ori)
        response = await client.post("/v1/requests", json=a_request(**changes), headers=headers)
        assert response.status_code == 201, response.text
        return response.json()["request_id"]

    return file


@pytest.fixture
def with_authority(client, requester, agencies):
    """Uploads a document; returns the request's fields for it."""

    async def upload(ori):
        response = await client.post("/v1/documents", content=PDF, headers=requester(ori))
        assert response.status_code == 201, response.text
        return {
            "reference": "US District Court, order 26-mj-17",
            "document_id": response.json()["document_id"],
        }

    return upload


@pytest.fixture
def decide(client, reviewer):
    """Decides on a request as a given person."""

    async def send(
        request_id, decision="approve", headers=None, reason="Scoped to one plate", **named
    ):
        return await client.post(
            f"/v1/requests/{request_id}/decision",
            json={"decision": decision, "reason": reason, **named},
            headers=headers or reviewer(),
        )

    return send


@pytest.fixture
def packaged(runtime, bus, objects, clock):
    """Answer an approval as retention does: object first, then the event."""

    async def answer(request_id, content=b"PK\x03\x04 package " * 5000, **changes):
        from hashlib import sha256

        key = f"packages/{request_id}.zip"
        objects.stored[key] = content
        event = ReleasePackaged(
            **{
                "occurred_at": clock.now(),
                "request_id": request_id,
                "package_key": key,
                "sha256": sha256(content).hexdigest(),
                "size_bytes": len(content),
                "reads": 3,
                "images": 0,
                "manifest_signed_by": "retention-key-1",
                **changes,
            }
        )
        await runtime.relay.drain()
        before = list(bus.records)
        bus.records.clear()
        await bus.publish([event])
        await bus.deliver(Handlers(runtime).by_event)
        bus.records.extend(before)
        return content, event

    return answer


@pytest.fixture
def failed(runtime, bus, clock):
    """Answer an approval as retention does when no package can be made."""

    async def answer(request_id, reason="a plate has 1 to 12 characters, known or not, not 13"):
        event = ReleaseFailed(occurred_at=clock.now(), request_id=request_id, reason=reason)
        await runtime.relay.drain()
        before = list(bus.records)
        bus.records.clear()
        await bus.publish([event])
        await bus.deliver(Handlers(runtime).by_event)
        bus.records.extend(before)
        return event

    return answer


@pytest.fixture
def announced(runtime, bus):
    """Returns the events of one type so far."""

    async def published(kind):
        await runtime.relay.drain()
        return bus.events(kind)

    return published
