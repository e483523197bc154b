"""Builds requested evidence packages, and deletes those of failed, withdrawn or released exports."""

import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client import Gauge

from services.retention.actions.gathering import Contents, gather_records
from services.retention.actions.packaging import Cover, make_package
from services.retention.actions.scratch import sweep
from services.retention.actions.signer import SigningKeys
from services.retention.domain.evidence import check_request
from services.retention.domain.hit_history import HITS
from services.retention.domain.holding import check_packed, is_wide
from services.retention.domain.problem_codes import Code
from services.retention.store.exports import Export, ExportQueue, object_key
from services.retention.store.holds import Hold, Holds
from services.retention.store.packages import Built, Released
from shared.access.grant import Grant
from shared.access.system_grant import system_grant
from shared.core.errors import AlprError, Conflict, NotFound, Unavailable
from shared.core.permissions import Permission
from shared.core.problem_codes import Common
from shared.core.types import Ori
from shared.events import Actor
from shared.postgres.outbox import emit
from shared.service.api_runtime import ApiRuntime

log = logging.getLogger(__name__)

WAITING = Gauge("alpr_evidence_waiting", "Evidence exports whose package is not built yet")

MAX_PAUSE = timedelta(minutes=10)
MAX_ATTEMPTS = 20
"""Tries over about two hours; then the export fails, and a person has to investigate and request it again."""
REMOVED_AT_ONCE = 100


class EvidenceMaker:
    """One worker; several may run, each on its own exports."""

    def __init__(self, runtime: ApiRuntime, keys: SigningKeys) -> None:
        self._runtime = runtime
        self._keys = keys

    async def work(self) -> None:
        """Build every waiting package, then delete packages that are due. Raises: Unavailable."""
        sweep()
        while await self._one():
            pass
        async with self._runtime.db.begin() as connection:
            WAITING.set(await ExportQueue(connection).waiting())
        await self._remove()

    async def _one(self) -> bool:
        """Build one package; False if none waits. The claim ends with the transaction, after a crash too."""
        now = self._runtime.clock.now()
        failed: tuple[Export, Exception] | None = None
        async with self._runtime.db.begin() as connection:
            export = await ExportQueue(connection).claim(now)
            if export is None:
                return False
            try:
                built, grant = await self._build(export)
            except Exception as exc:  # noqa: BLE001 - no error may block the other exports
                failed = (export, exc)
            else:
                await ExportQueue(connection).built(export.export_id, built, now)
                packaged = export.changed(self._software, now, "packaged", **_details(built, grant))
                await emit(connection, self._runtime.service, packaged)
        if failed is not None:
            await self._not_built(*failed, now=now)
        return True

    async def _build(self, export: Export) -> tuple[Built, Grant]:
        """Build a package in the object store, without announcing it; return it and the grant of its records.

        Reads the records on behalf of the requester: records the attempt first, then discloses every row.

        Raises: Conflict if the hold awaits a confirmation, before it reads or records anything; NotFound for an
        unknown hold.
        """
        wide = is_wide(export.criteria, self._runtime.policy.narrowness)
        check_packed(wide=wide, confirmed_at=export.confirmed_at)
        grant = await system_grant(
            self._runtime,
            Permission.HOLD_MANAGE,
            on_behalf_of=export.requested_by,
            purpose=export.purpose,
            elements={
                "export_id": str(export.export_id),
                "hold_id": str(export.hold_id),
                **export.criteria.as_json(),
            },
            work="package of held records for evidence",
            agency_ori=Ori(export.agency_ori),
        )
        async with self._runtime.db.begin() as connection:
            hold = await Holds(connection).get(grant, export.hold_id)
        if hold is None:
            raise NotFound(Code.HOLD_UNKNOWN)
        built = await make_package(
            _cover(export, hold, grant.now),
            export.object_key,
            lambda folder: self._gather(grant, hold, folder),
            runtime=self._runtime,
            signer=await self._keys.in_force(),
        )
        return built, grant

    async def _gather(self, grant: Grant, hold: Hold, folder: Path) -> Contents:
        """Write the records that the hold keeps now to files. Raises: Conflict if it keeps none or is released."""
        async with self._runtime.db.begin() as connection:
            released = Released(connection, grant, hold.criteria, whole=True)
            contents = await gather_records(released, folder, images=True)
        check_request(
            in_force=hold.released_at is None,
            has_records=contents.reads + contents.captures > 0,
        )
        return contents

    async def _not_built(self, export: Export, exc: Exception, *, now: datetime) -> None:
        """Schedule a retry; or fail the export if a rule refused it or its tries are used up."""
        fault = fault_of(exc)
        if isinstance(exc, Conflict) or export.attempts + 1 >= MAX_ATTEMPTS:
            log.error("evidence export %s failed: %s", export.export_id, fault)
            async with self._runtime.db.begin() as connection:
                if await ExportQueue(connection).failed(export.export_id, fault=fault):
                    changed = export.changed(self._software, now, "failed", fault=fault)
                    await emit(connection, self._runtime.service, changed)
            return
        pause = min(timedelta(seconds=2 ** min(export.attempts, 10)), MAX_PAUSE)
        log.warning("evidence export %s waits: %s; again in %s", export.export_id, fault, pause)
        async with self._runtime.db.begin() as connection:
            await ExportQueue(connection).again(export.export_id, again=now + pause, fault=fault)

    async def _remove(self) -> None:
        """Delete packages of exports that failed or were withdrawn, or whose hold was released. Raises: Unavailable."""
        full = True
        while full:
            async with self._runtime.db.begin() as connection:
                ids = await ExportQueue(connection).to_remove(REMOVED_AT_ONCE)
            if not ids:
                return
            # No transaction is open meanwhile: no later step takes their end back, and a deletion may be repeated.
            failed = await self._runtime.objects.delete_all([object_key(one) for one in ids])
            gone = [one for one in ids if object_key(one) not in failed]
            async with self._runtime.db.begin() as connection:
                await ExportQueue(connection).removed(gone, self._runtime.clock.now())
            if failed:
                raise Unavailable(Common.OBJECT_STORE_AWAY)
            full = len(ids) == REMOVED_AT_ONCE

    @property
    def _software(self) -> Actor:
        return Actor.software("retention", self._runtime.policy.department.ori)


