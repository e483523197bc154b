"""Checkpoints of the audit log, as tests announce them to retention."""

from shared.core.signed_notes import Checkpoint, Signer
from shared.events import CheckpointSigned
from tests.integration.retention.packaging import NOON

LOG_KEY = Signer("example.org/log", bytes(32)).verifier


def signed(size):
    note = Signer("example.org/log", bytes(32)).sign(
        Checkpoint("example.org/log", size, bytes(32)).text
    )
    return CheckpointSigned(
        occurred_at=NOON, origin="example.org/log", size=size, root_hash="", note=note
    )


async def heard(retention, size):
    event = signed(size)
    await retention.runtime.agreement.learn([event])
    return event.note
