"""Requests, hands over and withdraws evidence exports; a worker builds their packages (policy 468.5)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from services.retention.actions.holds import check_purpose, hold_of
from services.retention.domain.custody import Act
from services.retention.domain.evidence import (
    State,
    check_download,
    check_request,
    check_withdrawal,
)
from services.retention.domain.holding import check_disclosable, is_wide
from services.retention.domain.problem_codes import Code
from services.retention.store.custody import Custody, CustodyAct
from services.retention.store.exports import Export, Exports
from services.retention.store.holds import Holds
from shared.access.disclosing import Disclosed, disclose
from shared.access.grant import Grant
from shared.access.rechecks import check_account
from shared.core.errors import NotFound, Unavailable
from shared.core.ids import derive_id
from shared.core.policy import Narrowness
from shared.core.problem_codes import Common
from shared.objects.delivery import opened, sealed
from shared.objects.store import in_time
from shared.postgres.outbox import emit
from shared.postgres.unit_of_work import UnitOfWork
from shared.service.api_runtime import ApiRuntime

OPENED_WITHIN_S = 20.0
"""The longest wait for the begin of a package."""


@dataclass(frozen=True)
class Download:
    """A package's export, and its bytes in pieces; the last piece comes once the download is recorded."""

    export: Export
    pieces: AsyncIterator[bytes]


async def request(
    rule: Narrowness, work: UnitOfWork, grant: Grant, hold_id: UUID, key: str
) -> Export:
    """Request a package of the records that a hold keeps; with the `key` of an earlier request, return its export.

    Raises: NotFound; NotAuthorised for a purpose that does not cover the hold, or while a wide hold awaits its
    confirmation; Conflict for a hold that was released or keeps no record.
    """
    hold = await hold_of(work, grant, hold_id, lock=True)
    check_purpose(grant, hold.criteria)
    check_disclosable(wide=is_wide(hold.criteria, rule), confirmed_at=hold.confirmed_at)
    exports = Exports(work.connection)
    export_id = derive_id("evidence export", hold.hold_id, grant.actor.person_id, key)
    if (known := await exports.get(grant, export_id)) is not None:
        return known
    check_request(
        in_force=hold.released_at is None,
        has_records=await Holds(work.connection).has_any_record(grant, hold),
    )
    export = Export(
        export_id=export_id,
        hold_id=hold.hold_id,
        agency_ori=hold.agency_ori,
        state=State.REQUESTED,
        requested_by=grant.actor,
        requested_at=grant.now,
        purpose=grant.declared.record,
        case_number=hold.case_number,
        criteria=hold.criteria,
    )
    await exports.add(export)
    await work.emit(export.changed(grant.actor, grant.now, "requested"))
    return export


async def download(runtime: ApiRuntime, grant: Grant, export_id: UUID) -> Download:
    """Open the package of an export and record its disclosure, which counts each record in it.

    Waits for the object store between two transactions, so that it holds no connection and no lock meanwhile.

    Raises: NotFound; NotAuthorised for a purpose that does not cover the hold, or while a wide hold awaits its
    confirmation; Conflict without a package to download; Unavailable, also if the store does not begin to send in time.
    """
    rule = runtime.policy.narrowness
    async with runtime.db.begin() as connection:
        work = UnitOfWork(connection, runtime.service, runtime.clock)
        export = await export_of(work, grant, export_id)
    check_purpose(grant, export.criteria)
    check_disclosable(wide=is_wide(export.criteria, rule), confirmed_at=export.confirmed_at)
    check_download(export.state, in_force=export.in_force, removed=export.removed_at is not None)
    async with in_time(OPENED_WITHIN_S, Unavailable(Common.OBJECT_STORE_AWAY)):
        pieces = await opened(runtime.objects.stream(export.object_key))
    holds = max(1, sum(n or 0 for n in (export.reads, export.captures, export.hits)))
    disclosed = Disclosed(record_id=export_id, holds=holds)
    async with runtime.db.begin() as connection:
        await Holds(connection).disclose_search(grant, export.hold_id, export.criteria)
        await disclose(connection, grant, "package", [disclosed])
    receipt, still = _receipt(runtime, grant, export), partial(check_account, runtime, grant)
    return Download(export, sealed(pieces, export.digest, receipt, still))


async def withdraw(work: UnitOfWork, grant: Grant, export_id: UUID, reason: str) -> Export:
    """Withdraw an export, whose package a worker then deletes; return the export.

    Raises: NotFound; NotAuthorised for a purpose that does not cover the hold; Conflict for an export that has ended,
    has a booking, or is being packaged.
    """
    export = await export_of(work, grant, export_id, lock=True)
    check_purpose(grant, export.criteria)
    check_withdrawal(export.state, booked=export.copies_booked > 0)
    exports = Exports(work.connection)
    await exports.withdraw(export_id, by=grant.actor, at=grant.now, reason=reason)
    await work.emit(export.changed(grant.actor, grant.now, "withdrawn", reason=reason))
    return await export_of(work, grant, export_id)


async def export_of(
    work: UnitOfWork, grant: Grant, export_id: UUID, *, lock: bool = False
) -> Export:
    """Return an export of the caller's agency. Raises: NotFound; with `lock`, Conflict while it is being packaged."""
    export = await Exports(work.connection).get(grant, export_id, lock=lock)
    if export is None:
        raise NotFound(Code.EXPORT_UNKNOWN)
    return export


def _receipt(runtime: ApiRuntime, grant: Grant, export: Export) -> Callable[[], Awaitable[None]]:
    """Return the function that records a download."""

    async def receive() -> None:
        async with runtime.db.begin() as connection:
            now = runtime.clock.now()
            event = export.changed(grant.actor, now, "downloaded", sha256=export.sha256)
            await emit(connection, runtime.service, event)
            act = CustodyAct(
                act_id=event.event_id,
                export_id=export.export_id,
                booking_id=None,
                kind=Act.DOWNLOADED,
                acted_at=now,
                recorded_by=grant.actor,
                recorded_at=now,
            )
            await Custody(connection).add(act)

    return receive
