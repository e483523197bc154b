"""Hits as the API and the alert stream show them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from services.hotlist.api.hit_models import (
    UNVERIFIED_NOTICE,
    DispositionOut,
    HitOut,
    HitWhole,
    SightingOut,
    VerificationOut,
)
from services.hotlist.domain.hits import Disposition, Hit, Sighting, Verification
from shared.accounts.picture_links import LINK_TOKEN
from shared.events import CautionShown


def hit_fields(hit: Hit, now: datetime, link: str | None) -> dict[str, Any]:
    """Return a hit's fields; keys of the object store are not shown, only that there is a picture."""
    fields = msgspec.structs.asdict(hit)
    outvoted_by = fields.pop("outvoted_by")
    crop_key, image_key = fields.pop("crop_key"), fields.pop("image_key")
    base = f"/v1/hits/{hit.hit_id}"
    captured_at = hit.captured_at
    return {
        **fields,
        "warnings": [*hit.warnings, *_outvoted(outvoted_by)],
        "place": msgspec.to_builtins(hit.place),
        "notice": UNVERIFIED_NOTICE if hit.status == "unverified" else None,
        "age_s": captured_at and max(0, int((now - captured_at).total_seconds())),
        "crop_url": f"{base}/crop?{LINK_TOKEN}={link}" if crop_key and link else None,
        "image_url": f"{base}/image" if image_key else None,
    }


def _outvoted(reads: int | None) -> list[CautionShown]:
    """Return what to say of a read that the other frames of its vehicle contradict, if they do."""
    if reads is None:
        return []
    told = f"The {reads} frames of this vehicle, taken together, read another plate"
    return [CautionShown("outvoted", told)]


def hit_out(hit: Hit, now: datetime, link: str | None) -> HitOut:
    """Return a hit as lists of hits and alerts show it, with the `crop_link` of who is shown it."""
    return HitOut.model_validate(hit_fields(hit, now, link))


def alert(hit: Hit, now: datetime, link: str | None) -> bytes:
    """Return a hit as a Server-Sent Event whose id is where to resume."""
    data = hit_out(hit, now, link).model_dump_json()
    return f"id: {hit.seq}\nevent: alert\ndata: {data}\n\n".encode()


def hit_whole(
    hit: Hit,
    now: datetime,
    link: str | None,
    *,
    verification: Verification | None,
    dispositions: Sequence[Disposition],
    sightings: Sequence[Sighting],
) -> HitWhole:
    """Return a hit with all that happened to it."""
    return HitWhole.model_validate(
        {
            **hit_fields(hit, now, link),
            "verification": verification and VerificationOut.model_validate(verification),
            "dispositions": [DispositionOut.model_validate(one) for one in dispositions],
            "sightings_seen": [SightingOut.model_validate(one) for one in sightings],
        }
    )
