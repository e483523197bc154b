"""Frees the files of requests that were kept for their time, unless a hold may concern one (ADR-0120)."""

import logging
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.retention.domain.criteria import Criteria
from services.retention.domain.holding import is_same_case, may_concern
from services.retention.spec import SPEC
from services.retention.store.holds import Hold, HoldsInForce
from services.retention.store.locks import HOLDS, Locks
from services.retention.store.packages import Packages
from shared.core.errors import InternalFault
from shared.events import ReleaseFreed, ReleaseLapsed
from shared.postgres.outbox import emit

log = logging.getLogger(__name__)


async def free_file(connection: AsyncConnection, lapsed: ReleaseLapsed, now: datetime) -> None:
    """Announce that no hold concerns the file, and delete what is stored of its package here.

    While a hold may concern it, nothing is announced: release asks again the next day.
    Raises: InternalFault for a window without a zone; ValueRefused for an odd plate.
    """
    window = (lapsed.criteria.captured_from, lapsed.criteria.captured_to)
    if any(moment.tzinfo is None for moment in window):
        raise InternalFault("the window of a lapsed request needs an offset from UTC")
    asked = Criteria(
        plate=lapsed.criteria.plate,
        captured_from=lapsed.criteria.captured_from,
        captured_to=lapsed.criteria.captured_to,
        device_ids=tuple(lapsed.criteria.device_ids),
    )
    await Locks(connection).exclusive(HOLDS)
    for hold in await HoldsInForce(connection).all():
        if await _concerns(connection, hold, lapsed.case_number, asked):
            log.info("the file of request %s stays: hold %s", lapsed.request_id, hold.hold_id)
            return
    await Packages(connection).forget(lapsed.request_id)
    await emit(connection, SPEC.name, ReleaseFreed(occurred_at=now, request_id=lapsed.request_id))


async def _concerns(
    connection: AsyncConnection, hold: Hold, case_number: str, asked: Criteria
) -> bool:
    if is_same_case(hold.case_number, case_number):
        return True
    if not may_concern(hold.criteria, asked):
        return False
    if not hold.criteria.read_ids:
        return True
    return await HoldsInForce(connection).names_read_of(hold, asked)
