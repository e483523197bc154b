"""Notices of findings: what the department's receivers get.

A notice has the findings' ids, kinds and times. It never has the person, plate or record that a finding concerns,
because those require a declared purpose.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.notices.message import Message


@dataclass(frozen=True)
class NoticedFinding:
    """What a notice has of a finding."""

    finding_id: UUID
    kind: str
    raised_at: datetime


def message_of(notice_id: UUID, findings: Sequence[NoticedFinding], console_url: str) -> Message:
    """Return a notice of findings; without any it is a test of the receiver.

    `console_url` is empty where the console's address is not set.
    """
    return Message(
        notice_id,
        _body_of(findings, console_url),
        _subject_of(findings),
        _text_of(notice_id, findings, console_url),
    )


def _body_of(findings: Sequence[NoticedFinding], console_url: str) -> bytes:
    noticed = [
        {
            "finding_id": str(one.finding_id),
            "kind": one.kind,
            "raised_at": one.raised_at.isoformat(),
        }
        for one in findings
    ]
    body: dict[str, object] = {"findings": noticed}
    if console_url:
        body["console"] = _page_of(console_url)
    if not findings:
        body["test"] = True
    return json.dumps(body).encode()


def _page_of(console_url: str) -> str:
    """Return the address of the console's page of findings."""
    return f"{console_url.rstrip('/')}/audit"


def _subject_of(findings: Sequence[NoticedFinding]) -> str:
    if not findings:
        return "License plate reader system: a test notice"
    kinds = ", ".join(dict.fromkeys(one.kind for one in findings))
    number = len(findings)
    return f"License plate reader system: {number} finding{'s' * (number > 1)} ({kinds[:100]})"


def _text_of(notice_id: UUID, findings: Sequence[NoticedFinding], console_url: str) -> str:
    lines = [
        f"{one.raised_at:%Y-%m-%d %H:%M:%S %Z}  {one.kind}  {one.finding_id}" for one in findings
    ] or ["This is a test. The audit service of the license plate reader system reaches you."]
    if console_url:
        lines += ["", f"Findings: {_page_of(console_url)}"]
    lines += ["", f"Notice {notice_id}. Whom and what a finding concerns is in the console."]
    return "\n".join(lines) + "\n"
