"""Everything that sees Plateward from outside, live: `make test-dashboards`.

Prometheus, Alertmanager, the reader of disks and the collector of traces run with the committed files beside an
embedded stack under a small town's load. Then, with a second Prometheus whose rules are in a hurry, faults are made one
after the other. The exit status is 0 if every panel has figures, a trace goes from a camera's POST to an alert, the
dead-man switch and the pager are reached, and each rule of the list fires and clears. The last line is JSON.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import ssl
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from deploy.kafka.run import ApacheKafka
from deploy.observability.programs import alertmanager, collector, debian
from local.demo.alerts import AlertStream
from local.demo.client import Api
from local.demo.department import Department, Embedded, seed
from local.demo.listing import Entry, put_in_force
from local.demo.story import StepFailed
from local.stack.launch import running
from local.stack.process import LocalError
from local.stack.servers import ROOT
from local.stack.services import APIS, WORKERS
from shared.testing import eventually
from tests.bench.traffic import plate
from tests.chaos.load import ENTRIES, Load
from tests.chaos.rules import rules
from tests.dashboards.decisions import POLICY
from tests.dashboards.drawing import page
from tests.dashboards.hurried import Disk, hurried
from tests.dashboards.panels import RIGHTLY_EMPTY, FilledPanel, dashboards, empty, filled
from tests.dashboards.servers import (
    Alertmanager,
    AlertReceiver,
    Collector,
    Disks,
    Receiver,
    prometheus_config,
)
from tests.dashboards.shots import save
from tests.dashboards.site import Site, Trial
from tests.dashboards.traces import from_post_to_alert
from tests.dashboards.trials import ON_APACHE, TRIALS
from tests.prometheus import Prometheus, at_every_s

SMOKE = os.environ.get("SMOKE", "") not in ("", "0")
SHOTS = os.environ.get("SHOTS", "") not in ("", "0")
SETTLED_S = float(os.environ.get("SETTLED_S", "60" if SMOKE else "300"))
"""Of load before the dashboards are looked at: their rates are over five minutes."""
FIRES_WITHIN_S, CLEARS_WITHIN_S = 90.0, 300.0
SIGN_INS_EVERY_S = 31.0
SILENT_AFTER_S = 3600
PROBED_EVERY_S = 3.0
SEEN_S = 20.0
"""A fault lasts so long at the least: the delivered Prometheus asks each 15 s."""


def say(text: str) -> None:
    """Report progress to the person."""
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Programs:
    """Where the programs are."""

    debian: Path
    alertmanager: Path
    collector: Path


@dataclass
class Outside:
    """What watches the stack."""

    delivered: Prometheus
    hurried: Prometheus
    receiver: AlertReceiver
    collector: Collector


@dataclass
class Seen:
    """What a run saw."""

    whole: bool = True
    """Whether all trials are made: only then has every panel its figures."""
    tried: set[str] = field(default_factory=set)
    """The rules that were to fire and clear."""
    panels: int = 0
    empty: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)
    fired: dict[str, float] = field(default_factory=dict)
    """Seconds until each rule fired, and below until it cleared."""
    cleared: dict[str, float] = field(default_factory=dict)
    quiet: list[str] = field(default_factory=list)
    """Alerts that fired without a fault."""
    watchdogs: int = 0
    pages: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether all was seen that must be; a run of some trials shows neither every panel nor a page."""
        whole = not self.empty and bool(self.trace) and bool(self.pages)
        return (
            (whole or not self.whole)
            and self.watchdogs > 0
            and self.tried <= self.fired.keys() & self.cleared.keys()
        )


@contextlib.asynccontextmanager
async def watched(
    folder: Path, programs: Programs, urls: dict[str, str], traces: Collector
) -> AsyncIterator[Outside]:
    """Run all that sees the stack; `traces` runs already."""
    with contextlib.ExitStack() as stack:
        receiver = stack.enter_context(AlertReceiver(folder / "receiver"))
        disks = Disks(programs.debian / "prometheus-node-exporter", folder / "disks")
        alerts = Alertmanager(programs.alertmanager, folder / "alertmanager", receiver=receiver)
        for server in (disks, alerts):
            stack.callback(server.stop)
            await asyncio.to_thread(server.start)
        services = {name: urls[name] for name in (*APIS, *WORKERS)}
        config = prometheus_config(services, alerts.address, disks.address)
        program = str(programs.debian / "prometheus")
        usage = shutil.disk_usage(tempfile.gettempdir())
        faster = hurried(Disk(usage.total, usage.free))
        both = (
            Prometheus(program, folder / "delivered", config, rules()),
            Prometheus(program, folder / "hurried", {**config, "global": at_every_s(1)}, faster),
        )
        for one in both:
            stack.callback(one.stop)
            await asyncio.to_thread(one.start)
        yield Outside(*both, receiver, traces)


