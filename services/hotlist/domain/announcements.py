"""Announcements of alerts: what the department's receivers get, apart from open pages.

An announcement has the hit's id, what happened, the tier and the time. It never has a plate, a place, a camera or a
person, because to see those is an access that is recorded.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.events import Tier
from shared.notices.message import Message

AnnouncementKind = Literal["raised", "unanswered", "unfinished", "caution"]
"""An urgent alert, an urgent one that no person took in time, one that a person took and of which none recorded the
outcome in time, and one with a caution that it did not have when it was raised."""


@dataclass(frozen=True)
class AnnouncedAlert:
    """What a notice has of an alert."""

    hit_id: UUID
    kind: AnnouncementKind
    tier: Tier
    at: datetime


def message_of(notice_id: UUID, alerts: Sequence[AnnouncedAlert], console_url: str) -> Message:
    """Return a notice of alerts; without any it is a test of the receiver.

    `console_url` is empty where the console's address is not set.
    """
    return Message(
        notice_id,
        _body_of(alerts, console_url),
        _subject_of(alerts),
        "".join(f"{line}\n" for line in _lines_of(notice_id, alerts, console_url)),
    )


def _body_of(alerts: Sequence[AnnouncedAlert], console_url: str) -> bytes:
    announced = [
        {
            "hit_id": str(one.hit_id),
            "kind": one.kind,
            "tier": one.tier,
            "at": one.at.isoformat(),
            **({"page": _page_of(one, console_url)} if console_url else {}),
        }
        for one in alerts
    ]
    body: dict[str, object] = {"alerts": announced}
    if not alerts:
        body["test"] = True
    return json.dumps(body).encode()


def _page_of(alert: AnnouncedAlert, console_url: str) -> str:
    """Return the address of the console's page of a hit."""
    return f"{console_url.rstrip('/')}/hits/{alert.hit_id}"


def _subject_of(alerts: Sequence[AnnouncedAlert]) -> str:
    if not alerts:
        return "License plate reader system: a test notice"
    kinds = ", ".join(dict.fromkeys(one.kind for one in alerts))
    number = len(alerts)
    return f"License plate reader system: {number} alert{'s' * (number > 1)} ({kinds})"


def _lines_of(notice_id: UUID, alerts: Sequence[AnnouncedAlert], console_url: str) -> Iterator[str]:
    if not alerts:
        yield "This is a test. The hotlist service of the license plate reader system reaches you."
    for one in alerts:
        yield f"{one.at:%Y-%m-%d %H:%M:%S %Z}  {one.kind}  {one.tier}  {one.hit_id}"
        if console_url:
            yield _page_of(one, console_url)
    yield ""
    yield f"Notice {notice_id}. Which vehicle, and where, is in the console. An alert is a match by a machine: verify"
    yield "it before you act on it."
