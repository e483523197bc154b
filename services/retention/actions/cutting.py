"""Cuts pictures for releases, each in its own process: pictures come from outside and may be hostile.

The process has no environment and no open file except its pipes, and cannot get more (cutter.py). A picture that
crashes it affects no other one; the package names the omitted picture and the reason.
"""

import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from services.retention.actions.cutter import CutFault
from services.retention.domain.frame_cuts import Box, FrameCuts

TIMEOUT_S = 30.0
MAX_PICTURE_BYTES = 25 * 1024 * 1024
MAX_CUT_BYTES = 64 * 1024 * 1024
_COMMAND = (sys.executable, "-I", str(Path(__file__).with_name("cutter.py")))
_PNG = b"\x89PNG\r\n\x1a\n"
_CHUNKS = frozenset({b"IHDR", b"IDAT", b"IEND"})
_REASONS = {
    CutFault.NOT_CONFINED: "this machine cannot confine the process that cuts pictures",
    CutFault.NO_PICTURE: "it is not a picture that can be read",
    CutFault.OUTSIDE: "the plate's place lies outside it",
    CutFault.TOO_LARGE: "it takes more memory than a picture may",
    -signal.SIGXCPU: "it takes more time than a picture may",
    -signal.SIGKILL: "it takes more time or memory than a picture may",
}
_WHOLE_FRAME: dict[str, list[Box] | None] = {"visible": None, "fill": [], "plates": []}


class CutFailed(Exception):
    """The picture could not be cut; the text is written for the recipient of the package."""


async def cut(
    picture: bytes,
    cuts: FrameCuts | None,
    *,
    timeout_s: float = TIMEOUT_S,
    command: Sequence[str] = _COMMAND,
) -> bytes:
    """Return a picture as PNG without metadata, filled with one flat colour outside `cuts`.

    Args:
        picture: JPEG, PNG or WebP, as stored.
        cuts: the parts to keep; None for the whole picture.

    Raises: CutFailed with the reason.
    """
    if len(picture) > MAX_PICTURE_BYTES:
        raise CutFailed(_REASONS[CutFault.TOO_LARGE])
    asked = msgspec.json.encode(_WHOLE_FRAME if cuts is None else cuts) + b"\n"
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
        cwd="/",
        start_new_session=True,
    )
    try:
        if process.stdin is None or process.stdout is None:
            raise CutFailed("the process that cuts pictures has no pipes")
        async with asyncio.timeout(timeout_s):
            png, _ = await asyncio.gather(
                _answer(process, process.stdout), _feed(process.stdin, asked + picture)
            )
            status = await process.wait()
    except TimeoutError:
        raise CutFailed(_REASONS[-signal.SIGXCPU]) from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if png is None:
        raise CutFailed(_REASONS[CutFault.TOO_LARGE])
    if status != 0:
        raise CutFailed(_REASONS.get(status, "the process that cuts pictures crashed on it"))
    if not _is_plain(png):
        raise CutFailed("the result is not a plain picture")
    return png


async def _answer(
    process: asyncio.subprocess.Process, written: asyncio.StreamReader
) -> bytes | None:
    """Return the output of a process; kills it and returns None above `MAX_CUT_BYTES`."""
    pieces: list[bytes] = []
    size_bytes = 0
    while piece := await written.read(256 * 1024):
        pieces.append(piece)
        size_bytes += len(piece)
        if size_bytes > MAX_CUT_BYTES:
            process.kill()
            return None
    return b"".join(pieces)


async def _feed(pipe: asyncio.StreamWriter, given: bytes) -> None:
    """Write the input to a process; if it exits before reading all, its exit status gives the reason."""
    with suppress(BrokenPipeError, ConnectionResetError):
        pipe.write(given)
        await pipe.drain()
        pipe.close()


def _is_plain(png: bytes) -> bool:
    """Return whether a PNG (RFC 2083) consists of header, pixels and end only, without trailing bytes."""
    if not png.startswith(_PNG):
        return False
    at, name = len(_PNG), b""
    while name != b"IEND":
        head = png[at : at + 8]
        name = head[4:]
        if len(head) < 8 or name not in _CHUNKS:
            return False
        at += 12 + int.from_bytes(head[:4])
    return at == len(png)
