"""Ends the files of requests that were kept for the policy's years (policy 468.7(c), ADR-0120).

Retention is asked about each file that is due, since it alone knows the holds; the file is destroyed on its answer.
Documents follow once no request names them, and objects once their rows are gone. Each step commits.
"""

import logging
from datetime import timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.release.actions import steps
from services.release.store.documents import Documents
from services.release.store.file_ends import DoomedObjects, FileEnds
from shared.core.policy import Policy
from shared.events import DocumentDestroyed, ReleaseDestroyed, ReleaseFreed, ReleaseLapsed
from shared.postgres.outbox import emit
from shared.service.api_runtime import ApiRuntime

log = logging.getLogger(__name__)

ANSWER_COUNTS_FOR = timedelta(days=1)
"""An older answer knows nothing of the holds since; retention is asked again."""


async def end_files(runtime: ApiRuntime) -> None:
    """Do what is due now: ask about files, destroy documents that no request names, delete objects.

    Raises: Unavailable if the object store deletes none.
    """
    for step in (_ask, _destroy_documents, _delete_objects):
        while await step(runtime):
            pass


async def destroy_freed(
    runtime: ApiRuntime, connection: AsyncConnection, freed: ReleaseFreed
) -> None:
    """Destroy the file of a request that no hold concerns, if it is due and the answer is recent."""
    now, policy = runtime.clock.now(), runtime.policy
    if freed.occurred_at <= now - ANSWER_COUNTS_FOR:
        return
    ends = FileEnds(connection, policy.sharing.kept_years)
    ended = await ends.ended(freed.request_id, now)
    if ended is None or not _may_destroy(policy):
        return
    if await ends.destroy_file(ended.request_id):
        event = ReleaseDestroyed(occurred_at=now, **vars(ended), **_authority(policy))
        await emit(connection, runtime.service, event)


async def _ask(runtime: ApiRuntime) -> bool:
    """Ask retention about some files that are due; return whether there may be more."""
    now, policy = runtime.clock.now(), runtime.policy
    async with runtime.db.begin() as connection:
        ends = FileEnds(connection, policy.sharing.kept_years)
        lapsed = await ends.lapsed(now)
        if not lapsed or not _may_destroy(policy):
            return False
        await ends.asked([one.request_id for one in lapsed], now)
        events = [ReleaseLapsed(occurred_at=now, **vars(one)) for one in lapsed]
        await emit(connection, runtime.service, *events)
    return True


async def _destroy_documents(runtime: ApiRuntime) -> bool:
    """Destroy some documents that are due and that no request names; return whether there may be more."""
    now, policy = runtime.clock.now(), runtime.policy
    async with runtime.db.begin() as connection:
        ends = FileEnds(connection, policy.sharing.kept_years)
        documents = await ends.unnamed_documents(now)
        if not documents or not _may_destroy(policy):
            return False
        events = [
            DocumentDestroyed(occurred_at=now, **vars(one), **_authority(policy))
            for one in documents
            if await ends.destroy_document(one.document_id)
        ]
        await emit(connection, runtime.service, *events)
    return True


async def _delete_objects(runtime: ApiRuntime) -> bool:
    """Delete some objects whose rows are destroyed; return whether there may be more.

    An object stays if a document on file has the same content. Raises: Unavailable.
    """
    async with runtime.db.begin() as connection:
        keys = await DoomedObjects(connection).some()
    for key in keys:
        async with runtime.db.begin() as connection:
            await Documents(connection).lock_object(key)
            doomed = DoomedObjects(connection)
            if not await doomed.is_named(key):
                await runtime.objects.delete(key)
            await doomed.forget(key)
    return bool(keys)


def _authority(policy: Policy) -> dict[str, Any]:
    """Return the software as the actor, the period, and the authorities by which files are destroyed."""
    retention = policy.retention
    return {
        "actor": steps.software(policy.department.ori),
        "kept_years": policy.sharing.kept_years,
        "schedule_id": retention.schedule_id,
        "resolution_id": retention.resolution_id,
        "attorney_consent_id": retention.attorney_consent_id,
    }


def _may_destroy(policy: Policy) -> bool:
    """Return whether all authorities for destroying files are on record; the log names those that are not."""
    if missing := policy.retention.missing_authority:
        log.error("files are due but not destroyed: the policy lacks %s", ", ".join(missing))
    return not missing
