"""What goes into a package: what it is for, its records as JSON lines and CSV, and their images.

Evidence has images as they were captured. A release has them cut to what it is of (ADR-0029).

Rows go from the database's cursor into files, and images from the object store into the ZIP, a piece at a
time: a package may be larger than memory.
"""

import csv
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from services.retention.actions.cutting import MAX_PICTURE_BYTES, CutFailed, cut
from services.retention.actions.images import MEDIA_TYPES
from services.retention.actions.scratch import scratch
from services.retention.domain.bag import CHECKPOINT, LOG_SIGNED_AT, LOG_SIZE, BagWriter
from services.retention.domain.parts import Parts, PlaceUnknown, parts_of
from services.retention.domain.signing import Signer
from services.retention.domain.telling import HITS, HITS_TAG, POLICY
from services.retention.store.packages import Built, Released, ToldHit
from services.retention.store.records import Capture, Read
from shared.core.errors import NotFound
from shared.core.policy import Policy
from shared.objects.store import ObjectStore
from shared.service.runtime import Runtime
from shared.service.standing import NewestCheckpoint

_COLUMNS = (
    "read_id", "captured_at", "plate", "plate_as_read", "region", "confidence", "latitude", "longitude",
    "heading_deg", "device_id", "device_name", "capture_id", "source", "model", "received_at", "image",
    "crop", "late",
)  # fmt: skip
_TEXTS = ("plate_as_read", "device_name", "model")
CUT_TYPE = "image/png"
"""Of cut pictures: pixels as they were, and beside them nothing."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Cover:
    """What a package says of itself."""

    name: str
    """Of the folder that holds all of it."""
    moment: datetime
    """That its files bear, so that alike packages are the same bytes."""
    file: str
    """What `content` is called in it."""
    content: dict[str, Any]
    """Who asked, on whose authority, and for what."""
    identifier: str
    description: str
    tables: tuple[str, ...] = ("records.jsonl", "records.csv")
    """Files of `Contents` that belong into it."""
    has_policy: bool = False
    """Whether the policy in force goes into it, as written."""


@dataclass(frozen=True)
class Cutting:
    """How the pictures of a release are cut."""

    margin_widths: float
    """How much of a frame is shown around a plate, each way, in the plate's widths."""
    originals: frozenset[UUID] = frozenset()
    """Captures whose frames the approver named, to be handed over as they were captured."""


class _Wanted(NamedTuple):
    """An object that belongs into the package."""

    path: str
    object_key: str
    sha256: str | None
    cut: bool = False
    """Made anew from its pixels, those outside `parts` filled."""
    parts: Parts | None = None
    """None for all of it."""


@dataclass
class Contents:
    """What was put together so far, in a folder of its own."""

    folder: Path
    reads: int = 0
    hits: int = 0
    captures: int = 0
    images: int = 0
    late: int = 0
    """Reads that came later than their device may keep them back."""
    omitted: list[tuple[str, str]] = field(default_factory=list)
    originals: set[UUID] = field(default_factory=set)
    """Captures whose frames are in it as they were captured, in a release."""

    @property
    def records_jsonl(self) -> Path:
        """One read a line, whole."""
        return self.folder / "records.jsonl"

    @property
    def records_csv(self) -> Path:
        """The same as a table."""
        return self.folder / "records.csv"

    @property
    def hits_jsonl(self) -> Path:
        """One hit a line: what was told of it, as it was published."""
        return self.folder / HITS

    @property
    def captures_jsonl(self) -> Path:
        """One capture a line: its image's digest, and what came of it, a plate or none."""
        return self.folder / "captures.jsonl"

    @property
    def wanted(self) -> Path:
        """The objects to fetch, one a line."""
        return self.folder / "wanted.jsonl"


