"""Measures the frames a second of the whole recognition service on two cores.

`make bench-recognition [SECONDS=10] [ROUNDS=3]`. Frames are in the object store and their captures
in Kafka, more than can be worked; the service consumes, decodes, reads, stores crops and publishes.
It counts the messages published in the time. PaddleOCR alone and the engine in question take turns
on the same frames and cores, since a shared machine is now faster and now slower; figures are the
medians of the rounds, `ratio` that of the rounds' own ratios. SMOKE=1 runs one round of a second
each, as a check that it works.
"""

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import uvloop

from local.demo.frames import rendered
from local.stack.process import LocalError
from shared.core.clock import SystemClock
from shared.core.ids import derive_id
from shared.core.types import Ori
from shared.events import CaptureProcessed, CaptureReceived, Image
from shared.kafka.bus import KafkaBus
from shared.objects.opening import open_store
from tests.bench import engines
from tests.bench.rig import SMOKE, Rig, machine, print_result, rig, say, spent_us

AGAINST = "ppocrv6-small"
AT_LEAST_RATIO = 8.0
CORES = 2
FRAMES = 4 if SMOKE else 48
"""The number of different frames, 1280x720; captures use them in turn."""
SEED = 20_260
DEVICES = 8
MOST_FRAMES_PER_S = 250
"""The speed for which captures are put into Kafka, so that the service never waits for one."""
WARM_FRAMES = 4 if SMOKE else 32
WARM_WITHIN_S = 180.0
SIZE_PX = (1280, 720)


class TooSlow(RuntimeError):
    """The service did not come to work."""


async def stored(stack: Rig, frames: Sequence[bytes]) -> list[Image]:
    """Put frames into the object store of the service."""
    store = open_store((stack.folder / "stack" / "objects").as_uri())
    images = []
    for number, frame in enumerate(frames):
        key = f"captures/bench/{number:04d}.jpg"
        await store.put(key, frame)
        digest = sha256(frame).hexdigest()
        images.append(
            Image(
                object_key=key,
                sha256=digest,
                media_type="image/jpeg",
                size_bytes=len(frame),
                width_px=SIZE_PX[0],
                height_px=SIZE_PX[1],
            )
        )
    return images


def captures(images: Sequence[Image], count: int) -> list[CaptureReceived]:
    """Captures of the frames in turn, by cameras in turn, a tenth of a second apart."""
    first = SystemClock().now() - timedelta(seconds=count / 10)
    devices = [uuid5(NAMESPACE_URL, f"bench/{number}") for number in range(DEVICES)]
    made = []
    for number in range(count):
        at = first + timedelta(seconds=number / 10)
        device = devices[number % DEVICES]
        capture_id = derive_id("capture", device, number)
        made.append(
            CaptureReceived(
                event_id=derive_id("capture.received", capture_id),
                occurred_at=at,
                capture_id=capture_id,
                device_id=device,
                device_name=f"Bench {number % DEVICES}",
                agency_ori=Ori("CA0520000"),
                captured_at=at,
                received_at=at,
                time_source="device",
                image=images[number % len(images)],
            )
        )
    return made


async def worked(stack: Rig, at_least: int, within_s: float) -> int:
    """Wait until so many captures were worked; return how many are. Raises: TooSlow."""
    until_s = time.perf_counter() + within_s
    while (count := await stack.published(CaptureProcessed)) < at_least:
        if time.perf_counter() > until_s:
            raise TooSlow(f"{count} of {at_least} frames were worked in {within_s:.0f} s")
        await asyncio.sleep(0.1)
    return count


async def measure(
    kafka: str, model: str, frames: Sequence[bytes], seconds: float
) -> dict[str, Any]:
    """Run the service with one engine; return its figures."""
    settings = {"RECOGNITION_MODEL": model, "RECOGNITION_WORKERS": str(CORES)}
    async with rig(kafka, ["recognition"], settings) as stack:
        bus = KafkaBus(stack.bootstrap, "ingest")
        await bus.start()
        count = WARM_FRAMES + round(MOST_FRAMES_PER_S * seconds)
        await bus.publish(captures(await stored(stack, frames), count))
        await bus.stop()
        async with stack.follow(CaptureProcessed) as came:
            before = await worked(stack, WARM_FRAMES, WARM_WITHIN_S)
            cpu, begun_s = stack.cpu_s(), time.perf_counter()
            await asyncio.sleep(seconds)
            after = await worked(stack, before + 1, WARM_WITHIN_S)
            wall_s = time.perf_counter() - begun_s
        outcomes = [event for event in came if isinstance(event, CaptureProcessed)]
        models = {event.model for event in outcomes}
        reads = sum(len(event.read_ids) for event in outcomes)
        done = after - before
        return {
            "frames_per_s": round(done / wall_s, 2),
            "reads_per_frame": round(reads / len(outcomes), 3),
            "frames": done,
            "starved": after >= count,
            "cpu_us_per_frame": spent_us(cpu, stack.cpu_s(), done),
            "model": ", ".join(sorted(models)),
        }


async def bench(args: argparse.Namespace) -> dict[str, Any]:
    """Run both engines and return the figures."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    frames = [frame.content for frame in rendered(FRAMES, SEED)]
    rounds: list[dict[str, dict[str, Any]]] = []
    for number in range(args.rounds):
        figures = {}
        for model in dict.fromkeys((args.against, args.model)):
            figures[model] = await measure(args.kafka, model, frames, args.seconds)
            say(f"round {number + 1}, {model}: {figures[model]}")
        rounds.append(figures)
    ours, theirs = (
        [figures[model]["frames_per_s"] for figures in rounds]
        for model in (args.model, args.against)
    )
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return {
        "bench": "recognition",
        "kafka": args.kafka,
        "ratio": round(median(ratios), 2),
        "ratios": [round(ratio, 2) for ratio in ratios],
        "frames_per_s": median(ours),
        "against_frames_per_s": median(theirs),
        "bar": AT_LEAST_RATIO,
        "seconds": args.seconds,
        "frame_bytes": round(sum(map(len, frames)) / len(frames)),
        "rounds": rounds,
        "machine": machine(Path(tempfile.gettempdir())),
        "smoke": SMOKE,
    }


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.recognition", description=__doc__)
    parser.add_argument(
        "--kafka", choices=["embedded", "apache"], default=os.environ.get("KAFKA") or "embedded"
    )
    parser.add_argument("--model", default=engines.DEFAULT, help="the engine, as settings name it")
    parser.add_argument("--against", default=AGAINST, help="what it is held against")
    parser.add_argument("--seconds", type=float, default=1.0 if SMOKE else 10.0, help="each turn")
    parser.add_argument(
        "--rounds", type=int, default=1 if SMOKE else 3, help="turns of each engine"
    )
    return parser.parse_args(arguments)


def main() -> int:
    """Return 0 when the bar is met, or only smoke was asked for."""
    result: dict[str, Any] = {}
    try:
        with contextlib.suppress(KeyboardInterrupt):
            result = uvloop.run(bench(options()))
    except (LocalError, TooSlow) as fault:
        print(f"recognition: {fault}", file=sys.stderr)
        return 1
    if not result:
        return 130
    print_result(result)
    return 0 if result["ratio"] >= AT_LEAST_RATIO or SMOKE else 1


if __name__ == "__main__":
    sys.exit(main())
