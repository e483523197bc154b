"""Starts the embedded stack's servers and services in order, watches them, and stops them in reverse.

Start: Postgres, broker, the tables as their owner, the topics, then the services, which use a role that owns no
table (ADR-0016). A server is left out if the environment names another (`DATABASE_URL`, `KAFKA_BOOTSTRAP`).
Stop: services first, so that they accept no more requests; Postgres last.
"""

import asyncio
import contextlib
import os
import shlex
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from local.stack.broker import EMPTY_FETCH_PAUSE_MS, Broker
from local.stack.keys import root_file, stored_keys
from local.stack.mac_keys import audits_mac_keys
from local.stack.postgres import Postgres
from local.stack.process import (
    LOCALHOST,
    LOOPBACK,
    LocalError,
    free_port,
    held,
    listens,
    owners_alone,
    page_address,
)
from local.stack.schema import OWNER, make_tables
from local.stack.servers import ROOT, Service, StackServer, service
from local.stack.services import (
    APIS,
    PAGES,
    WORKERS,
    addresses,
    environment_of,
    names_database,
)
from local.stack.set_up import set_up_lines
from local.stack.state_file import StateFile
from local.stack.topics import as_principal, make_topics, refuse_principals_in_one_process
from shared.kafka.trim import Trimmer, fleeting_topics, services_to_wait_for

READY_WITHIN_S = 120.0
CRASHES, CRASHES_WITHIN_S = 5, 60.0
"""If a part ends more often than this within the time, the stack stops instead of restarting it."""
_POLL_EVERY_S = 0.5
CROP_READER = shlex.join([sys.executable, "-m", "services.recognition.workers.crop_reader"])
"""Reads crops for retention's reports on accuracy; recognition's packages are here (ADR-0085)."""


