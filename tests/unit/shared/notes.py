"""Signed checkpoints of a log."""

from datetime import UTC, datetime

from shared.core.signed_notes import Checkpoint, Signer
from shared.events import CheckpointSigned

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def signed(size: int) -> CheckpointSigned:
    note = Signer("example.org/log", bytes(32)).sign(
        Checkpoint("example.org/log", size, bytes(32)).text
    )
    return CheckpointSigned(
        occurred_at=NOON, origin="example.org/log", size=size, root_hash="", note=note
    )
