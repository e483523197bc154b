"""Clients generated from the committed OpenAPI documents sign in, declare a purpose and search."""

import importlib
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
import pytest

from deploy.openapi import FOLDER
from local.demo.client import Api
from local.demo.department import DEPARTMENT_ORI, Embedded, seed
from shared.testing import eventually

PASSWORD = "a wheel within a wheel 26"


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    """The packages that openapi-python-client makes of identity's and retention's documents."""
    folder = tmp_path_factory.mktemp("generated")
    tool = Path(sys.executable).with_name("openapi-python-client")
    config = folder / "config.yml"
    found = []
    for service in ("identity", "retention"):
        config.write_text(f"package_name_override: generated_{service}\npost_hooks: []\n")
        subprocess.run(
            [tool, "generate", "--meta", "none", "--config", config,
             "--path", FOLDER / f"{service}.json", "--output-path", folder / f"generated_{service}"],
            check=True, capture_output=True,
        )  # fmt: skip
        found.append(f"generated_{service}")
    sys.path.insert(0, str(folder))
    yield found
    sys.path.remove(str(folder))


def part(name):
    return importlib.import_module(name)


async def test_a_generated_client_signs_in_declares_a_purpose_and_searches(
    clients, stack, stack_folder
):
    async with Api(stack.urls) as api, AsyncExitStack() as open_clients:
        department = await seed(api, Embedded(stack_folder))
        secret = await enrol_a_detective(api, department)
        await post_a_read(api, department)
        identity = part("generated_identity").Client(base_url=stack.urls["identity"])
        models = part("generated_identity.models")
        session = await part("generated_identity.api.sessions.open_session").asyncio(
            client=await open_clients.enter_async_context(identity),
            body=models.SessionIn(
                username="g.client",
                password=PASSWORD,
                totp=pyotp.TOTP(secret).at(int(time.time()) + 30),
            ),
        )
        signed_in = part("generated_identity").AuthenticatedClient(
            base_url=stack.urls["identity"], token=session.access_token
        )
        purpose = await part("generated_identity.api.purposes.declare_purpose").asyncio(
            client=await open_clients.enter_async_context(signed_in),
            body=models.PurposeIn(
                kind="stolen_or_wanted_vehicle",
                offence_type="vehicle theft",
                case_number="26-001234",
                justification="Where the stolen car was seen since Monday",
            ),
        )
        retention = part("generated_retention").AuthenticatedClient(
            base_url=stack.urls["retention"], token=session.access_token
        )
        await open_clients.enter_async_context(retention)
        search = part("generated_retention.api.search.search_reads")
        wanted = part("generated_retention.models").SearchQuery(
            plate="6TRJ244",
            captured_from=datetime.now(UTC) - timedelta(hours=1),
            captured_to=datetime.now(UTC) + timedelta(minutes=1),
        )

        async def found():
            page = await search.asyncio(
                client=retention, body=wanted, x_alpr_purpose=purpose.purpose_token
            )
            return page.items

        [read] = await eventually(found, within_s=20, every_s=0.2)
        assert read.plate == "6TRJ244"
        refused = await search.asyncio_detailed(client=retention, body=wanted)
        assert refused.status_code == 403
        assert "purpose" in refused.parsed.detail


async def enrol_a_detective(api, department):
    """Enrol an account with a password and a second factor that has not signed in yet."""
    invited = await department.administrator.must(
        "identity",
        "POST",
        "/v1/accounts",
        json={
            "username": "g.client",
            "name": "Gen Client",
            "title": "Detective",
            "agency_ori": DEPARTMENT_ORI,
            "roles": ["investigator"],
            "sources": ["department"],
        },
    )
    path = f"/v1/accounts/{invited['account']['account_id']}/invitation/delivery"
    given = await department.trainer.must("identity", "POST", path)
    token = {"invitation_token": given["invitation_token"]}
    body = {**token, "password": PASSWORD}
    factor = (await api.must("identity", "POST", "/v1/enrolment", json=body)).json()
    secret = factor["totp_secret"]
    body = {**token, "totp": pyotp.TOTP(secret).now()}
    account = (await api.must("identity", "POST", "/v1/enrolment/confirmation", json=body)).json()
    await department.trainer.must(
        "identity",
        "POST",
        "/v1/training",
        json={
            "account_id": account["account_id"],
            "completed_on": f"{datetime.now(UTC):%Y-%m-%d}",
        },
    )
    return secret


async def post_a_read(api, department):
    """Post one read that a camera made itself."""
    read = {
        "plate": "6TRJ244",
        "confidence": 0.97,
        "captured_at": datetime.now(UTC).isoformat(),
        "latitude": 39.928,
        "longitude": -122.179,
    }
    headers = {"Authorization": f"Bearer {department.devices[0].credential}"}
    await api.must("ingest", "POST", "/v1/reads", json=[read], headers=headers)
