"""Notices of findings: what the department's receivers get, its signature, and when a notice is retried.

A notice has the findings' ids, kinds and times. It never has the person, plate or record that a finding concerns,
because those require a declared purpose.
"""

import hmac
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

MAX_PAUSE = timedelta(minutes=15)
MOST_REFUSALS = 5
"""Refusals that make a notice a dead letter, over about a minute: a receiver that restarts answers 404."""


@dataclass(frozen=True)
class NoticedFinding:
    """What a notice has of a finding."""

    finding_id: UUID
    kind: str
    raised_at: datetime


@dataclass(frozen=True)
class Notice:
    """One message about findings to one receiver; its id and content are the same at each attempt."""

    notice_id: UUID
    findings: Sequence[NoticedFinding]
    """None: a test of the receiver."""

    @property
    def is_test(self) -> bool:
        """Whether it has no finding."""
        return not self.findings


@dataclass(frozen=True)
class DeliveryFault:
    """Why a receiver did not accept a notice."""

    why: str
    refused: bool = False
    """Whether the receiver refuses this notice for good, so that more attempts hardly help."""


def pause_after(attempts: int) -> timedelta:
    """Return the pause after the given number of failed attempts: 4 s, 8 s, and so on, 15 minutes at most."""
    return min(timedelta(seconds=2 ** min(attempts + 1, 12)), MAX_PAUSE)


def is_undeliverable(
    fault: DeliveryFault, refusals: int, tried_at: datetime, now: datetime, within: timedelta
) -> bool:
    """Return whether a notice is a dead letter: refused several times, or first tried longer than `within` ago.

    `refusals`: those before this fault.
    """
    if fault.refused and refusals + 1 >= MOST_REFUSALS:
        return True
    return now - tried_at >= within


def body_of(notice: Notice, console_url: str) -> bytes:
    """Return the JSON of a notice; `console_url` is empty where the console's address is not set."""
    findings = [
        {
            "finding_id": str(one.finding_id),
            "kind": one.kind,
            "raised_at": one.raised_at.isoformat(),
        }
        for one in notice.findings
    ]
    body: dict[str, object] = {"findings": findings}
    if console_url:
        body["console"] = page_of(console_url)
    if notice.is_test:
        body["test"] = True
    return json.dumps(body).encode()


def page_of(console_url: str) -> str:
    """Return the address of the console's page of findings."""
    return f"{console_url.rstrip('/')}/audit"


def signed_headers(
    message_id: str, body: bytes, at: datetime, keys: Sequence[bytes]
) -> Mapping[str, str]:
    """Return the headers of Standard Webhooks 1.0: the message's id, the time, and a signature by each key."""
    moment = int(at.timestamp())
    signed = f"{message_id}.{moment}.".encode() + body
    headers = {"webhook-id": message_id, "webhook-timestamp": str(moment)}
    if keys:
        digests = [hmac.digest(key, signed, "sha256") for key in keys]
        headers["webhook-signature"] = " ".join(f"v1,{b64encode(one).decode()}" for one in digests)
    return headers


def text_of(notice: Notice, console_url: str) -> str:
    """Return the text of a notice's mail; `console_url` is empty where the console's address is not set."""
    lines = [
        f"{one.raised_at:%Y-%m-%d %H:%M:%S %Z}  {one.kind}  {one.finding_id}"
        for one in notice.findings
    ] or ["This is a test. The audit service of the license plate reader system reaches you."]
    if console_url:
        lines += ["", f"Findings: {page_of(console_url)}"]
    lines += ["", f"Notice {notice.notice_id}. Whom and what a finding concerns is in the console."]
    return "\n".join(lines) + "\n"


def subject_of(notice: Notice) -> str:
    """Return the subject of a notice's mail."""
    if notice.is_test:
        return "License plate reader system: a test notice"
    kinds = ", ".join(dict.fromkeys(one.kind for one in notice.findings))
    number = len(notice.findings)
    return f"License plate reader system: {number} finding{'s' * (number > 1)} ({kinds[:100]})"
