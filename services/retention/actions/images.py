"""Streams images from the object store; checks each before its first byte is sent, without loading it whole."""

import hashlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import IO
from uuid import UUID

from services.retention.domain.problem_codes import Code
from shared.core.errors import Unavailable
from shared.core.problem_codes import Common
from shared.objects.store import ObjectStore, in_time

log = logging.getLogger(__name__)

FETCHED_WITHIN_S = 5.0
"""The longest wait for a picture: its request holds a connection to Postgres, which searches and storing need, too."""

IN_MEMORY_BYTES = 1024 * 1024
PIECE_BYTES = 256 * 1024
MEDIA_TYPES = {"image/jpeg": ".jpg", "image/png": ".png", "image/webp": ".webp"}
UNKNOWN = "application/octet-stream"


@dataclass
class Spooled:
    """A whole object, in memory or, if large, in a temporary file."""

    file: IO[bytes]
    sha256: str
    size_bytes: int
    media_type: str

    def close(self) -> None:
        """Delete the file of an object that is not sent."""
        self.file.close()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the bytes, then delete the file."""
        with self.file:
            while piece := self.file.read(PIECE_BYTES):
                yield piece


async def spool(
    objects: ObjectStore,
    key: str,
    record_id: UUID,
    *,
    sha256: str | None = None,
    media_type: str | None = None,
) -> Spooled:
    """Return an object's bytes, checked against `sha256` if given.

    `record_id` is the capture or read that the object belongs to. Log lines name it instead of the key, which
    contains a camera and a day.
    Raises: NotFound if the object does not exist; Unavailable if its digest differs from `sha256`, or if the store does
    not send it in time.
    """
    digest = hashlib.sha256()
    file: IO[bytes] = SpooledTemporaryFile(IN_MEMORY_BYTES)  # noqa: SIM115 - closed by `pieces`
    try:
        head = b""
        async with in_time(FETCHED_WITHIN_S, Unavailable(Common.OBJECT_STORE_AWAY)):
            async for piece in objects.stream(key):
                head = head or piece[:16]
                digest.update(piece)
                file.write(piece)
        if sha256 is not None and digest.hexdigest() != sha256:
            log.error("the image of %s differs from its recorded SHA-256", record_id)
            raise Unavailable(Code.IMAGE_CHANGED)
    except BaseException:
        file.close()
        raise
    size_bytes = file.tell()
    file.seek(0)
    return Spooled(file, digest.hexdigest(), size_bytes, media_type or sniffed(head))


def sniffed(head: bytes) -> str:
    """Return the media type that an image's first bytes indicate."""
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return UNKNOWN
