"""Appending to the audit log: encode, hash, chain, tree and Postgres with fsync, batch after batch.

Prints one line of JSON: entries_per_s, single_per_s, verify_per_s, bytes_per_entry, ok.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from local.stack.postgres import Postgres
from services.audit.actions.verify import verify_stored
from services.audit.actions.writer import Writer
from services.audit.settings import Settings
from services.registry import SPECS
from shared.core.types import Ori
from shared.events import (
    AccessAttempted,
    Actor,
    DisclosedDay,
    DisclosedRecord,
    PurposeRecord,
    RecordsDisclosed,
)
from shared.kafka.codec import Message, encode
from shared.kafka.event_mac import with_mac
from shared.service.api_runtime import ApiRuntime
from shared.testing import (
    FakeBus,
    FakeClock,
    FakeObjects,
    TestRoot,
    all_mac_keys,
    mac_key,
    mac_key_text,
)

ROOT = Path(__file__).parents[2]


def messages(count: int, clock: FakeClock) -> list[Message]:
    """Return attempts and their disclosures, in turn, as consumers get them."""
    made = []
    for number in range(count // 2):
        actor = Actor(
            person_id=f"00000000-0000-4000-8000-{number % 400:012}",
            name=f"Officer {number % 400}",
            title="Police Officer",
            agency_ori=Ori("CA0520100"),
        )
        purpose = PurposeRecord(kind="criminal_investigation", case_number=f"26-{number % 5000}")
        plate = f"{number % 9 + 1}ABC{number % 1000:03}"
        attempt = AccessAttempted(
            occurred_at=clock.now(),
            attempt_id=uuid4(),
            actor=actor,
            service="retention",
            permission="record:search",
            method="POST",
            route="/v1/records/search",
            elements={"body": {"plate": plate, "captured_from": "2026-05-01T00:00:00Z"}},
            allowed=True,
            purpose=purpose,
            request_id=str(uuid4()),
            client_address="192.0.2.7",
        )
        disclosed = RecordsDisclosed(
            occurred_at=clock.now(),
            attempt_id=attempt.attempt_id,
            actor=actor,
            service="retention",
            permission="record:search",
            record_kind="read",
            records=[
                DisclosedDay(
                    captured_on=clock.now().date() - timedelta(days=number % 30),
                    shown=[
                        DisclosedRecord(record_id=str(uuid4()), plates=[plate]) for _ in range(3)
                    ],
                )
            ],
            count=3,
            purpose=purpose,
            request_id=attempt.request_id,
        )
        made += [attempt, disclosed]
    maker = mac_key("retention")
    records = [with_mac(encode(event, "retention"), maker) for event in made]
    return [Message(r.topic, 0, n, r.key, r.value, dict(r.headers)) for n, r in enumerate(records)]


async def append(writer: Writer, given: Sequence[Message], batch: int) -> float:
    """Append `given` in batches; return entries a second."""
    began = time.perf_counter()
    for start in range(0, len(given), batch):
        await writer.append(given[start : start + batch])
    return len(given) / (time.perf_counter() - began)


async def measure(url: str, entries: int, batch: int) -> dict[str, object]:
    """Return the figures on an empty database."""
    clock = FakeClock()
    settings = Settings(
        database_url=url,
        policy_file=ROOT / "policy.toml",
        audit_signing_key=b64encode(bytes(32)).decode(),
        audit_event_mac_keys=all_mac_keys(),
        event_mac_key=mac_key_text("audit"),
        audit_values_key=b64encode(bytes(32)).decode(),
        root_public_keys=TestRoot().public,
    )
    runtime = ApiRuntime(
        SPECS["audit"], settings, bus=FakeBus(), objects=FakeObjects(), clock=clock
    )
    await runtime.start()
    writer = Writer(runtime, settings)
    given = messages(entries + 500, clock)
    rate = await append(writer, given[:entries], batch)
    single = await append(writer, given[entries:], 1)
    await writer.sign_if_grown()
    began = time.perf_counter()
    async with runtime.db.begin() as connection:
        verdict = await verify_stored(
            connection,
            settings.log_origin,
            [settings.signers[0].verifier],
            cadence=settings.cadence,
            now=clock.now(),
        )
    verify = verdict.entries / (time.perf_counter() - began)
    await runtime.stop()
    return {
        "entries_per_s": round(rate),
        "single_per_s": round(single),
        "verify_per_s": round(verify),
        "bytes_per_entry": round(sum(len(m.value or b"") for m in given) / len(given)),
        "entries": verdict.entries,
        "ok": verdict.ok,
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=1000)
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="plateward-") as folder,
        Postgres(Path(folder) / "postgres") as postgres,
    ):
        figures = asyncio.run(
            measure(postgres.create_database("audit"), asked.entries, asked.batch)
        )
    print(json.dumps(figures))
    return 0 if figures["ok"] and int(str(figures["entries_per_s"])) >= 5000 else 1


if __name__ == "__main__":
    sys.exit(main())