async def run(
    folder: Path,
    programs: Programs,
    shots: Path | None,
    chosen: Sequence[Trial],
    apache: ApacheKafka | None,
) -> Seen:
    """Run once, with the embedded broker or Apache Kafka; returns what was seen."""
    draw = random.Random(468)
    traces = Collector(programs.collector, folder / "collector")
    await asyncio.to_thread(traces.start)
    findings = Receiver()
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{traces.address}",
        "TRACES_RATIO": "1",
        "RECOGNITION_WORKERS": "1",
        "INGEST_SILENT_AFTER_S": str(SILENT_AFTER_S),
        "AUDIT_NOTICE_URL": f"{findings.url}/findings",
        "AUDIT_NOTICE_SECRET": b64encode(random.Random(468).randbytes(32)).decode(),
        "AUDIT_NOTICE_S": "1",
        "RETENTION_HEAVY_SEARCHES": "1",
        "RETENTION_WORK_EVERY_S": "2",
        "AUDIT_DISK_S": "2",
        "HOTLIST_ANSWER_WITHIN_S": "86400",
        "AUDIT_CHECKPOINT_S": "5",
        "POLICY_FILE": str(folder / "stack" / POLICY),
    }
    if apache is not None:
        environment["KAFKA_BOOTSTRAP"] = apache.bootstrap
    (folder / "stack").mkdir(exist_ok=True)
    shutil.copy(ROOT / POLICY, folder / "stack" / POLICY)
    services = ["--services", ",".join((*APIS, *WORKERS)), "--separate", "--port", "0"]
    services += ["--ready-within-s", "400"]
    seen = Seen(whole=len(chosen) == len(TRIALS))
    try:
        with (
            findings,
            running(folder / "stack", *services, environment=environment, within_s=500) as up,
        ):
            say("the stack is up")
            async with Api(up.urls) as api:
                department = await seed(api, Embedded(folder / "stack"))
                kind = (
                    "stolen_vehicle",
                    "Reported stolen",
                    "CA",
                )  # without a state no hit is urgent
                listed = [Entry(plate(n), *kind) for n in range(ENTRIES)]
                await put_in_force(department.investigator, listed)
                load = Load(up.urls["ingest"], ssl.create_default_context(), department, draw)
                async with watched(folder, programs, dict(up.urls), traces) as outside:
                    with contextlib.ExitStack() as until_the_end:
                        site = Site(
                            folder / "stack", department, dict(up.urls), up.kafka, outside.hurried,
                            findings, until_the_end,
                            {} if apache is None else {"broker": apache.child.pid},
                        )  # fmt: skip
                        await _observe(outside, site, load, seen, shots, chosen)
    finally:
        await asyncio.to_thread(traces.stop)
    return seen


async def _observe(
    outside: Outside,
    site: Site,
    load: Load,
    seen: Seen,
    shots: Path | None,
    chosen: Sequence[Trial],
) -> None:
    """Look at everything, under load."""
    working = [
        asyncio.create_task(load.run(3600)),
        asyncio.create_task(_sign_ins(site.department)),
        asyncio.create_task(_alerted(site.department)),
        asyncio.create_task(_probed({name: site.urls[name] for name in (*APIS, *WORKERS)})),
    ]
    try:
        say(f"{SETTLED_S:g} s of load")
        await asyncio.sleep(SETTLED_S)
        before = [await filled(outside.delivered, one, SETTLED_S) for one in dashboards()]
        seen.quiet = sorted(
            {one["alertname"] for one in await outside.delivered.firing()} - {"Watchdog"}
        )
        seen.trace = from_post_to_alert(outside.collector.traces)
        say(f"a trace: {' → '.join(seen.trace)}; alerts without a fault: {seen.quiet}")
        if shots is not None:
            await _save(before, shots)
        for trial in chosen:
            await _tried(trial, site, seen)
        after = [await filled(outside.delivered, one, 3600) for one in dashboards()]
        _compare(before, after, seen)
        if shots is not None:
            await _save(
                [panels for panels in after if panels[0].dashboard == "plateward-pipeline"],
                shots,
                "-faults",
            )
        seen.watchdogs = len(outside.receiver.alerts("/dead-man"))
        seen.pages = sorted({one["alertname"] for one in outside.receiver.alerts("/page")})
    finally:
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)


async def _probed(urls: Mapping[str, str]) -> None:
    """Ask each service for its readiness again and again, as the health checks of compose and Kubernetes do."""
    async with httpx.AsyncClient(timeout=PROBED_EVERY_S) as client:

        async def ask(url: str) -> None:
            with contextlib.suppress(httpx.HTTPError):
                await client.get(f"{url}/readyz")

        while True:
            await asyncio.gather(*map(ask, urls.values()))
            await asyncio.sleep(PROBED_EVERY_S)


async def _alerted(department: Department) -> None:
    """Have an officer's alert stream open; faults end it, and it is opened again."""
    while True:
        with contextlib.suppress(StepFailed, httpx.HTTPError, OSError):
            await AlertStream(department.officer).listen()
        await asyncio.sleep(1)


async def _sign_ins(department: Department) -> None:
    """Sign in again and again, as people do at the beginning of their shifts."""
    while True:
        for person in (department.custodian, department.lieutenant, department.trainer):
            with contextlib.suppress(Exception):
                await person.sign_in()
        await asyncio.sleep(SIGN_INS_EVERY_S)


