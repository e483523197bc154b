"""Writes packages: cover, gathered records, images and signature.

Images are copied from the object store to the ZIP in pieces: a package may be larger than memory. What takes long is
done in threads, a piece at a time, so that it keeps the service from no other work, and a cancellation ends it.
"""

import asyncio
import csv
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec

from services.retention.actions.cutting import MAX_PICTURE_BYTES, CutFailed, cut
from services.retention.actions.gathering import Contents, WantedObject, wanted_in
from services.retention.actions.package_pages import write_pages
from services.retention.actions.scratch import scratch
from services.retention.domain.bag import (
    CHECKPOINT,
    LOG_SIGNED_AT,
    LOG_SIZE,
    SIGNING_KEY_ID,
    BagWriter,
)
from services.retention.domain.hit_history import HITS, HITS_TAG, POLICY
from services.retention.domain.signing import Signer
from services.retention.store.packages import Built
from shared.core.errors import NotFound
from shared.core.policy import Policy
from shared.objects.store import ObjectStore
from shared.service.agreement import NewestCheckpoint
from shared.service.api_runtime import ApiRuntime

PIECE_BYTES = 1024 * 1024
"""The bytes that a thread compresses or hashes at a time."""


@dataclass(frozen=True)
class Cover:
    """A package's description of itself."""

    name: str
    """Name of the folder that contains the whole package."""
    moment: datetime
    """Time stamp of all its files, so that equal packages have equal bytes."""
    file: str
    """Name of the file with `content`."""
    content: dict[str, Any]
    """Requester, authority and purpose."""
    identifier: str
    title: str
    """Heading of its pages."""
    description: str
    tables: tuple[str, ...] = ("records.jsonl", "records.csv")
    """Files of `Contents` to include."""
    has_policy: bool = False
    """Whether to include the text of the policy in force."""


async def make_package(
    cover: Cover,
    key: str,
    gather: Callable[[Path], Awaitable[Contents]],
    *,
    runtime: ApiRuntime,
    signer: Signer,
) -> Built:
    """Build a package of the files that `gather` writes, and store it at `key` without announcing it.

    Raises: Unavailable if the object store does not answer; errors of `gather`.
    """
    with scratch() as folder:
        contents = await gather(folder)
        path = folder / "package.zip"
        await write_bag(
            path,
            contents,
            cover,
            objects=runtime.objects,
            signer=signer,
            policy=runtime.policy,
            checkpoint=runtime.agreement.checkpoint,
            now=runtime.clock.now(),
        )
        await runtime.objects.put_file(key, path)
        return Built(
            key=key,
            sha256=await _sha256(path),
            size_bytes=path.stat().st_size,
            reads=contents.reads,
            hits=contents.hits,
            captures=contents.captures,
            images=contents.images,
            omitted=len(contents.omitted),
            signed_by=signer.key_id,
        )


async def write_bag(
    path: Path,
    contents: Contents,
    cover: Cover,
    *,
    objects: ObjectStore,
    signer: Signer,
    policy: Policy,
    checkpoint: NewestCheckpoint,
    now: datetime,
) -> None:
    """Write the signed package. Raises: Unavailable if an image cannot be fetched now."""
    bag = BagWriter(path, cover.name, cover.moment)
    try:
        with bag.file(cover.file, compress=True) as file:
            file.write(msgspec.json.format(msgspec.json.encode(cover.content), indent=2))
        for name in cover.tables:
            with (
                bag.file(name, compress=True) as file,
                (contents.folder / name).open("rb") as lines,
            ):
                while piece := lines.read(PIECE_BYTES):
                    await asyncio.to_thread(file.write, piece)
        for wanted in wanted_in(contents.wanted):
            await _add_object(bag, wanted, objects, contents)
        if cover.has_policy:
            with bag.file(POLICY, compress=True) as file:
                file.write(policy.text.encode())
        if contents.omitted:
            with bag.file("omitted.csv") as file:
                file.write(_table([("file", "reason"), *contents.omitted]))
        if checkpoint.note is not None:
            with bag.file(CHECKPOINT) as file:
                file.write(checkpoint.note.encode())
        info = _info(cover, contents, policy, now) | _of_log(checkpoint)
        await write_pages(
            bag,
            contents,
            title=cover.title,
            zone=policy.department.zone,
            cover=cover.content,
            package=info | {SIGNING_KEY_ID: signer.key_id},
        )
        bag.finish(info, signer)
    except BaseException:
        bag.abandon()
        raise


def _table(rows: Iterable[tuple[str, str]]) -> bytes:
    """Return rows as CSV (RFC 4180): a reason may contain a comma."""
    table = StringIO(newline="")
    csv.writer(table, lineterminator="\r\n").writerows(rows)
    return table.getvalue().encode()


async def _add_object(
    bag: BagWriter, wanted: WantedObject, objects: ObjectStore, contents: Contents
) -> None:
    """Add one image to the package; lists a missing, altered or uncuttable one as omitted."""
    try:
        digest = await _digest(objects.stream(wanted.object_key))
    except NotFound:
        contents.omitted.append((wanted.path, "not in the object store"))
        return
    if wanted.sha256 is not None and digest != wanted.sha256:
        contents.omitted.append((wanted.path, "its SHA-256 is not the one recorded at capture"))
        return
    if not wanted.cut:
        with bag.file(wanted.path) as file:
            async for piece in objects.stream(wanted.object_key):
                file.write(piece)
        contents.images += 1
        return
    try:
        picture = await cut(await _picture(objects, wanted.object_key), wanted.cuts)
    except CutFailed as exc:
        contents.omitted.append((wanted.path, str(exc)))
        return
    with bag.file(wanted.path) as file:
        file.write(picture)
    contents.images += 1


async def _picture(objects: ObjectStore, key: str) -> bytes:
    """Return a whole picture; of one too large to cut, only slightly more than `MAX_PICTURE_BYTES`."""
    picture = bytearray()
    async for piece in objects.stream(key):
        picture += piece
        if len(picture) > MAX_PICTURE_BYTES:
            break
    return bytes(picture)


async def _digest(pieces: AsyncIterator[bytes]) -> str:
    digest = hashlib.sha256()
    async for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


async def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            await asyncio.to_thread(digest.update, piece)
    return digest.hexdigest()


def _of_log(checkpoint: NewestCheckpoint) -> dict[str, str]:
    """Return the entries of bag-info.txt about the checkpoint; empty before the first checkpoint."""
    if checkpoint.size is None or checkpoint.signed_at is None:
        return {}
    signed_at = checkpoint.signed_at.astimezone(UTC).isoformat()
    return {LOG_SIZE: str(checkpoint.size), LOG_SIGNED_AT: signed_at}


def _info(cover: Cover, contents: Contents, policy: Policy, now: datetime) -> dict[str, str]:
    return {
        "Source-Organization": policy.department.name,
        "Organization-Address": policy.department.contact,
        "Policy-Version": policy.version,
        "Policy-Digest": policy.digest,
        "External-Identifier": cover.identifier,
        "External-Description": cover.description,
        "Bagging-Date": f"{now:%Y-%m-%d}",
        "Reads": str(contents.reads),
        **({HITS_TAG: str(contents.hits)} if HITS in cover.tables else {}),
        "Late-Reads": str(contents.late),
        "Images": str(contents.images),
        "Omitted": str(len(contents.omitted)),
    }