async def gather_records(
    released: Released, folder: Path, *, images: bool, cutting: Cutting | None = None
) -> Contents:
    """Write the records to files in `folder`, and list the images that belong to them.

    With `cutting` images are cut to what is released; without they are as they were captured.
    """
    contents = Contents(folder)
    is_cut = cutting is not None
    with (
        contents.records_jsonl.open("wb") as lines,
        contents.records_csv.open("w", newline="") as table,
        contents.hits_jsonl.open("wb") as matches,
        contents.captures_jsonl.open("wb") as frames,
        contents.wanted.open("wb") as wanted,
    ):
        rows = csv.DictWriter(table, _COLUMNS, lineterminator="\r\n")
        rows.writeheader()
        async for chunk in released.reads():
            captured = [r.capture_id for r in chunk if images and r.capture_id is not None]
            kinds = await released.media_types(captured)
            hits = await released.hits(chunk)
            for hit in hits:
                matches.write(msgspec.json.encode(_plain_hit(hit)) + b"\n")
            contents.hits += len(hits)
            for read in chunk:
                plain = _plain(read, kinds, images=images, cut=is_cut)
                if released.whole:
                    plain |= _doubts(read)
                if released.has_hits:
                    plain["hits"] = [str(h.hit_id) for h in hits if h.read_id == read.read_id]
                lines.write(msgspec.json.encode(plain) + b"\n")
                rows.writerow(_safe({name: plain[name] for name in _COLUMNS}))
                if images and read.crop_key is not None:
                    _want(wanted, _Wanted(plain["crop"], read.crop_key, None, cut=is_cut))
            contents.reads += len(chunk)
            contents.late += sum(read.late is True for read in chunk)
        if images:
            async for captures in released.captures():
                if cutting is not None:
                    await _want_parts(wanted, released, captures, cutting, contents)
                else:
                    _want_frames(wanted, frames, captures)
                contents.captures += len(captures)
    return contents


def _want_frames(wanted: Any, frames: Any, captures: Sequence[Capture]) -> None:
    """List frames as they were captured."""
    for capture in captures:
        path = _image_path(capture.capture_id, capture.media_type)
        frames.write(msgspec.json.encode(_plain_capture(capture, path)) + b"\n")
        _want(wanted, _Wanted(path, capture.object_key, capture.sha256))


async def _want_parts(
    wanted: Any,
    released: Released,
    captures: Sequence[Capture],
    cutting: Cutting,
    contents: Contents,
) -> None:
    """List the parts of frames that are released, and beside them the originals that were named."""
    places = await released.places(captures)
    for capture in captures:
        key, sha256 = capture.object_key, capture.sha256
        if capture.capture_id in cutting.originals:
            path = _image_path(capture.capture_id, capture.media_type, folder="originals")
            _want(wanted, _Wanted(path, key, sha256))
            contents.originals.add(capture.capture_id)
        path = _image_path(capture.capture_id, CUT_TYPE)
        place = places[capture.capture_id]
        try:
            parts = parts_of(place.released, place.others, margin_widths=cutting.margin_widths)
        except PlaceUnknown as exc:
            contents.omitted.append((path, str(exc)))
            continue
        _want(wanted, _Wanted(path, key, sha256, cut=True, parts=parts))


def _plain(read: Read, kinds: Mapping[UUID, str], *, images: bool, cut: bool) -> dict[str, Any]:
    suffix = Path(read.crop_key).suffix if read.crop_key else ""
    if cut:
        suffix = MEDIA_TYPES[CUT_TYPE]
    return {
        "read_id": str(read.read_id),
        "captured_at": read.captured_at.isoformat(),
        "received_at": read.received_at.isoformat(),
        "late": read.late,
        "plate": read.plate,
        "plate_as_read": read.plate_as_read,
        "region": read.region,
        "confidence": read.confidence,
        "characters": [{"text": t, "confidence": c} for t, c in read.details.characters],
        "box_px": read.details.box_px,
        "latitude": read.latitude,
        "longitude": read.longitude,
        "heading_deg": read.heading_deg,
        "device_id": str(read.device_id),
        "device_name": read.device_name,
        "capture_id": str(read.capture_id) if read.capture_id else None,
        "source": read.source,
        "model": read.model,
        "image": _image_path(read.capture_id, CUT_TYPE if cut else kinds[read.capture_id])
        if read.capture_id is not None and read.capture_id in kinds
        else None,
        "crop": f"crops/{read.read_id}{suffix}" if images and read.crop_key else None,
    }


def _doubts(read: Read) -> dict[str, Any]:
    """Return what speaks against a read: evidence has what exonerates, too."""
    flag = read.pass_flag
    return {
        "misread_risk": read.details.misread_risk,
        "alternatives": [{"plate": p, "probability": q} for p, q in read.details.alternatives],
        "pass_id": str(flag.pass_id) if flag else None,
        "pass_agrees": flag.agrees if flag else None,
    }