async def _tried(trial: Trial, site: Site, seen: Seen) -> None:
    """Make one fault; note which of its rules fire, and clear once it has ended."""
    seen.tried |= set(trial.rules)
    try:
        await _watched(trial, site, seen)
    except (StepFailed, httpx.HTTPError, OSError) as exc:
        say(f"{trial.what}: {exc}")
    said = ", ".join(
        f"{name} fired {seen.fired.get(name, '–')} s cleared {seen.cleared.get(name, '–')} s"
        for name in trial.rules
    )
    say(f"{trial.what}: {said}")


async def _watched(trial: Trial, site: Site, seen: Seen) -> None:
    begun_s = time.monotonic()
    async with trial.cause(site):
        for name in trial.rules:
            if await _fired(site.prometheus, _alerts(name, trial), begun_s):
                seen.fired.setdefault(name, round(time.monotonic() - begun_s, 1))
        await asyncio.sleep(max(0.0, begun_s + SEEN_S - time.monotonic()))
    ended_s = time.monotonic()
    for name in trial.rules:
        if name in seen.fired and await _cleared(site.prometheus, _alerts(name, trial)):
            seen.cleared.setdefault(name, round(time.monotonic() - ended_s, 1))


def _alerts(name: str, trial: Trial) -> str:
    """Return the PromQL selector of a rule's alerts that count."""
    return f'ALERTS{{alertname="{name}", alertstate="firing", {trial.of}}}'


async def _fired(prometheus: Prometheus, alerts: str, begun_s: float) -> bool:
    """Wait until an alert has fired, however shortly, since a fault began; return whether it has."""

    async def so() -> bool:
        since_s = max(1, round(time.monotonic() - begun_s))
        return bool(await prometheus.query(f"max_over_time({alerts}[{since_s}s])"))

    return await _in_time(so, FIRES_WITHIN_S)


async def _cleared(prometheus: Prometheus, alerts: str) -> bool:
    """Wait until no such alert fires; return whether it came so."""

    async def so() -> bool:
        return not await prometheus.query(alerts)

    return await _in_time(so, CLEARS_WITHIN_S)


async def _in_time(so: Callable[[], Awaitable[bool]], within_s: float) -> bool:
    try:
        await eventually(so, within_s=within_s, every_s=0.5)
    except AssertionError:
        return False
    return True


def _compare(before: list[list[FilledPanel]], after: list[list[FilledPanel]], seen: Seen) -> None:
    """Note the panels that had figures neither before the faults nor since."""
    for early, late in zip(before, after, strict=True):
        seen.panels += len(early)
        seen.empty += sorted(set(empty(early)) & set(empty(late)))


async def _save(panels: list[list[FilledPanel]], shots: Path, suffix: str = "") -> None:
    named = {one["uid"]: one for one in dashboards()}
    for one in panels:
        dashboard = named[one[0].dashboard]
        await save(
            page(dashboard, one),
            shots / f"{dashboard['uid'].replace('plateward', 'dashboard')}{suffix}.png",
        )


def figures(seen: Seen) -> dict[str, Any]:
    """Return the line of figures."""
    names = [rule["alert"] for group in rules()["groups"] for rule in group["rules"]]
    return {
        "dashboards": seen.panels,
        "empty": seen.empty,
        "rightly_empty": sorted(RIGHTLY_EMPTY),
        "trace": seen.trace,
        "watchdogs": seen.watchdogs,
        "pages": seen.pages,
        "quiet_alerts": seen.quiet,
        "fired_s": seen.fired,
        "cleared_s": seen.cleared,
        "live": sorted(seen.fired.keys() & seen.cleared.keys()),
        "rules": len(names),
        "ok": seen.ok,
    }


def main() -> int:
    """Run once, and print the line of figures."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.dashboards", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--keep", type=Path, help="a folder to keep the run's files in")
    parser.add_argument("--shots", type=Path, help="a folder for pictures of the dashboards")
    parser.add_argument("--only", nargs="*", help="the rules to try; default: all of the list")
    parser.add_argument(
        "--apache", action="store_true", help="with Apache Kafka, for the rules of its disks"
    )
    options = parser.parse_args()
    trials = ON_APACHE if options.apache else TRIALS
    wanted = set(options.only or [name for trial in trials for name in trial.rules])
    chosen = [trial for trial in trials if wanted & set(trial.rules)][: 2 if SMOKE else None]
    with contextlib.ExitStack() as stack:
        folder = options.keep or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="plateward-dashboards-"))
        )
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        try:
            programs = Programs(debian(), alertmanager(), collector())
            apache = stack.enter_context(ApacheKafka(folder / "kafka")) if options.apache else None
            seen = asyncio.run(run(folder.absolute(), programs, options.shots, chosen, apache))
        except LocalError as fault:
            print(fault, file=sys.stderr)
            return 2
    print(json.dumps(figures(seen)), flush=True)
    return 0 if seen.ok else 1


if __name__ == "__main__":
    sys.exit(main())
