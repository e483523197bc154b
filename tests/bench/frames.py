"""Measures how fast ingest acknowledges frames: `make bench-frames`, or `python -m tests.bench.frames`.

100 KB JPEGs through HTTP into ingest, each acknowledged only when file and folder are fsynced and
Kafka has it, at 1, 8 and 32 clients. At the end it counts the acknowledged frames in the object folder
and in Kafka. SMOKE=1 runs for a second each, as a check that it works.
"""

import asyncio
import contextlib
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import uvloop

from shared.events import CaptureReceived
from tests.bench.link import Link, head, sized
from tests.bench.rig import (
    SMOKE,
    Rig,
    machine,
    ms,
    options,
    print_result,
    rig,
    say,
    spent_us,
)

CLIENTS = (1, 8, 32)
REPORTED_CLIENTS = 8
RUN_S = 1.0 if SMOKE else 20.0
WARM_UP_S = 0.5 if SMOKE else 3.0
FRAME_BYTES = 100_000
AT_LEAST_PER_S, AT_MOST_P99_MS = 500, 60


@dataclass
class Run:
    """The answers that clients received, and their times."""

    latencies_s: list[float] = field(default_factory=list)
    refused: int = 0
    wall_s: float = 0.0

    @property
    def per_s(self) -> float:
        """Frames acknowledged a second."""
        return len(self.latencies_s) / self.wall_s if self.wall_s else 0.0


def a_frame() -> bytes:
    """Return a JPEG of about 100 KB, not a byte of it padding."""
    rng = np.random.default_rng(1)
    small = rng.integers(0, 255, (90, 160, 3), dtype=np.uint8)
    frame = cv2.resize(small, (1280, 720), interpolation=cv2.INTER_CUBIC)
    best = b""
    for quality in range(5, 100):
        done, data = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
        assert done
        if len(data) > FRAME_BYTES:
            break
        best = data.tobytes()
    return best


def numbered(frame: bytes, number: int) -> tuple[bytes, bytes, bytes]:
    """Return a frame, in pieces, that differs from all others by a comment in its header."""
    return frame[:2], b"\xff\xfe\x00\x12%016x" % number, frame[2:]


async def client(
    url: str, credential: str, frame: bytes, first: int, until_s: float, run: Run
) -> None:
    """Post frames one after another, as one camera does, until the time is up."""
    link = await Link.to(url)
    number = first
    size = sum(map(len, numbered(frame, 0)))
    try:
        while (begun_s := time.perf_counter()) < until_s:
            number += 1
            at = datetime.now(UTC).isoformat()
            begun = head(
                "POST",
                "/v1/captures",
                Authorization=f"Bearer {credential}",
                Content_Type="image/jpeg",
                X_Captured_At=at,
            )
            answer = await link.send(sized(begun, size), *numbered(frame, number))
            if answer.status == 202:
                run.latencies_s.append(time.perf_counter() - begun_s)
            else:
                run.refused += 1
    finally:
        link.close()


async def measure(rig: Rig, credentials: list[str], frame: bytes, first: int, run_s: float) -> Run:
    """Run one client for each credential."""
    run = Run()
    begun_s = time.perf_counter()
    clients = [
        client(rig.url("ingest"), credential, frame, first + n * 10**7, begun_s + run_s, run)
        for n, credential in enumerate(credentials)
    ]
    await asyncio.gather(*clients)
    run.wall_s = time.perf_counter() - begun_s
    return run


async def bench(kafka: str) -> dict[str, Any]:
    """Run all sizes and return the figures."""
    frame = a_frame()
    async with rig(kafka, ["ingest"]) as stack:
        credentials = await stack.register(max(CLIENTS))
        warm = await measure(stack, credentials[:REPORTED_CLIENTS], frame, 0, WARM_UP_S)
        acknowledged = len(warm.latencies_s)
        figures: dict[int, dict[str, float]] = {}
        cpu: dict[str, float] = {}
        refused = 0
        for size, count in enumerate(CLIENTS, 1):
            before = stack.cpu_s()
            run = await measure(stack, credentials[:count], frame, size * 10**10, RUN_S)
            acknowledged += len(run.latencies_s)
            refused += run.refused
            figures[count] = {
                "frames_per_s": round(run.per_s, 1),
                "ack_ms_p50": ms(run.latencies_s, 0.5),
                "ack_ms_p99": ms(run.latencies_s, 0.99),
            }
            say(f"{count:3} clients: {figures[count]}")
            if count == REPORTED_CLIENTS:
                cpu = spent_us(before, stack.cpu_s(), len(run.latencies_s))
        kept = count_files(stack.folder / "stack" / "objects" / "captures")
        announced = await stack.published(CaptureReceived)
        return {
            "bench": "frames",
            "kafka": kafka,
            **figures[REPORTED_CLIENTS],
            "clients": REPORTED_CLIENTS,
            "by_clients": figures,
            "acknowledged": acknowledged,
            "refused": refused,
            "lost": max(0, acknowledged - kept, acknowledged - announced),
            "cpu_us_per_frame": cpu,
            "frame_bytes": len(frame),
            "machine": machine(stack.folder),
            "smoke": SMOKE,
        }


def count_files(folder: Path) -> int:
    """Return how many whole objects lie below `folder`."""
    return sum(1 for path in folder.rglob("*.jpg") if not path.name.startswith("."))


def main() -> int:
    """Return 0 when the bars of the bench are met, or only smoke was asked for."""
    result: dict[str, Any] = {}
    with contextlib.suppress(KeyboardInterrupt):
        result = uvloop.run(bench(options("frames").kafka))
    if not result:
        return 130
    print_result(result)
    met = result["frames_per_s"] >= AT_LEAST_PER_S and result["ack_ms_p99"] <= AT_MOST_P99_MS
    return 0 if result["lost"] == 0 and result["refused"] == 0 and (met or SMOKE) else 1


if __name__ == "__main__":
    sys.exit(main())
