"""Formats reads, hits and captures as lines of a package."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from services.retention.actions.images import MEDIA_TYPES
from services.retention.domain.details import characters_of
from services.retention.domain.record_files import inert
from services.retention.store.packages import HitHistory
from services.retention.store.records import Capture, Read

COLUMNS = (
    "read_id", "captured_at", "plate", "plate_as_read", "region", "confidence", "latitude", "longitude",
    "heading_deg", "device_id", "device_name", "capture_id", "source", "model", "received_at", "image",
    "crop", "late", "corrections",
)  # fmt: skip
_DOUBTS = ("misread_risk", "alternatives", "pass_id", "pass_agrees", "hits")
CUT_TYPE = "image/png"
"""Media type of cut pictures: lossless, without metadata."""


def plain_read(read: Read, kinds: Mapping[UUID, str], *, images: bool, cut: bool) -> dict[str, Any]:
    """Return the line of a read.

    `kinds` are the media types of captures whose images the package contains; with `cut`, images are PNG.
    """
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
        "characters": [
            {
                "text": text,
                "confidence": sure,
                "alternatives": [{"text": t, "probability": p} for t, p in others],
            }
            for text, sure, others in characters_of(read.details)
        ],
        "box_px": read.details.box_px,
        "vehicle": msgspec.structs.asdict(read.details.vehicle) if read.details.vehicle else None,
        "latitude": read.latitude,
        "longitude": read.longitude,
        "heading_deg": read.heading_deg,
        "device_id": str(read.device_id),
        "device_name": read.device_name,
        "capture_id": str(read.capture_id) if read.capture_id else None,
        "source": read.source,
        "model": read.model,
        "image": image_path(read.capture_id, CUT_TYPE if cut else kinds[read.capture_id])
        if read.capture_id is not None and read.capture_id in kinds
        else None,
        "crop": f"crops/{read.read_id}{suffix}" if images and read.crop_key else None,
    }


def corrections_of(read: Read, *, whole: bool) -> list[dict[str, Any]]:
    """Return the corrections of a read, oldest first; with `whole`, also who made each, and why."""
    lines = []
    for one in read.corrections:
        line: dict[str, Any] = {
            "plate": one.seen.plate,
            "region": one.seen.region,
            "corrected_at": one.corrected_at.isoformat(),
        }
        if whole:
            line |= {
                "correction_id": str(one.correction_id),
                "reason": one.reason,
                "corrected_by": msgspec.structs.asdict(one.corrected_by),
            }
        lines.append(line)
    return lines


def doubts(read: Read) -> dict[str, Any]:
    """Return the doubts about a read, which evidence has to contain because they may exonerate."""
    flag = read.pass_flag
    return {
        "misread_risk": read.details.misread_risk,
        "alternatives": [{"plate": p, "probability": q} for p, q in read.details.alternatives],
        "pass_id": str(flag.pass_id) if flag else None,
        "pass_agrees": flag.agrees if flag else None,
    }


def plain_hit(hit: HitHistory) -> dict[str, Any]:
    """Return the line of a hit: the events themselves, which a recipient can compare with the log."""
    bodies: dict[str, list[Any]] = {"raised": [], "verified": [], "disposed": []}
    for event in hit.events:
        bodies[event.kind].append(event.body)
    plain: dict[str, Any] = {
        "hit_id": str(hit.hit_id),
        "read_id": str(hit.read_id),
        "raised": next(iter(bodies["raised"]), None),
        "verification": next(iter(bodies["verified"]), None),
        "dispositions": bodies["disposed"],
    }
    if plain["raised"] is None:  # from before events were stored: only its flags exist
        flags = ("source", "record_kind", "tier", "list_name", "outcome", "disposition")
        plain["flags"] = {name: getattr(hit, name) for name in flags}
    return plain


_CAPTURE_PLAIN = (
    "time_source", "device_name", "latitude", "longitude", "heading_deg", "outcome", "reason", "reads",
    "model", "sha256", "media_type", "size_bytes", "width_px", "height_px",
)  # fmt: skip


def plain_capture(capture: Capture, path: str) -> dict[str, Any]:
    """Return the line of a capture; `path` is its image's path in the package."""
    return {
        "capture_id": str(capture.capture_id),
        "captured_at": capture.captured_at.isoformat(),
        "received_at": capture.received_at.isoformat(),
        "late": capture.late,
        "device_id": str(capture.device_id),
        **{name: getattr(capture, name) for name in _CAPTURE_PLAIN},
        "image": path,
    }


def image_path(capture_id: UUID, media_type: str, folder: str = "images") -> str:
    """Return the path of a capture's image in a package."""
    return f"{folder}/{capture_id}{MEDIA_TYPES.get(media_type, '')}"


def columns_of(*, whole: bool) -> tuple[str, ...]:
    """Return the columns of the table of reads; with `whole`, also the doubts about each, and the ids of its hits."""
    return COLUMNS + _DOUBTS if whole else COLUMNS


def cell(value: object) -> object:
    """Return a value as a spreadsheet may have it: no text is a formula, and a list is JSON."""
    if isinstance(value, list):
        value = msgspec.json.encode(value).decode()
    return inert(value) if isinstance(value, str) else value
