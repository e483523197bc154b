"""A film through the whole chain, as one camera sends it: `make bench-video [VIDEO=file or folder]`.

Its frames are posted in time through POST /v1/captures; recognition reads them and retention votes the
reads of one vehicle into a pass. Without a file a film is rendered: a car that the camera comes up to.
SMOKE=1 sends a few frames of it, to see that it runs.
"""

import argparse
import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvloop

from local.demo.truth import fold
from local.stack.process import LocalError
from scenes.approach import render_approach
from scenes.footage import NoFootage, Still, footage, write_film
from shared.events import CaptureProcessed, Event, PassesRecorded, ReadsRecognised, RecordedPass
from tests.bench import engines
from tests.bench.link import Link, head, sized
from tests.bench.rig import SMOKE, Rig, machine, ms, print_result, rig, say

SERVICES = ("ingest", "recognition", "retention")
PLATE, SEED = "7ABC123", 5
FILM_FRAMES, FROM_M = (4, 9.0) if SMOKE else (30, 24.0)
"""So many frames, the first of them with the car so far ahead."""
FILM_FRAMES_PER_S = 10.0
SETTLE_S, PASS_GAP_S = (1, 1) if SMOKE else (2, 3)
VOTE_EVERY_S = 1
WORKED_WITHIN_S = 300.0
PASSES_WITHIN_S = 30.0


class NotAccepted(RuntimeError):
    """The stack refused a frame, or did not finish with it."""


def rendered_film(path: Path) -> None:
    """Write the film of a car, PLATE on it, that the camera comes up to."""
    scenes = render_approach(SEED, PLATE, frames=FILM_FRAMES, from_m=FROM_M)
    write_film(path, (scene.frame for scene in scenes), frames_per_s=FILM_FRAMES_PER_S)


async def send(stack: Rig, credential: str, stills: Sequence[Still]) -> list[float]:
    """Post each frame when it is due; return the seconds until each was durable. Raises: NotAccepted."""
    link = await Link.to(stack.url("ingest"))
    began_s, began = time.perf_counter(), datetime.now(UTC)
    took_s = []
    try:
        for still in stills:
            await asyncio.sleep(max(0.0, began_s + still.at_s - time.perf_counter()))
            posted_s = time.perf_counter()
            begun = head(
                "POST",
                "/v1/captures",
                Authorization=f"Bearer {credential}",
                Content_Type=still.media_type,
                X_Captured_At=(began + timedelta(seconds=still.at_s)).isoformat(),
            )
            answer = await link.send(sized(begun, len(still.content)), still.content)
            if answer.status != 202:
                raise NotAccepted(f"{still.name} was answered with {answer.status}")
            took_s.append(time.perf_counter() - posted_s)
    finally:
        link.close()
    return took_s


async def worked(came: Sequence[Event], count: int) -> None:
    """Wait until every frame was worked. Raises: NotAccepted."""
    until_s = time.perf_counter() + WORKED_WITHIN_S
    while (done := sum(isinstance(event, CaptureProcessed) for event in came)) < count:
        if time.perf_counter() > until_s:
            raise NotAccepted(f"{done} of {count} frames were worked in {WORKED_WITHIN_S:.0f} s")
        await asyncio.sleep(0.02)


async def settled(came: Sequence[Event]) -> None:
    """Wait for a first pass, and then until no more has arrived for as long as two votes take."""
    until_s = time.perf_counter() + PASSES_WITHIN_S
    count, alike_s = 0, time.perf_counter()
    quiet_s = 2 * (SETTLE_S + PASS_GAP_S + VOTE_EVERY_S)
    while time.perf_counter() < until_s and (not count or time.perf_counter() < alike_s + quiet_s):
        now = len(_passes(came))
        if now != count:
            count, alike_s = now, time.perf_counter()
        await asyncio.sleep(0.1)


async def bench(args: argparse.Namespace) -> dict[str, Any]:
    """Send the film and return the figures. Raises: NoFootage, NotAccepted."""
    settings = {
        "RECOGNITION_MODEL": args.model,
        "RETENTION_PASS_SETTLE_S": str(SETTLE_S),
        "RETENTION_PASS_GAP_S": str(PASS_GAP_S),
        "RETENTION_PASS_EVERY_S": str(VOTE_EVERY_S),
    }
    # First: a film that cannot be played is reported at once.
    given = None if args.video is None else list(footage(args.video, per_s=args.per_s))
    async with rig(args.kafka, SERVICES, settings) as stack:
        stills = given or _rendered(stack.folder / "film.mp4", args.per_s)
        [credential] = await stack.register(1)
        async with stack.follow(CaptureProcessed, ReadsRecognised, PassesRecorded) as came:
            begun_s = time.perf_counter()
            took_s = await send(stack, credential, stills)
            sent_s = time.perf_counter() - begun_s
            await worked(came, len(stills))
            all_s = time.perf_counter() - begun_s
            say(f"{len(stills)} frames are worked; passes close now")
            await settled(came)
        return {
            "bench": "video",
            "kafka": args.kafka,
            "frames": len(stills),
            **counted(came, None if given else PLATE),
            "frames_per_s": round(len(stills) / all_s, 2),
            "sent_per_s": round(len(stills) / sent_s, 2),
            "behind_s": round(all_s - sent_s, 2),
            "ack_ms_p50": ms(took_s, 0.5),
            "ack_ms_p99": ms(took_s, 0.99),
            "machine": machine(stack.folder),
            "smoke": SMOKE,
        }


def _passes(came: Sequence[Event]) -> list[RecordedPass]:
    return [one for event in came if isinstance(event, PassesRecorded) for one in event.passes]


def counted(came: Sequence[Event], plate: str | None) -> dict[str, Any]:
    """Count reads and passes; and how many of them are right, where the film's plate is known."""
    reads = [read for event in came if isinstance(event, ReadsRecognised) for read in event.reads]
    passes = _passes(came)
    models = {event.model for event in came if isinstance(event, CaptureProcessed)}
    line: dict[str, Any] = {"reads": len(reads), "passes": len(passes)}
    if plate is not None:
        line["reads_right"] = sum(fold(one.plate) == fold(plate) for one in reads)
        line["passes_right"] = sum(fold(one.plate) == fold(plate) for one in passes)
    return {**line, "model": ", ".join(sorted(models))}


def _rendered(path: Path, per_s: float) -> list[Still]:
    rendered_film(path)
    return list(footage(path, per_s=per_s))


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.video", description=__doc__)
    parser.add_argument("--video", type=Path, help="a film (MP4, AVI), or a folder of pictures")
    parser.add_argument("--per-s", type=float, default=10.0, help="frames a second that are sent")
    parser.add_argument("--model", default=engines.DEFAULT, help="the engine, as settings name it")
    parser.add_argument(
        "--kafka", choices=["embedded", "apache"], default=os.environ.get("KAFKA") or "embedded"
    )
    return parser.parse_args(arguments)


def main() -> int:
    """Return 0 if every frame was accepted and processed."""
    result: dict[str, Any] = {}
    try:
        with contextlib.suppress(KeyboardInterrupt):
            result = uvloop.run(bench(options()))
    except (LocalError, NoFootage, NotAccepted) as fault:
        print(f"video: {fault}", file=sys.stderr)
        return 1
    if not result:
        return 130
    print_result(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
