"""A release to another agency: requested in writing, approved, packaged, downloaded, verified."""

import asyncio
import sys
import time
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from local.demo.client import problem
from local.demo.department import AGENCY, Department
from local.demo.story import Release, StepFailed
from local.stack.servers import ROOT

PACKAGED_WITHIN_S = 60.0
POLL_EVERY_S = 0.3


async def release(
    people: Department, plate: str, window: tuple[datetime, datetime], folder: Path
) -> Release:
    """Run all the steps of policy 468.7; leaves the package in `folder`."""
    request_id = await _ask(people, plate, window)
    decision = {"decision": "approve", "reason": "Theft case of a county agency, one plate only"}
    path = f"/v1/requests/{request_id}/decision"
    purpose = await people.lieutenant.declare(
        kind="release",
        offence_type="vehicle theft",
        case_number="TCS-26-0417",
        justification="Review of the county sheriff's written request for one plate",
    )
    await people.lieutenant.must("release", "POST", path, purpose=purpose, json=decision)
    filed = await _packaged(people, request_id)
    package = folder / "release.zip"
    answer = filed["package"]
    await _download(people, request_id, package, answer["sha256"])
    verdict = await _verified(people, package)
    if answer["reads"] < 1:
        raise StepFailed("the package holds no record")
    return Release(
        agency=AGENCY["name"],
        request_id=request_id,
        requester=people.outsider.known_as,
        approver=people.lieutenant.known_as,
        reads=answer["reads"],
        images=answer["images"],
        size_bytes=answer["size_bytes"],
        sha256=answer["sha256"],
        signed_by=answer["manifest_signed_by"],
        checks=("the download has the digest on file", verdict),
    )


async def _ask(people: Department, plate: str, window: tuple[datetime, datetime]) -> str:
    body = {
        "purpose": "Where the stolen vehicle was seen, for the county's theft case",
        "purpose_kind": "stolen_or_wanted_vehicle",
        "case_number": "TCS-26-0417",
        "offence_type": "vehicle theft",
        "criteria": {
            "captured_from": window[0].isoformat(),
            "captured_to": window[1].isoformat(),
            "plate": plate,
        },
    }
    filed = await people.outsider.must("release", "POST", "/v1/requests", json=body)
    return str(filed["request_id"])


async def _packaged(people: Department, request_id: str) -> dict[str, Any]:
    """Wait for the package as the requester does, by polling the request."""
    deadline = time.monotonic() + PACKAGED_WITHIN_S
    while True:
        path = f"/v1/agency/requests/{request_id}"
        filed: dict[str, Any] = await people.outsider.must("release", "GET", path)
        if filed["status"] == "packaged":
            return filed
        if time.monotonic() > deadline:
            raise StepFailed(f"the release is still {filed['status']}")
        await asyncio.sleep(POLL_EVERY_S)


async def _download(people: Department, request_id: str, to: Path, digest: str) -> None:
    answer = await people.outsider.ask("release", "GET", f"/v1/requests/{request_id}/package")
    if not answer.is_success:
        raise StepFailed(f"download: {problem(answer)}")
    if sha256(answer.content).hexdigest() != digest:
        raise StepFailed("the downloaded package is not the one on file")
    await asyncio.to_thread(to.write_bytes, answer.content)


async def _verified(people: Department, package: Path) -> str:
    """Run the recipient's own check, with the department's key from another source than the package."""
    key = package.with_suffix(".pem")
    answer = await people.administrator.api.must("retention", "GET", "/v1/signing-key")
    await asyncio.to_thread(key.write_text, answer.json()["public_pem"])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.retention", "verify-package", str(package),
        "--key", str(key), stdout=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    said, _ = await process.communicate()
    if process.returncode != 0:
        raise StepFailed(f"the package fails verification: {said.decode(errors='replace').strip()}")
    return said.decode().strip().splitlines()[-1]
