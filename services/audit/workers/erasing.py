"""Erases the sealed values of purged records, as soon as the log contains the purge's certificate.

Follows the `records.purged` entries of its own log: the database shows which purges are pending, and how far each
erasing is. An erasing lists the values in pieces, commits the list with its `values.erased` entry, which names the
purge's certificate of destruction, and deletes the values in pieces. Only that commit locks the log (ADR-0060).
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from time import perf_counter
from uuid import UUID

import msgspec

from services.audit.actions.writer import Writer
from services.audit.domain.findings import a_finding
from services.audit.store.findings import Findings
from services.audit.store.values import Pending, Values
from shared.core.errors import AlprError, InternalFault, NotFound
from shared.events import PurgeList, RecordsPurged
from shared.events.purges import check_floor
from shared.objects.purge_list import ListReader
from shared.postgres.restores import Restores
from shared.postgres.statistics import forget_statistics
from shared.service.api_runtime import ApiRuntime

log = logging.getLogger(__name__)

CERTIFIED_WITHIN = timedelta(days=2)
"""The time after which a purge without a certificate raises a finding.

The log erases no value of the purge before its certificate. Retention needs a day at most unless it cannot delete
objects.
"""

FEWEST, MOST = 100, 20_000
"""Bounds of the groups that one transaction lists or deletes."""

PIECE_S = 0.5
"""Time that a transaction which lists or deletes should take."""


class Eraser:
    """Erases values for purges; several may run, and each purge is applied once."""

    def __init__(self, runtime: ApiRuntime, writer: Writer) -> None:
        self._runtime = runtime
        self._writer = writer

    async def catch_up(self) -> int:
        """Erase the values of each pending purge; return the number of purges applied.

        A purge with an invalid list raises a finding, and its values stay.
        Raises: Unavailable if Postgres or the object store does not answer.
        """
        await self._delete()
        async with self._runtime.db.begin() as connection:
            pending = await Values(connection).pending()
        done = 0
        for one in pending:
            try:
                done += await self._follow(one)
            except (InternalFault, NotFound) as exc:
                log.error("the values of purge entry %d are not erased: %s", one.seq, exc.detail)
                await self._find(one, exc)
        return done

    async def _follow(self, pending: Pending) -> bool:
        purged = _purged_in(pending)
        floor_days = self._runtime.policy.retention.floor_days
        check_floor(purged, floor_days, self._runtime.clock.now())
        named = purged.purge_list
        if named is None:
            raise InternalFault("the purge has no list of destroyed records")
        async with self._runtime.db.begin() as connection:
            certificate = await Values(connection).certificate(purged.run_id)
        if certificate is None:
            return self._wait(pending)
        held, gone = await self._read(purged, named)
        await self._in_pieces(
            lambda values, most: values.list_erased(purged.event_id, held, gone, most)
        )
        erased = await self._writer.erase(purged, named, held, gone)
        await self._delete()
        async with self._runtime.db.begin() as connection:
            await Restores(connection).settle(purged.before, self._runtime.clock.now())
        if erased is not None:
            log.info("purge run %s: %d values erased from the log", purged.run_id, erased.groups)
        return erased is not None

    async def _delete(self) -> None:
        """Delete the values whose erasing is logged, also those that an interrupted run left."""
        async with self._runtime.db.begin() as connection:
            logged = await Values(connection).logged()
        for purged in logged:
            await self._delete_of(purged)
        if logged:
            async with self._runtime.db.begin() as connection:
                await forget_statistics(connection)

    async def _delete_of(self, purged: UUID) -> None:
        await self._in_pieces(lambda values, most: values.delete_erased(purged, most))

    async def _in_pieces(self, step: Callable[[Values, int], Awaitable[bool]]) -> None:
        """Repeat a step until it returns False, each in a transaction, with as much work as fits `PIECE_S`."""
        most, more = FEWEST, True
        while more:
            began = perf_counter()
            async with self._runtime.db.begin() as connection:
                more = await step(Values(connection), most)
            wanted = most * PIECE_S / (perf_counter() - began)
            most = max(FEWEST, min(MOST, 4 * most, int(wanted)))

    def _wait(self, pending: Pending) -> bool:
        """Return False while the certificate may still come. Raises: InternalFault once it is overdue."""
        if self._runtime.clock.now() - pending.appended_at > CERTIFIED_WITHIN:
            days = CERTIFIED_WITHIN.days
            raise InternalFault(f"the purge is not certified after {days} days")
        return False

    async def _read(self, purged: RecordsPurged, named: PurgeList) -> tuple[list[str], list[str]]:
        """Return the digests of held records, and those of purged records that values of the last day concern.

        Both sections are read to their end, and so verified, before anything acts on them.
        """
        reader = ListReader(self._runtime.objects, purged.run_id, named)
        async with self._runtime.db.begin() as connection:
            texts = await Values(connection).reads_of_day(purged.before)
        of_last_day = {UUID(digest).bytes: digest for digest in texts}
        held = [
            str(UUID(bytes=digest))
            async for page in reader.section("held")
            for digest in page.digests
        ]
        gone = [
            of_last_day[digest]
            async for page in reader.section("purged")
            for digest in of_last_day.keys() & set(page.digests)
        ]
        return held, gone

    async def _find(self, pending: Pending, exc: AlprError) -> None:
        now = self._runtime.clock.now()
        finding = a_finding(
            "not_erased", "audit", now, pending.seq, seq=pending.seq, why=exc.detail
        )
        async with self._runtime.db.begin() as connection:
            await Findings(connection, self._runtime.service).raise_once(finding)


def _purged_in(pending: Pending) -> RecordsPurged:
    try:
        return msgspec.convert(msgspec.json.decode(pending.content)["data"], RecordsPurged)
    except (msgspec.DecodeError, LookupError, TypeError) as exc:
        raise InternalFault("the entry is not a valid records.purged event") from exc
