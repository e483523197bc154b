"""What the routes of a running hotlist work with."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import uuid4

from fastapi import Depends, Request

from services.hotlist.settings import Settings
from services.hotlist.store.lists import CHANNEL as LISTS_CHANNEL
from services.hotlist.store.raised import CHANNEL as ALERTS_CHANNEL
from services.hotlist.workers.broadcast import Broadcaster, Encode
from services.hotlist.workers.index_refresh import Refresher
from services.hotlist.workers.matcher import Raiser
from services.hotlist.workers.notices import Notices
from shared.core.errors import Unavailable
from shared.postgres.month_secrets import MonthSecrets
from shared.postgres.unit_of_work import UnitOfWork
from shared.service.runtime import Runtime

log = logging.getLogger(__name__)

MAX_UPLOADS = 2
"""In one process at a time."""


class Parts:
    """The matcher's and the streams' parts, started after the database is ready."""

    def __init__(self, runtime: Runtime, settings: Settings, encode: Encode) -> None:
        self.runtime = runtime
        self.settings = settings
        self.refresher = Refresher(runtime, settings)
        self.broadcaster = Broadcaster(runtime, settings, encode)
        own = uuid4().hex
        self.secrets = MonthSecrets(
            runtime.db,
            runtime.clock,
            settings.id_vault,
            kept_days=runtime.policy.retention.schedule_days,
        )
        self.raiser = Raiser(
            runtime, settings, self.refresher, self.broadcaster.task.wake, own, self.secrets
        )
        self._uploads = 0
        self._notices = Notices(
            settings.database_link(),
            {
                LISTS_CHANNEL: self.refresher.task.wake,
                ALERTS_CHANNEL: self.broadcaster.task.wake,
            },
            own,
        )

    def start(self) -> None:
        """Follow lists, hear notices, broadcast."""
        self.runtime.run(
            self.secrets.reloading,
            self.refresher.task,
            self.broadcaster.task,
            self._notices.task,
        )

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[UnitOfWork]:
        """A transaction; what it put in force is matched here when this ends, elsewhere soon after."""
        async with self.runtime.db.begin() as connection:
            yield UnitOfWork(connection, self.runtime.service, self.runtime.clock)
        try:
            await self.refresher.refresh()
        except Unavailable as exc:  # committed all the same; the refresher tries again by itself
            log.warning("hot lists not refreshed after a change: %s", exc.detail)

    @asynccontextmanager
    async def uploading(self) -> AsyncIterator[None]:
        """One of few uploads at a time: each holds a database connection until it has arrived.

        Raises: Unavailable when too many are under way.
        """
        if self._uploads >= MAX_UPLOADS:
            raise Unavailable("other hot lists are being uploaded", retry_after_s=10)
        self._uploads += 1
        try:
            yield
        finally:
            self._uploads -= 1


def parts_of(request: Request) -> Parts:
    """Return the parts of the app that serves `request`."""
    parts = request.app.state.parts
    assert isinstance(parts, Parts)  # noqa: S101 - for the type checker; build_app sets it
    return parts


Hotlist = Annotated[Parts, Depends(parts_of)]
