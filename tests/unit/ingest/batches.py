"""Batches of reads for tests of ingest."""

import json
from hashlib import blake2b

from msgspec import Raw

from services.ingest.actions.edge_decoding import EdgeRead
from services.ingest.actions.edge_reads import Batch
from shared.core.policy import Devices
from tests.unit.ingest.devices import NOON, WINDOW, a_device


def sent_at(moment):
    """Return a time as a device writes it in JSON: `moment` is a time or a text."""
    text = moment if isinstance(moment, str) else moment.isoformat()
    return Raw(json.dumps(text).encode())


def an_edge_read(**fields):
    """Return a read as a device sent it, at noon."""
    made = {"plate": "7ABC123", "confidence": 0.9, "captured_at": sent_at(NOON)}
    return EdgeRead(**(made | fields))


class Secrets:
    """A secret for each month, without a database."""

    def __init__(self, seed=b"one"):
        self.seed = seed

    def secret(self, moment):
        return blake2b(self.seed + f"{moment:%Y-%m}".encode(), digest_size=32).digest()


ONE_DEVICE = a_device()
RULES = Devices(live_within_s=900, may_buffer_h={"fixed": 0, "vehicle": 72})


def a_batch(device=None, secrets=None, *, crops=()):
    """Return a batch of one vehicle at noon, or of another device."""
    return Batch(
        device or ONE_DEVICE,
        "CA0520100",
        WINDOW,
        NOON,
        secrets or Secrets(),
        most_m=200,
        rules=RULES,
        crops=crops,
    )