def _plain_hit(hit: ToldHit) -> dict[str, Any]:
    """Return a hit as a package tells it: the events themselves, so that they can be held against the log."""
    bodies: dict[str, list[Any]] = {"raised": [], "verified": [], "disposed": []}
    for event in hit.told:
        bodies[event["kind"]].append(event["body"])
    plain: dict[str, Any] = {
        "hit_id": str(hit.hit_id),
        "read_id": str(hit.read_id),
        "raised": next(iter(bodies["raised"]), None),
        "verification": next(iter(bodies["verified"]), None),
        "dispositions": bodies["disposed"],
    }
    if plain["raised"] is None:  # from before events were kept: its flags are all that there is
        flags = ("source", "record_kind", "tier", "list_name", "outcome", "disposition")
        plain["flags"] = {name: getattr(hit, name) for name in flags}
    return plain


_CAPTURE_PLAIN = (
    "time_source", "device_name", "latitude", "longitude", "heading_deg", "outcome", "reason", "reads",
    "model", "sha256", "media_type", "size_bytes", "width_px", "height_px",
)  # fmt: skip


def _plain_capture(capture: Capture, path: str) -> dict[str, Any]:
    return {
        "capture_id": str(capture.capture_id),
        "captured_at": capture.captured_at.isoformat(),
        "received_at": capture.received_at.isoformat(),
        "late": capture.late,
        "device_id": str(capture.device_id),
        **{name: getattr(capture, name) for name in _CAPTURE_PLAIN},
        "image": path,
    }


def _image_path(capture_id: UUID, media_type: str, folder: str = "images") -> str:
    return f"{folder}/{capture_id}{MEDIA_TYPES.get(media_type, '')}"


def _safe(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row in which no text is a formula to a spreadsheet; the JSON lines have it unchanged."""
    return {
        name: f"'{value}" if name in _TEXTS and str(value).startswith(_FORMULA) else value
        for name, value in row.items()
    }


def _want(file: Any, wanted: _Wanted) -> None:
    file.write(msgspec.json.encode(wanted) + b"\n")


def _wanted(path: Path) -> Iterator[_Wanted]:
    with path.open("rb") as lines:
        for line in lines:
            yield msgspec.json.decode(line, type=_Wanted)


async def make_package(
    cover: Cover,
    key: str,
    gather: Callable[[Path], Awaitable[Contents]],
    *,
    runtime: Runtime,
    signer: Signer,
) -> Built:
    """Return a package of what `gather` puts into a folder, kept at `key` and not yet announced.

    Raises: Unavailable when the object store does not answer; whatever `gather` raises.
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
            checkpoint=runtime.standing.checkpoint,
            now=runtime.clock.now(),
        )
        await runtime.objects.put_file(key, path)
        return Built(
            key=key,
            sha256=_sha256(path),
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
    """Write the signed package. Raises: Unavailable when an image cannot be fetched now."""
    bag = BagWriter(path, cover.name, cover.moment)
    try:
        with bag.file(cover.file, compress=True) as file:
            file.write(msgspec.json.format(msgspec.json.encode(cover.content), indent=2))
        for name in cover.tables:
            with (
                bag.file(name, compress=True) as file,
                (contents.folder / name).open("rb") as lines,
            ):
                while piece := lines.read(256 * 1024):
                    file.write(piece)
        for wanted in _wanted(contents.wanted):
            await _add_object(bag, wanted, objects, contents)
        if cover.has_policy:
            with bag.file(POLICY, compress=True) as file:
                file.write(policy.text.encode())
        if contents.omitted:
            with bag.file("omitted.csv") as file:
                file.write(b"file,reason\r\n")
                for name, reason in contents.omitted:
                    file.write(f"{name},{reason}\r\n".encode())
        if checkpoint.note is not None:
            with bag.file(CHECKPOINT) as file:
                file.write(checkpoint.note.encode())
        info = _info(cover, contents, policy, now) | _of_log(checkpoint)
        bag.finish(info, signer)
    except BaseException:
        bag.abandon()
        raise


async def _add_object(
    bag: BagWriter, wanted: _Wanted, objects: ObjectStore, contents: Contents
) -> None:
    """Put one image into the package; one that is gone or not what was recorded is named as omitted."""
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
        picture = await cut(await _picture(objects, wanted.object_key), wanted.parts)
    except CutFailed as exc:
        contents.omitted.append((wanted.path, str(exc)))
        return
    with bag.file(wanted.path) as file:
        file.write(picture)
    contents.images += 1


async def _picture(objects: ObjectStore, key: str) -> bytes:
    """Return a picture whole; of one that is too large to be cut as much as tells that."""
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


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _of_log(checkpoint: NewestCheckpoint) -> dict[str, str]:
    """Return what bag-info.txt says of the checkpoint; nothing before the first one."""
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
