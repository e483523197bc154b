"""Another agency requests data in writing, follows its request, downloads the package and verifies it."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from local.demo.records import search
from local.demo.searches import CANVASS
from local.stack.servers import ROOT
from shared.testing import eventually
from tests.e2e.clients.python import refusal, until

pytestmark = pytest.mark.clients

PLATE = "8TKW473"


def other_agency(service, *, requester, reviewer, plate, window, package):
    agency, department = service("release", requester), service("release", reviewer)
    asked = {
        "purpose": "Where the stolen vehicle was seen, for the county's theft case",
        "purpose_kind": "stolen_or_wanted_vehicle",
        "case_number": "TCS-26-0417",
        "offence_type": "vehicle theft",
        "criteria": {"captured_from": window[0], "captured_to": window[1], "plate": plate},
    }
    prohibited = agency.model("RequestIn", **{**asked, "purpose_kind": "immigration_enforcement"})
    filed = agency.file_request(agency.model("RequestIn", **asked))
    approve(service("identity", reviewer), department, filed.request_id)
    packaged = until(
        lambda: agency.get_agency_request(filed.request_id), lambda now: now.status == "packaged"
    )
    Path(package).write_bytes(agency.download_package(filed.request_id))
    return {
        "prohibited": refusal(agency.file_request, prohibited),
        "filed": filed.status,
        "reads": packaged.package.reads,
        "sha256": packaged.package.sha256,
        "public_pem": service("retention").get_signing_key().public_pem,
    }


def approve(identity, department, request_id):
    """Approve a request, as the department's reviewer."""
    purpose = identity.model(
        "PurposeIn",
        kind="release",
        offence_type="vehicle theft",
        case_number="TCS-26-0417",
        justification="Review of the county sheriff's written request for one plate",
    )
    token = identity.declare_purpose(purpose).purpose_token
    decision = department.model("DecisionIn", decision="approve", reason="Theft case, one plate")
    department.decide_request(request_id, decision, purpose=token)


@pytest.fixture(scope="module")
async def window(department):
    """A window in which one read of PLATE is on record."""
    now = datetime.now(UTC)
    window = now - timedelta(minutes=5), now + timedelta(minutes=5)
    camera, person = department.devices[0], department.investigator
    read = {"plate": PLATE, "confidence": 0.97, "captured_at": now.isoformat()}
    headers = {"Authorization": f"Bearer {camera.credential}"}
    await person.api.must("ingest", "POST", "/v1/reads", json=[read], headers=headers)
    purpose = await person.declare(**CANVASS)
    await eventually(lambda: search(person, purpose, window, plate=PLATE), within_s=60, every_s=0.5)
    return [moment.isoformat() for moment in window]


async def test_another_agency_gets_a_package_that_it_can_verify(run, tokens, window, tmp_path):
    package, key = tmp_path / "package.zip", tmp_path / "key.pem"
    answers = run(
        other_agency,
        requester=tokens["outsider"],
        reviewer=tokens["lieutenant"],
        plate=PLATE,
        window=window,
        package=str(package),
    )
    key.write_text(answers.pop("public_pem"))
    assert answers == {
        "prohibited": {"status": 403, "code": "release_purpose_prohibited"},
        "filed": "submitted",
        "reads": 1,
        "sha256": sha256(package.read_bytes()).hexdigest(),
    }
    verify = [sys.executable, "-m", "plateward", "verify-package", package, "--key", key]
    done = subprocess.run(verify, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
