"""Rows of the store as the API and the alert stream show them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.hotlist.api.hit_models import (
    UNVERIFIED_NOTICE,
    DispositionOut,
    HitOut,
    HitWhole,
    SightingOut,
    VerificationOut,
)
from shared.accounts.picture_links import LINK_TOKEN
from shared.http.models import Person

Row = Mapping[str, Any]


def hit_fields(row: Row, now: datetime, link: str | None) -> dict[str, Any]:
    """Return a hit's fields; keys of the object store are not shown, only that there is a picture."""
    fields = dict(row)
    outvoted_by = fields.pop("outvoted_by")
    crop_key, image_key = fields.pop("crop_key"), fields.pop("image_key")
    base = f"/v1/hits/{row['hit_id']}"
    captured_at = row["captured_at"]
    return {
        **fields,
        "warnings": [*row["warnings"], *_outvoted(outvoted_by)],
        "notice": UNVERIFIED_NOTICE if row["status"] == "unverified" else None,
        "age_s": captured_at and max(0, int((now - captured_at).total_seconds())),
        "crop_url": f"{base}/crop?{LINK_TOKEN}={link}" if crop_key and link else None,
        "image_url": f"{base}/image" if image_key else None,
    }


def _outvoted(reads: int | None) -> list[dict[str, str]]:
    """Return what to say of a read that the other frames of its vehicle contradict, if they do."""
    if reads is None:
        return []
    told = f"The {reads} frames of this vehicle, taken together, read another plate"
    return [{"code": "outvoted", "text": told}]


def hit_out(row: Row, now: datetime, link: str | None) -> HitOut:
    """Return a hit as lists of hits and alerts show it, with the `crop_link` of who is shown it."""
    return HitOut.model_validate(hit_fields(row, now, link))


def alert(row: Row, now: datetime, link: str | None) -> bytes:
    """Return a hit as a Server-Sent Event whose id is where to resume."""
    hit = hit_out(row, now, link)
    return f"id: {hit.seq}\nevent: alert\ndata: {hit.model_dump_json()}\n\n".encode()


def hit_whole(
    row: Row,
    now: datetime,
    link: str | None,
    *,
    verification: Row | None,
    dispositions: Sequence[Row],
    sightings: Sequence[Row],
) -> HitWhole:
    """Return a hit with all that happened to it."""
    return HitWhole.model_validate(
        {
            **hit_fields(row, now, link),
            "verification": verification and VerificationOut(**_with_person(verification)),
            "dispositions": [DispositionOut(**_with_person(d)) for d in dispositions],
            "sightings_seen": [SightingOut(**s) for s in sightings],
        }
    )


def _with_person(row: Row) -> dict[str, Any]:
    fields = {name: value for name, value in row.items() if not name.startswith("person_")}
    person = Person(
        person_id=row["person_id"],
        name=row["person_name"],
        title=row["person_title"],
        agency_ori=row["person_ori"],
    )
    return {**fields, "by": person}
