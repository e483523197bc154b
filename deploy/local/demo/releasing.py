"""A release to another agency: asked for in writing, approved, packaged, downloaded, verified."""

import asyncio
import sys
import time
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from deploy.local.demo.client import problem
from deploy.local.demo.department import AGENCY, Department
from deploy.local.demo.fault import StepFailed
from deploy.local.demo.model import Release
from deploy.local.parts import ROOT

PACKAGED_WITHIN_S = 60.0
LOOK_EVERY_S = 0.3


async def release(
    people: Department, plate: str, window: tuple[datetime, datetime], folder: Path
) -> Release:
    """Go through all the steps of policy 468.7; the package is left in `folder`."""
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