class Stack:
    """One department's software on one machine, with its data in a folder."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 8000,
        separate: bool = False,
        services: Sequence[str] = (*APIS, *WORKERS, *PAGES),
        environment: Mapping[str, str] = os.environ,
        ready_within_s: float = READY_WITHIN_S,
    ) -> None:
        """`separate` gives each service its own process and port; else the APIs share one."""
        unknown = set(services) - {*APIS, *WORKERS, *PAGES}
        if unknown:
            raise LocalError(f"no such service: {', '.join(sorted(unknown))}")
        if set(services) & set(PAGES) and (lacking := set(APIS) - set(services)):
            raise LocalError(f"the console needs {', '.join(sorted(lacking))} too")
        _refuse_tls_of_the_own_broker(environment)
        if not separate:
            refuse_principals_in_one_process(environment)
        self._folder = folder.absolute()
        self._port = port
        self._separate = separate
        self._services = sorted(services, key=lambda name: name in PAGES)  # these last
        self._given = environment
        self._ready_within_s = ready_within_s
        self._servers: dict[str, StackServer] = {}
        self._urls: dict[str, str] = {}
        self._crashes: dict[str, list[float]] = defaultdict(list)
        self._state_file = StateFile(self._folder / "stack.json")

    async def run(self, stop: asyncio.Event) -> None:
        """Run until `stop` is set. Raises: LocalError if it cannot start or continue."""
        with held(self._folder, "the stack"):
            began = time.monotonic()
            trimming: asyncio.Task[None] | None = None
            try:
                environment = self._start_servers()
                await make_tables([s for s in self._services if s in APIS], environment)
                environment.pop(OWNER, None)  # no service needs it
                if self._services or "broker" in self._servers:  # otherwise Kafka is unused
                    await make_topics(environment)
                self._start_services(environment)
                if await self._ready(stop):
                    self._write_state_file()
                    _say(f"up after {time.monotonic() - began:.1f} s; data in {self._folder}")
                    await self._list_pages(environment)
                    trimming = self._start_trimming()
                    await self._watch(stop)
            finally:
                if trimming is not None:
                    trimming.cancel()
                self._stop()

    @property
    def urls(self) -> Mapping[str, str]:
        """The address of each service, without a trailing slash."""
        return self._urls

    def _start_servers(self) -> dict[str, str]:
        """Start the servers that the environment does not name; returns the services' environment."""
        owners_alone(self._folder / "log")
        first_start = not (self._folder / "postgres" / "data").exists()
        added = {
            "PYTHONUNBUFFERED": "1",
            "POLICY_FILE": str(ROOT / "policy.toml"),
            "KAFKA_ALLOW_ONE_COPY": "true",  # one machine is one point of failure anyway
            "RETENTION_CROP_READER": CROP_READER,
            "IDENTITY_CONSOLE_HOST": LOCALHOST,
        }
        # Before the data: a first start that ends in between would leave data without the keys that encrypt them.
        added |= stored_keys(self._folder / "keys", self._given, first_start=first_start)
        if not names_database(self._given):
            postgres = Postgres(self._folder / "postgres")
            self._start("postgres", postgres)
            added |= {**postgres.environment(), OWNER: postgres.url()}
        if "KAFKA_BOOTSTRAP" not in self._given:
            broker = Broker(owners_alone(self._folder / "broker"))
            self._start("broker", broker)
            added["KAFKA_BOOTSTRAP"] = broker.bootstrap
            added["KAFKA_EMPTY_FETCH_PAUSE_MS"] = str(EMPTY_FETCH_PAUSE_MS)
        added |= audits_mac_keys({**added, **self._given})
        if "OBJECT_STORE_URL" not in self._given:
            added["OBJECT_STORE_URL"] = owners_alone(self._folder / "objects").as_uri()
        return {**added, **self._given}

    def _start_services(self, environment: Mapping[str, str]) -> None:
        make = partial(service, folder=self._folder)
        routed = (*APIS, *PAGES)
        together = [n for n in self._services if n in routed and not self._separate]
        if together:
            if self._port and listens(self._port):
                raise LocalError(
                    f"port {self._port} is taken; choose another: PORT=8001 make serve, or --port 8001"
                )
            port = self._port or free_port()
            self._urls |= {name: f"http://{LOOPBACK}:{port}/{name}" for name in together}
            front = make(
                "apis",
                ["local.stack.gateway", *together],
                environment=self._with_addresses(environment, together),
                port=port,
            )
            self._start("apis", front)
            self._urls |= {"": front.url}
        for name in self._services:
            if name not in together:
                own = environment_of(name, self._with_addresses(environment, [name]))
                own = as_principal(own, name)
                below = {**own, "ROOT_PATH": f"/{name}"}  # as behind a proxy
                alone = make(name, [f"services.{name}"], environment=below)
                self._start(name, alone)
                self._urls[name] = alone.url

    def _with_addresses(
        self, environment: Mapping[str, str], names: Sequence[str]
    ) -> Mapping[str, str]:
        """Return the environment, with the services' addresses if the pages are among `names`."""
        return {**addresses(self._urls), **environment} if set(names) & set(PAGES) else environment

    def _start(self, name: str, server: StackServer) -> None:
        self._servers[name] = server
        server.start()

    async def _ready(self, stop: asyncio.Event) -> bool:
        """Wait until every service is ready. Returns False if `stop` is set first. Raises: LocalError."""
        deadline = time.monotonic() + self._ready_within_s
        waiting = {n: s for n, s in self._servers.items() if isinstance(s, Service)}
        while waiting:
            name, server = next(iter(waiting.items()))
            fault = await asyncio.to_thread(server.faults)
            if fault is None:
                del waiting[name]
                continue
            if not server.child.alive():
                raise LocalError(f"{name} ended at start:\n{server.child.tail()}")
            if time.monotonic() > deadline:
                raise LocalError(f"{name} is not ready: {fault}\n{server.child.tail()}")
            if await _set_within(stop, 0.1):
                return False
        return True

    async def _watch(self, stop: asyncio.Event) -> None:
        """Restart servers that end, until `stop` is set. Raises: LocalError if one keeps ending."""
        while not await _set_within(stop, _POLL_EVERY_S):
            for name, server in self._servers.items():
                if not server.child.alive():
                    self._restart(name, server)

    def _restart(self, name: str, server: StackServer) -> None:
        now = time.monotonic()
        recent = [at for at in self._crashes[name] if now - at < CRASHES_WITHIN_S] + [now]
        self._crashes[name] = recent
        said = server.child.tail()
        if len(recent) > CRASHES:
            raise LocalError(
                f"{name} ended {len(recent)} times within a minute; its last log lines:\n{said}"
            )
        _say(
            f"{name} ended ({server.child.returncode()}) and is started again; see {server.child.log}"
        )
        self._mend_broker(server)
        server.stop()
        server.start()
        self._write_state_file()

    def _mend_broker(self, ended: StackServer) -> None:
        """Repair the embedded broker after a server ended (ADR-0003)."""
        broker = self._servers.get("broker")
        if ended is broker:
            _say("events of its last seconds may be lost: this broker is for trying out only")
        elif isinstance(broker, Broker) and isinstance(ended, Service):
            broker.restart()  # else it waits for ever for the members of groups that died

    def _start_trimming(self) -> asyncio.Task[None] | None:
        broker = self._servers.get("broker")
        if not isinstance(broker, Broker):
            return None
        return asyncio.create_task(
            Trimmer(broker.bootstrap, services_to_wait_for(), fleeting_topics()).run()
        )

    async def _list_pages(self, environment: Mapping[str, str]) -> None:
        for name, url in self._urls.items():
            _say(f"  {page_address(url)}/" if not name or name in PAGES else f"  {url}/docs")
        data = self._folder / "postgres" / "data"
        if data.is_symlink():
            _say(f"Postgres, which does not run as root, keeps its data in {data.resolve()}")
        if (root := root_file(self._folder / "keys")).exists():
            _say(f"the root that certifies its keys is in {root}: in production, keep it offline")
        if "broker" in self._servers:
            _say(
                "the embedded broker is for trying out: killed, it loses its last seconds (ADR-0003)"
            )
        if {"identity", "console"} <= self._urls.keys():
            for line in await set_up_lines(environment, page_address(self._urls["console"])):
                _say(line)
        _say("Ctrl-C stops it")

    def _write_state_file(self) -> None:
        broker = self._servers.get("broker")
        kafka = broker.bootstrap if isinstance(broker, Broker) else self._given["KAFKA_BOOTSTRAP"]
        pids = {name: server.child.pid for name, server in self._servers.items()}
        self._state_file.write(self._urls, pids, kafka)

    def _stop(self) -> None:
        """Stop everything in reverse; a server that fails to stop does not prevent the others."""
        self._state_file.remove()
        with contextlib.ExitStack() as stack:
            for server in self._servers.values():
                stack.callback(server.stop)


def _refuse_tls_of_the_own_broker(given: Mapping[str, str]) -> None:
    """Raise LocalError if clients would use TLS with the embedded broker, which has none."""
    asked = given.get("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT")
    if asked != "PLAINTEXT" and "KAFKA_BOOTSTRAP" not in given:
        raise LocalError(
            f"KAFKA_SECURITY_PROTOCOL={asked} needs KAFKA_BOOTSTRAP: the broker of this stack "
            "listens on loopback only and supports neither TLS nor passwords"
        )


def _say(text: str) -> None:
    print(f"plateward: {text}", flush=True)


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    """Wait for the event at most `seconds`; returns whether it is set."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()
