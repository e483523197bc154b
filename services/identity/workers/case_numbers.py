"""Watches the folder of the department's case and call numbers, and the purposes whose numbers are due (ADR-0141)."""

import asyncio
import logging

from services.identity.actions.case_numbers import (
    STEADY,
    ExportedFile,
    files_in,
    put_in_force,
    read,
    report_unknown,
)
from services.identity.actions.context import Identity
from shared.core.errors import InternalFault
from shared.core.periodic import PeriodicTask

log = logging.getLogger(__name__)

EVERY_S = 60.0


def task(identity: Identity) -> PeriodicTask:
    """Return the task; /readyz shows a folder that cannot be imported."""
    return PeriodicTask("case numbers", CaseNumbersWatch(identity).once, EVERY_S, at_once=True)


class CaseNumbersWatch:
    """Imports the folder's files once they have changed, and reports purposes whose numbers are in none of them."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._imported: tuple[ExportedFile, ...] = ()

    async def once(self) -> None:
        """Do both, if the policy compares numbers. Raises: InternalFault if the folder cannot be imported."""
        if self._identity.policy.cases.known_within_h is None:
            return
        try:
            await self._import()
        finally:
            await report_unknown(self._identity)

    async def _import(self) -> None:
        folder = self._identity.settings.identity_case_numbers_folder
        if folder is None:
            raise InternalFault(
                "cases.known_within_h of the policy needs IDENTITY_CASE_NUMBERS_FOLDER"
            )
        now = self._identity.clock.now()
        files = await asyncio.to_thread(files_in, folder)
        is_steady = all(now - one.written_at >= STEADY for one in files)
        if files == self._imported or not is_steady:
            return
        new = await asyncio.to_thread(read, files, now)
        if await asyncio.to_thread(files_in, folder) != files:
            return  # written meanwhile: the next run reads it whole
        if await put_in_force(self._identity, new):
            when = new.as_of.isoformat(timespec="minutes")
            log.info("imported %d case and call numbers of %s", len(new.numbers), when)
        self._imported = files
