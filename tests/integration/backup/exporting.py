"""Exports an installation of tests, and imports it elsewhere."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.backup.installation import Installation
from local.backup.restoring import Restored
from local.export.importing import import_all, verified
from local.export.layout import ExportFolder
from local.export.making import Made, Wanted, make
from tests.integration.backup.installing import OPERATOR, ORIGIN, Place


async def export(place: Place, folder: Path, **given: Any) -> Made:
    """Export the live installation to an empty folder."""
    wanted = Wanted(
        audit_origin=ORIGIN,
        recipient=place.recipient,
        actor=OPERATOR,
        reason="end of use",
        policy=b"policy",
        now=lambda: datetime.now(UTC),
        **given,
    )
    return await make(place.live, ExportFolder(folder), wanted)


async def imported(place: Place, target: Installation, folder: Path, **given: Any) -> Restored:
    """Import an export, as of now unless `now` is given."""
    wanted = place.wanted(target, (), given.pop("now", datetime.now(UTC)), **given)
    there = ExportFolder(folder)
    manifest = await verified(there, wanted.keys, wanted.now, ended=wanted.ended)
    return await import_all(target, there, manifest, wanted)
