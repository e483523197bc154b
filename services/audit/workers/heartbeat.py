"""Resets a dead-man switch outside the department for as long as the audit log works.

When the posts stop, the switch raises an alarm. So the alarm also comes if audit, its database, Kafka or the whole site
is down, when nothing here can send one.
"""

import asyncio
from datetime import datetime, timedelta

import httpx

from services.audit.settings import Settings
from services.audit.store.checkpoints import Checkpoints
from services.audit.workers.coverage import CoverageReport
from shared.core.errors import DependencyDown
from shared.service.api_runtime import ApiRuntime
from shared.service.coverage import REPORTED_AFTER_S

EVERY_S = 60.0
TIMEOUT_S = 20.0
GRACE = timedelta(seconds=60)
"""An entry may wait for its signature so much longer than the interval of checkpoints."""


class Heartbeat:
    """Posts to the dead-man switch while the log is appended and signed in time."""

    def __init__(self, runtime: ApiRuntime, settings: Settings, coverage: CoverageReport) -> None:
        self._runtime = runtime
        self._url = settings.audit_heartbeat_url
        self._signed_within = timedelta(seconds=settings.audit_checkpoint_s) + GRACE
        self._coverage = coverage
        self._tls = httpx.create_ssl_context()

    async def beat(self) -> None:
        """Post if the log works.

        Raises: DependencyDown if it is behind or unsigned, or the switch does not answer 2xx; Unavailable if Postgres
        does not answer.
        """
        now = self._runtime.clock.now()
        if (fault := await self._fault(now)) is not None:
            raise DependencyDown(f"no heartbeat: {fault}")
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                httpx.AsyncClient(timeout=TIMEOUT_S, verify=self._tls) as client,
            ):
                answer = await client.post(self._url)
        except (httpx.HTTPError, TimeoutError) as exc:
            raise DependencyDown(
                f"AUDIT_HEARTBEAT_URL does not answer ({type(exc).__name__})"
            ) from None
        if not answer.is_success:
            raise DependencyDown(f"AUDIT_HEARTBEAT_URL answers {answer.status_code}")

    async def _fault(self, now: datetime) -> str | None:
        until = self._coverage.until
        if until is None:
            return "it is not known up to when the log has all events"
        if (behind := now - until) > timedelta(seconds=REPORTED_AFTER_S):
            return f"the log is {behind.total_seconds():.0f} s behind"
        async with self._runtime.db.begin() as connection:
            since = await Checkpoints(connection).unsigned_since()
        if since is not None and now - since > self._signed_within:
            return f"entries wait for a checkpoint since {since.isoformat(timespec='seconds')}"
        return None
