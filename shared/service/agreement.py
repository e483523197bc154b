"""The state that every service follows: the audit log's progress, its newest checkpoint, the services' policies."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from shared.core.policy import Policy
from shared.core.signed_notes import BadNote, Checkpoint
from shared.events import CheckpointSigned, Event, LogCovered, PolicyLoaded
from shared.service.coverage import Coverage

DIGEST_DIGITS = 12

NOTE_EXAMPLE = (
    "plateward.local/audit\n7\nbjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0=\n\n"
    "\u2014 plateward.local/audit AAAAAA==\n"
)
"""Example in API documents."""


class Policies:
    """The policy that each service loaded last. While they differ, every service is unready (ADR-0024)."""

    def __init__(self, service: str, policy: Policy) -> None:
        self._digests = {service: policy.digest}
        self._service = service

    def learn(self, event: PolicyLoaded) -> None:
        """Record the policy of another service; this process knows its own."""
        if event.service != self._service:
            self._digests[event.service] = event.digest

    def state(self) -> str:
        """Return "ok" while all services have the same policy, else the policy of each."""
        if len(set(self._digests.values())) == 1:
            return "ok"
        digests = (
            f"{name} {digest[:DIGEST_DIGITS]}" for name, digest in sorted(self._digests.items())
        )
        return f"services run by different policies: {', '.join(digests)}"


class NewestCheckpoint:
    """The newest checkpoint of the audit log that this service has received."""

    def __init__(self) -> None:
        self.note: str | None = None
        """The whole signed note; None before the first one."""

        self.signed_at: datetime | None = None
        """Time at which audit signed it."""

        self._size = -1
        self._end = _end_of(None)

    def learn(self, event: CheckpointSigned) -> None:
        """Store a checkpoint if it is well-formed and covers more entries than the present one."""
        try:
            size = Checkpoint.parse(event.note.rpartition("\n\n")[0] + "\n").size
        except BadNote:
            return
        if size > self._size:
            self.note, self._size, self.signed_at = event.note, size, event.occurred_at
            self._end = _end_of(event.note)

    @property
    def size(self) -> int | None:
        """Number of entries that it covers; None before the first one."""
        return None if self.note is None else self._size

    def into(self, encoded: bytes) -> bytes:
        """Return an encoded JSON object with the note as its last member, `checkpoint`."""
        return encoded[:-1] + self._end


def _end_of(note: str | None) -> bytes:
    return b',"checkpoint":' + msgspec.json.encode(note) + b"}"


class Agreement:
    """Passes each event to the object that follows it."""

    def __init__(self, service: str, policy: Policy, coverage: Coverage | None) -> None:
        self.coverage = coverage
        self.policies = Policies(service, policy)
        self.checkpoint = NewestCheckpoint()

    async def learn(self, events: Sequence[Event]) -> None:
        """Apply events in order."""
        for event in events:
            match event:
                case LogCovered() if self.coverage is not None:
                    await self.coverage.learn([event])
                case PolicyLoaded():
                    self.policies.learn(event)
                case CheckpointSigned():
                    self.checkpoint.learn(event)

    def states(self) -> dict[str, str]:
        """Return the states for `/readyz`."""
        covered = {} if self.coverage is None else {"audit_log": self.coverage.state()}
        return {**covered, "policy": self.policies.state()}
