"""A camera that goes on posting reads whatever happens, and keeps account of what was acknowledged."""

import asyncio
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import httpx

from local.demo.client import Api

PER_S = 2.0
PAUSE_S = 0.5
"""Between two tries of one read."""

GIVES_UP_AFTER_S = 400.0


@dataclass
class Account:
    """What became of the reads of a camera."""

    acknowledged: list[str] = field(default_factory=list)
    """Plates, each once."""
    given_up: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    """Answers other than 202, and failed connections, each of which was tried again."""
    acknowledged_at_s: list[float] = field(default_factory=list)
    """On the monotonic clock."""

    @property
    def longest_gap_s(self) -> float:
        """The longest time without an acknowledgement."""
        moments = sorted(self.acknowledged_at_s)
        return max((b - a for a, b in itertools.pairwise(moments)), default=0.0)


@dataclass(frozen=True)
class Losses:
    """What of the acknowledged reads is on record."""

    lost: int
    doubled: int
    unknown: int
    """Reads on record that were never sent."""


def losses(account: Account, recorded: Sequence[str]) -> Losses:
    """Compare the plates that were acknowledged with those on record, each as often as it is there."""
    found = Counter(recorded)
    sent = {*account.acknowledged, *account.given_up}
    return Losses(
        lost=sum(found[plate] == 0 for plate in account.acknowledged),
        doubled=sum(count - 1 for plate, count in found.items() if plate in sent),
        unknown=sum(count for plate, count in found.items() if plate not in sent),
    )


class Camera:
    """Posts one read after another in the background, each until it is acknowledged."""

    def __init__(self, api: Api, credential: str, plates: Iterator[str]) -> None:
        self.account = Account()
        self._api = api
        self._credential = credential
        self._plates = plates
        self._posts: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._go_on())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        if kind is not None:
            for post in self._posts:
                post.cancel()
        await asyncio.gather(*self._posts, return_exceptions=True)

    async def _go_on(self) -> None:
        for plate in self._plates:
            post = asyncio.create_task(self._post(plate))
            self._posts.add(post)
            post.add_done_callback(self._posts.discard)
            await asyncio.sleep(1 / PER_S)

    async def _post(self, plate: str) -> None:
        read = {
            "plate": plate,
            "confidence": 0.97,
            "captured_at": datetime.now(UTC).isoformat(),
            "source_id": f"test-{plate}",
        }
        until = time.monotonic() + GIVES_UP_AFTER_S
        while time.monotonic() < until:
            answer = await self._try(read)
            if answer == "202":
                self.account.acknowledged.append(plate)
                self.account.acknowledged_at_s.append(time.monotonic())
                return
            self.account.refused[answer] += 1
            if answer.startswith("4") and answer != "429":
                break
            await asyncio.sleep(PAUSE_S)
        self.account.given_up.append(plate)

    async def _try(self, read: dict[str, Any]) -> str:
        headers = {"Authorization": f"Bearer {self._credential}"}
        try:
            answer = await self._api.ask(
                "ingest", "POST", "/v1/reads", json=[read], headers=headers, timeout=10.0
            )
        except httpx.TransportError as fault:
            return type(fault).__name__
        return str(answer.status_code)
