"""Sends new findings to the department, so that people learn of them without opening a page (468.3.1(c)).

One HTTP POST has up to 100 due findings; they stay due until the receiver answers 2xx. A notice has the finding's id,
kind and time. It never has the person, plate or record that the finding concerns, because those require a declared
purpose.
"""

import logging
from datetime import timedelta

import httpx
from prometheus_client import Gauge

from services.audit.settings import Settings
from services.audit.store.notices import Notice, Notices
from shared.core.errors import DependencyDown
from shared.service.api_runtime import ApiRuntime

log = logging.getLogger(__name__)

UNSENT = Gauge("alpr_findings_unsent", "Findings not yet delivered to AUDIT_NOTICE_URL")

AT_ONCE = 100
TIMEOUT_S = 10.0
MAX_PAUSE = timedelta(minutes=15)


class NoticeSender:
    """Delivers notices of findings to one address, at least once each."""

    def __init__(self, runtime: ApiRuntime, settings: Settings) -> None:
        self._runtime = runtime
        self._url = settings.audit_notice_url
        token = settings.audit_notice_token
        self._headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
        if not self._url:
            log.warning("AUDIT_NOTICE_URL is not set: only the console shows findings")

    async def send(self) -> int:
        """Send due findings, 100 at most; return the number delivered.

        Raises: DependencyDown if the receiver does not accept them; a later run retries, after 15 minutes at most.
        """
        if not self._url:
            return 0
        now = self._runtime.clock.now()
        async with self._runtime.db.begin() as connection:
            notices = Notices(connection)
            due = await notices.due(now, AT_ONCE)
            fault = await self._post(due) if due else None
            if fault is None:
                await notices.sent([notice.finding_id for notice in due], now)
            else:
                pause = min(timedelta(seconds=2 ** min(due[0].attempts + 2, 12)), MAX_PAUSE)
                ids = [notice.finding_id for notice in due]
                await notices.failed(ids, again=now + pause, fault=fault)
            UNSENT.set(await notices.unsent())
        if fault is not None:
            raise DependencyDown(f"the receiver of notices did not accept the findings: {fault}")
        return len(due)

    async def _post(self, due: list[Notice]) -> str | None:
        """Return None if the receiver accepted the findings, else the fault."""
        body = {
            "findings": [
                {
                    "finding_id": str(notice.finding_id),
                    "kind": notice.kind,
                    "raised_at": notice.raised_at.isoformat(),
                }
                for notice in due
            ]
        }
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S, headers=self._headers) as client:
                answer = await client.post(self._url, json=body)
        except httpx.HTTPError as exc:
            return type(exc).__name__
        return None if answer.is_success else f"the receiver answers {answer.status_code}"
