"""A day's load in an hour while every part fails at random: `make test-chaos SEED=…`.

The faults follow from the seed and are printed first; the last line is JSON. The exit status is 0 if nothing that was
acknowledged is lost or doubled, no answered access is unrecorded, the log verifies, no dead letter is unexplained, and
every alerting rule that should fire fired.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import ssl
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from local.demo.client import Api
from local.demo.department import Embedded, seed
from local.demo.listing import Entry, put_in_force
from local.stack.process import LocalError
from local.stack.services import environment_of
from local.stack.topics import as_principal
from tests.bench.traffic import plate
from tests.chaos.faults import carry_out, recovered_s
from tests.chaos.installation import Installation, installed
from tests.chaos.load import ENTRIES, Load
from tests.chaos.plan import CAMERAS, Fault, What, plan
from tests.chaos.records import dead_letters, settled, stored
from tests.chaos.rules import expected, missing, watching
from tests.chaos.verdict import Verdict, judge
from tests.prometheus import Prometheus, program

SMOKE = os.environ.get("SMOKE", "") not in ("", "0")
MINUTES = 1.0 if SMOKE else 5.0

ANSWERED_WITHIN_S = 180.0
"""After the load's end: the longest that a camera waits for its last receipt."""


def say(text: str) -> None:
    """Report progress to the person."""
    print(text, file=sys.stderr, flush=True)


async def chaos(seed_number: int, load_s: float, folder: Path, prometheus: str) -> dict[str, Any]:
    """Run once; returns the figures."""
    faults = plan(seed_number, load_s)
    for fault in faults:
        say(str(fault))
    draw = random.Random(f"load {seed_number}")
    async with installed(folder, draw) as up, Api(up.up.urls) as api:
        say("all parts are up")
        identity = as_principal(environment_of("identity", up.environment), "identity")
        department = await seed(api, Embedded(up.stack, identity))
        listed = [Entry(plate(n), "stolen_vehicle", "Reported stolen") for n in range(ENTRIES)]
        await put_in_force(department.investigator, listed)
        watched = watching(prometheus, folder / "prometheus", up.up.urls)
        await asyncio.to_thread(watched.start)
        try:
            return await _measured(
                seed_number,
                load_s,
                up,
                Load(
                    f"https://127.0.0.1:{up.links[CAMERAS].port}",
                    ssl.create_default_context(cafile=up.signer_file),
                    department,
                    draw,
                ),
                faults,
                watched,
            )
        finally:
            await asyncio.to_thread(watched.stop)


async def _measured(
    seed_number: int,
    load_s: float,
    up: Installation,
    load: Load,
    faults: list[Fault],
    watched: Prometheus,
) -> dict[str, Any]:
    begun_s = time.monotonic()
    seen: list[tuple[float, bool]] = []
    watching = asyncio.create_task(up.watch(begun_s, seen))
    failing = asyncio.create_task(
        carry_out(up, faults, lambda text: say(f"[{time.monotonic() - begun_s:6.1f}] {text}"))
    )
    settled_s, unsettled = 0.0, ""
    try:
        async with asyncio.timeout(load_s + ANSWERED_WITHIN_S):
            await load.run(load_s)
        await failing
        up.heal()
        say(f"the faults have ended after {time.monotonic() - begun_s:.1f} s")
        settled_s = await settled(up, load.sent)
        say(f"no event waits after {settled_s:.1f} s more")
    except (AssertionError, TimeoutError) as exc:
        unsettled = str(exc) or type(exc).__name__
    dead = await dead_letters(up)
    corrupted = (
        False  # every link is encrypted: a flipped bit ends a connection and reaches no event
    )
    verdict = judge(
        load.sent, await stored(up, load.department, up.folder), dead, corrupted=corrupted
    )
    say("the tables and the log are compared")
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    fired = await watched.fired()
    must = expected(faults, len(dead))
    silent = missing(must, fired)
    return {
        "chaos": seed_number,
        "load_s": load_s,
        "faults": len(faults),
        "kinds": {what.value: sum(f.what is what for f in faults) for what in What},
        "posts": load.posts,
        "tries": load.tries,
        "acknowledged": len(load.sent.reads),
        "frames": len(load.sent.frames),
        "listed": len(load.sent.listed),
        "accesses": len(load.sent.accesses),
        "refused": dict(load.refused),
        "asked": dict(load.asked),
        **_counts(verdict),
        "bits_flipped": sum(link.flipped for link in up.links.values()),
        "restarted": up.restarted,
        "settled_s": round(settled_s, 1),
        "unsettled": unsettled,
        **_recoveries(faults, seen),
        "rules_expected": sorted({alert.name for alert in must}),
        "rules_silent": [f"{alert.name} {alert.part}".strip() for alert in silent],
        "rules_fired": sorted({labels["alertname"] for labels in fired}),
        "ok": verdict.ok and not silent and not unsettled,
    }


def _counts(verdict: Verdict) -> dict[str, Any]:
    return {
        "lost": verdict.lost_count,
        "doubled": verdict.doubled_count,
        "unrecorded": len(verdict.unrecorded),
        "unexplained_dead_letters": len(verdict.unexplained),
        "log_ok": verdict.log_ok,
        "examples": {
            kind: list(found)[:3]
            for kind, found in (
                *((f"lost {name}", ids) for name, ids in verdict.lost.items()),
                *((f"doubled {name}", ids) for name, ids in verdict.doubled.items()),
                ("unrecorded", verdict.unrecorded),
                ("dead", [f"{d.topic} {d.reason}" for d in verdict.unexplained]),
            )
            if found
        },
    }


def _recoveries(faults: list[Fault], seen: list[tuple[float, bool]]) -> dict[str, Any]:
    times = recovered_s(faults, seen)
    found = sorted(one for one in times if one is not None)
    return {
        "recover_s_p50": round(found[len(found) // 2], 1) if found else None,
        "recover_s_max": round(found[-1], 1) if found else None,
        "not_recovered": [str(f) for f, s in zip(faults, times, strict=True) if s is None],
    }


def main() -> int:
    """Run once, and print the line of figures."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of load")
    parser.add_argument("--keep", type=Path, help="a folder to keep the run's files in")
    parser.add_argument("--prometheus", default="prometheus", help="Prometheus' program")
    options = parser.parse_args()
    os.environ.pop("KAFKA_ALLOW_ONE_COPY", None)
    say(f"seed {options.seed}, {options.minutes:g} minutes of load")
    with contextlib.ExitStack() as stack:
        folder = options.keep or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="plateward-chaos-"))
        )
        folder.mkdir(parents=True, exist_ok=True)
        try:
            figures = asyncio.run(
                chaos(
                    options.seed,
                    60 * options.minutes,
                    folder.absolute(),
                    program(options.prometheus),
                )
            )
        except LocalError as fault:
            print(fault, file=sys.stderr)
            return 2
    print(json.dumps(figures), flush=True)
    return 0 if figures["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
