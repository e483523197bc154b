"""The counted figures: for the public, kept ready so that a visit costs no query, and exactly, for auditors."""

from asyncio import Lock
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from services.audit.domain.figures import MonthSums, PublicMonth, public_month, whole_months
from services.audit.store.figures import Figures
from shared.core.errors import Unavailable
from shared.postgres.unit_of_work import UnitOfWork
from shared.service.api_runtime import ApiRuntime

READY_FOR = timedelta(minutes=5)
"""So long the document is not made again; it changes once a month."""

Encode = Callable[[Sequence[PublicMonth]], bytes]


@dataclass(frozen=True)
class Document:
    """The public figures as JSON, and the entity tag of these bytes."""

    body: bytes
    tag: str


class PublicFigures:
    """Makes the public document at most once in `READY_FOR`, however many ask for it."""

    def __init__(self, runtime: ApiRuntime) -> None:
        self._runtime = runtime
        self._made: Document | None = None
        self._until = datetime.min.replace(tzinfo=UTC)
        self._making = Lock()

    async def document(self, encode: Encode) -> Document:
        """Return the document. Raises: Unavailable if Postgres does not answer for the first one."""
        async with self._making:
            now = self._runtime.clock.now()
            if self._made is None or now >= self._until:
                self._made, self._until = await self._renewed(encode), now + READY_FOR
            return self._made

    async def _renewed(self, encode: Encode) -> Document:
        try:
            return await self._make(encode)
        except Unavailable:
            if self._made is None:
                raise
            return self._made

    async def _make(self, encode: Encode) -> Document:
        async with self._runtime.db.begin() as connection:
            months = whole_months(await Figures(connection).months())
        body = encode([public_month(month, self._runtime.policy) for month in months])
        return Document(body, f'"{sha256(body).hexdigest()[:32]}"')


async def exact_figures(work: UnitOfWork) -> Sequence[MonthSums]:
    """Return all that was counted, of each month, newest first."""
    return list(reversed(await Figures(work.connection).months()))
