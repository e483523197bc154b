"""An investigator signs in with a second factor, declares a purpose and searches; without a purpose, they may not."""

import time
from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from local.demo.department import DEPARTMENT_ORI
from tests.e2e.clients.python import refusal, until

pytestmark = [
    pytest.mark.clients,
    pytest.mark.parametrize("client", ["small", "big"], indirect=True),
]

PASSWORD = "a wheel within a wheel 26"


def investigator(service, *, username, second_factor, plate):
    identity = service("identity")
    factors = {"username": username, "password": PASSWORD, "totp": second_factor}
    session = identity.open_session(identity.model("SessionIn", **factors))
    signed_in = service("identity", session.access_token)
    purpose = signed_in.model(
        "PurposeIn",
        kind="stolen_or_wanted_vehicle",
        offence_type="vehicle theft",
        case_number="26-001234",
        justification="Where the stolen car was seen since Monday",
    )
    purpose_token = signed_in.declare_purpose(purpose).purpose_token
    retention, now = service("retention", session.access_token), datetime.now(UTC)
    query = retention.model(
        "SearchQuery",
        plate=plate,
        captured_from=(now - timedelta(hours=1)).isoformat(),
        captured_to=(now + timedelta(minutes=1)).isoformat(),
    )
    found = until(lambda: retention.search_reads(query, purpose=purpose_token).items, is_done=len)
    return {
        "plates": [read.plate for read in found],
        "without_purpose": refusal(retention.search_reads, query),
    }


async def test_an_investigator_signs_in_declares_a_purpose_and_searches(
    run, client, department, api
):
    username, plate = f"i.{client}", {"small": "8TRJ244", "big": "8TRJ245"}[client]
    secret = await enrol(api, department, username)
    await post_a_read(api, department, plate)
    answers = run(
        investigator,
        username=username,
        second_factor=pyotp.TOTP(secret).at(int(time.time()) + 30),  # the present code is used
        plate=plate,
    )
    assert answers == {
        "plates": [plate],
        "without_purpose": {"status": 403, "code": "purpose_missing"},
    }


async def enrol(api, department, username):
    """Enrol a trained detective who has not signed in yet; return the secret of their second factor."""
    invited = await department.administrator.must(
        "identity",
        "POST",
        "/v1/accounts",
        json={
            "username": username,
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
    body = {**token, "totp": pyotp.TOTP(factor["totp_secret"]).now()}
    account = (await api.must("identity", "POST", "/v1/enrolment/confirmation", json=body)).json()
    completed_on = f"{datetime.now(UTC):%Y-%m-%d}"
    body = {"account_id": account["account_id"], "completed_on": completed_on}
    await department.trainer.must("identity", "POST", "/v1/training", json=body)
    return factor["totp_secret"]


async def post_a_read(api, department, plate):
    """Post one read that a camera made itself."""
    read = {
        "plate": plate,
        "confidence": 0.97,
        "captured_at": datetime.now(UTC).isoformat(),
        "latitude": 39.928,
        "longitude": -122.179,
    }
    headers = {"Authorization": f"Bearer {department.devices[0].credential}"}
    await api.must("ingest", "POST", "/v1/reads", json=[read], headers=headers)
