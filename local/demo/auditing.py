"""Uses the audit log as an auditor does: finds the entries of accesses, and recomputes the whole chain."""

import asyncio
import json
import time
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from local.demo.client import Person, problem
from local.demo.story import AuditProof, Step, StepFailed
from services.audit.actions.verify import verify_export
from shared.core.signed_notes import Checkpoint, Verifier

SETTLED_WITHIN_S = 150.0
"""Twice the time between two signed checkpoints, unless `AUDIT_CHECKPOINT_S` says otherwise, and some more."""
POLL_EVERY_S = 0.5
ATTEMPTED = "access.attempted"

T = TypeVar("T")


async def audit_purpose(auditor: Person) -> str:
    """Declare an audit; returns the purpose token."""
    return await auditor.declare(
        kind="audit",
        offence_type="periodic audit",
        case_number="AUD-2026-01",
        justification="Demonstration that every access left its entry and the chain is whole",
    )


async def entries_of(auditor: Person, purpose: str, steps: Sequence[Step]) -> list[Step]:
    """Find the entry of each access; an entry of a refusal must say so. Raises: StepFailed."""
    return [await _entry_of(auditor, purpose, one) for one in steps]


async def _entry_of(auditor: Person, purpose: str, step: Step) -> Step:
    outcome = "allowed" if step.status < 400 else "refused"
    asked = {"person_id": step.person_id, "kind": step.kind, "outcome": outcome}
    if step.kind == ATTEMPTED:
        asked["request_id"] = step.request_id
    found = await _until(
        lambda: _search(auditor, purpose, asked), f"the audit entry of: {step.what}"
    )
    return replace(step, entry=found[0]["seq"])


async def _search(auditor: Person, purpose: str, asked: dict[str, Any]) -> list[dict[str, Any]]:
    page = await auditor.must("audit", "POST", "/v1/entries/search", purpose=purpose, json=asked)
    found: list[dict[str, Any]] = page["items"]
    return found


async def prove(auditor: Person, purpose: str, folder: Path) -> AuditProof:
    """Export the log up to a fresh checkpoint and recompute all of it here, offline.

    Raises: StepFailed if no checkpoint comes; the proof reports a log that does not hold.
    """
    [newest] = await _search(auditor, purpose, {"limit": 1})
    api = auditor.api

    async def fresh() -> str | None:
        answer = await api.ask("audit", "GET", "/v1/checkpoint")
        note = answer.text if answer.is_success else ""
        return note if note and Checkpoint.parse(note).size > newest["seq"] else None

    note = await _until(fresh, "a signed checkpoint over all that happened")
    checkpoint = Checkpoint.parse(note)
    span = {"first": 0, "end": checkpoint.size}
    answer = await auditor.ask("audit", "POST", "/v1/exports", purpose=purpose, json=span)
    if not answer.is_success:
        raise StepFailed(f"export: {problem(answer)}")
    keys = (await api.must("audit", "GET", "/v1/keys")).json()["keys"]
    await asyncio.to_thread((folder / "audit.ndjson").write_bytes, answer.content)
    return recompute(answer.content, note, [Verifier.parse(key["verifier_key"]) for key in keys])


def recompute(export: bytes, note: str, verifiers: Sequence[Verifier]) -> AuditProof:
    """Recompute an export that begins at entry 0 and compare it with a checkpoint from another source."""
    lines = export.splitlines(keepends=True)
    verdict = verify_export(iter(lines), verifiers, [note])
    attempts = [event for event in _events(lines) if event["type"].startswith(f"alpr.{ATTEMPTED}.")]
    checkpoint = Checkpoint.parse(note)
    ok = verdict.ok and verdict.entries == checkpoint.size and verdict.root == checkpoint.root
    holds = (
        f"{verdict.entries} entries, each chained to the one before",
        f"their root is the one signed at size {checkpoint.size}, and the signature holds",
    )
    return AuditProof(
        ok=ok,
        entries=verdict.entries,
        accesses=len(attempts),
        refused=sum(not event["data"]["allowed"] for event in attempts),
        root=b64encode(verdict.root).decode(),
        signed_by=verifiers[0].key_id,
        checks=holds if ok else tuple(f.what for f in verdict.faults) or ("another root",),
    )


def _events(lines: Sequence[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if (entry := json.loads(line).get("entry")) is not None:
            yield json.loads(entry)


async def _until(poll: Callable[[], Awaitable[T | None]], what: str) -> T:
    """Poll `poll` until it returns a value. Raises: StepFailed naming `what` after a time limit."""
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while True:
        if found := await poll():
            return found
        if time.monotonic() > deadline:
            raise StepFailed(f"{what} did not come within {SETTLED_WITHIN_S:.0f} s")
        await asyncio.sleep(POLL_EVERY_S)
