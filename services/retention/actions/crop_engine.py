"""Runs the program that reads crops of plates, for reports on accuracy (ADR-0085).

The program is recognition's `workers/crop_reader.py`, which describes its pipes. It gets no secret: its environment
has recognition's own settings and the path of the policy, which hold none. Its errors name no record and no plate.
"""

import asyncio
import logging
import os
import shlex
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from services.retention.domain.accuracy import Reading
from shared.core.errors import DependencyDown

log = logging.getLogger(__name__)

START_TIMEOUT_S: Final = 120.0
READ_TIMEOUT_S: Final = 30.0
MOST_RESTARTS: Final = 10
"""How many crops may end the program before the report waits: they come from cameras and may be hostile."""

OF_RECOGNITION: Final = "RECOGNITION_"
"""The beginning of the settings that the program gets: they choose the engine."""

_FAULTS: Final = (OSError, TimeoutError, msgspec.MsgspecError)


class _Loaded(msgspec.Struct):
    engine: str


class _CropReading(msgspec.Struct):
    plate: str | None = None
    confidence: float = 0.0
    is_image: bool = True


class CropEngine:
    """The program of one report, replaced when a crop ends it. Use from one task."""

    def __init__(self, command: str, policy_file: Path) -> None:
        """`command` is a command line; the policy chooses the region packs by which the engine reads."""
        self._command = shlex.split(command)
        self._policy_file = policy_file
        self._process: Process | None = None
        self._restarts = 0
        self.engine = ""
        """The engine as `name@digest`, known after the start."""

    @property
    def pid(self) -> int | None:
        """The program's process id; None if it does not run."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start the program and wait for its engine. Raises: DependencyDown."""
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                env=_environment(self._policy_file),
                start_new_session=True,
            )
            async with asyncio.timeout(START_TIMEOUT_S):
                loaded = msgspec.json.decode(await self._line(), type=_Loaded)
        except _FAULTS as exc:
            # Never with a message, which could contain an answer.
            detail = f"the program that reads crops does not start: {type(exc).__name__}"
            raise DependencyDown(detail) from None
        self.engine = loaded.engine

    async def read(self, crop: bytes) -> Reading | None:
        """Return what the engine reads in a crop; None for bytes that are no image, or that end the program.

        Raises: DependencyDown if the program does not start again, or has ended too often.
        """
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                await self._write(len(crop).to_bytes(4) + crop)
                found = msgspec.json.decode(await self._line(), type=_CropReading)
        except _FAULTS as exc:
            await self._replace(type(exc).__name__)
            return None
        return Reading(found.plate, found.confidence) if found.is_image else None

    async def stop(self) -> None:
        """Kill the program, if it runs."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _replace(self, fault: str) -> None:
        await self.stop()
        self._restarts += 1
        log.warning("a crop ended the program that reads crops: %s", fault)
        if self._restarts > MOST_RESTARTS:
            raise DependencyDown(
                f"more than {MOST_RESTARTS} crops ended the program that reads them"
            )
        await self.start()

    async def _write(self, given: bytes) -> None:
        """Write to the program's standard input. Raises: OSError if it ended."""
        if self._process is None or self._process.stdin is None:
            raise BrokenPipeError
        self._process.stdin.write(given)
        await self._process.stdin.drain()

    async def _line(self) -> bytes:
        """Return the program's next line. Raises: BrokenPipeError if it ended."""
        if self._process is None or self._process.stdout is None:
            raise BrokenPipeError
        line = await self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise BrokenPipeError
        return line


@asynccontextmanager
async def crop_engine(command: str, policy_file: Path) -> AsyncIterator[CropEngine]:
    """Start the program of a command line, and end it with the block. Raises: DependencyDown."""
    engine = CropEngine(command, policy_file)
    try:
        await engine.start()
        yield engine
    finally:
        await engine.stop()


def _environment(policy_file: Path) -> dict[str, str]:
    chosen = {name: value for name, value in os.environ.items() if name.startswith(OF_RECOGNITION)}
    return chosen | {"POLICY_FILE": str(policy_file)}