def fault_of(exc: Exception) -> str:
    """Return the text of a failure; of other software's errors only the type, as their messages may contain values."""
    if isinstance(exc, AlprError):
        return exc.detail
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror
    return type(exc).__name__


def _details(built: Built, grant: Grant) -> dict[str, Any]:
    """Return the details of a package for the log; its records were disclosed under the attempt named here."""
    return {
        "sha256": built.sha256,
        "size_bytes": built.size_bytes,
        "reads": built.reads,
        "captures": built.captures,
        "images": built.images,
        "omitted": built.omitted,
        "signed_by": built.signed_by,
        "attempt_id": str(grant.attempt_id),
    }


def _cover(export: Export, hold: Hold, now: datetime) -> Cover:
    return Cover(
        name=f"alpr-evidence-{export.export_id}",
        moment=export.requested_at,
        file="evidence.json",
        content={
            "export_id": str(export.export_id),
            "hold": {
                "hold_id": str(hold.hold_id),
                "basis": hold.basis,
                "case_number": hold.case_number,
                "description": hold.description,
                "criteria": hold.criteria.as_json(),
                "placed_by": _person(hold.placed_by),
                "placed_at": hold.placed_at.isoformat(),
                "confirmed_by": _person(hold.confirmed_by) if hold.confirmed_by else None,
                "confirmed_at": hold.confirmed_at.isoformat() if hold.confirmed_at else None,
            },
            "requested_by": _person(export.requested_by),
            "requested_at": export.requested_at.isoformat(),
            "purpose": msgspec.to_builtins(export.purpose),
            "as_held_at": now.isoformat(),
        },
        identifier=str(export.export_id),
        title=f"ALPR records of case {hold.case_number}",
        description=f"ALPR records held as evidence in case {hold.case_number}",
        tables=("records.jsonl", "records.csv", HITS, "captures.jsonl"),
        has_policy=True,
    )


def _person(actor: Actor) -> dict[str, str]:
    return {
        "name": actor.name,
        "title": actor.title,
        "agency_ori": actor.agency_ori,
        "person_id": actor.person_id,
    }
