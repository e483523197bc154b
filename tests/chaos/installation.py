"""Everything of a run: Postgres, three brokers and all services, each on a machine of its own, and the links.

The services run below `python -m local`, which restarts those that end; a keeper here restarts brokers and Postgres.
Links to Kafka, Postgres and ingest are encrypted, as between machines, so a flipped bit ends a connection.
"""

import asyncio
import contextlib
import os
import random
import signal
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import httpx

from deploy.compose.make_tls import Signer
from deploy.kafka.cluster import ApacheCluster
from deploy.kafka.run import ApacheKafka
from local.stack.launch import running
from local.stack.postgres import Postgres
from local.stack.process import LOOPBACK, LocalError, free_port, unprivileged_account
from local.stack.schema import OWNER, make_tables
from local.stack.state_file import Running, StateFile
from services.registry import names
from shared.service.spec import Kind
from tests.chaos.machine import Machine, build
from tests.chaos.plan import ALL_BROKERS, BROKERS, CAMERAS, POSTGRES, PROCESSES, SERVICES
from tests.chaos.proxy import Break, Proxy
from tests.e2e.killing import children

T = TypeVar("T")

READY_WITHIN_S = 500.0
"""For the first start: on a busy machine with two cores it takes minutes."""
PROBED_EVERY_S = 1.0
PROBE_WITHIN_S = 3.0


class Installation:
    """A running installation whose parts can be made to fail."""

    def __init__(
        self, folder: Path, machines: dict[str, Machine], links: dict[str, Proxy], signer: Path
    ) -> None:
        self.folder = folder
        self.stack = folder / "stack"
        self.machines = machines
        self.links = links
        self.signer_file = signer
        """The certificate that Postgres' and the camera door's are signed with."""
        self.cluster: ApacheCluster
        self.postgres: Postgres
        self.environment: dict[str, str] = {}
        """The settings of the services."""
        self.up: Running
        self._full: set[str] = set()
        self._stopped: dict[str, list[int]] = {}
        self._restarting: set[str] = set()
        self.restarted = 0
        """How often the keeper started a broker or Postgres again."""

    @property
    def servers(self) -> dict[str, ApacheKafka | Postgres]:
        """Brokers and Postgres by their parts' names."""
        return {**dict(zip(BROKERS, self.cluster.nodes, strict=True)), POSTGRES: self.postgres}

    def pids(self, part: str) -> list[int]:
        """Return the ids of a part's process and of those below it; none while it is down."""
        if part in self.servers:
            child = self.servers[part].child
            pid = child.pid if child.alive() else 0
        else:
            state = StateFile(self.stack / "stack.json").read()
            pid = state.processes[part] if state else 0
            if pid not in children(self.up.pid):  # it has ended, and the id may be another's
                pid = 0
        return [pid, *descendants(pid)] if pid else []

    def kill(self, part: str) -> None:
        """Kill -9 a part's process; it is started again."""
        signal_all(self.pids(part)[:1], signal.SIGKILL)

    def kill_brokers(self) -> None:
        """Kill -9 all brokers, at the end of a run: the last two of a cluster need a minute each to end in order."""
        for node in self.cluster.nodes:
            node.kill()

    def stop(self, part: str) -> None:
        """SIGSTOP a part's processes."""
        self._stopped[part] = self.pids(part)
        signal_all(self._stopped[part], signal.SIGSTOP)

    def go_on(self, part: str) -> None:
        """SIGCONT them."""
        signal_all(self._stopped.pop(part, []), signal.SIGCONT)

    def fill_disk(self, part: str, full: bool) -> None:
        """Fill the disk of a part; a broker or Postgres that ends for it stays down until there is room."""
        (self._full.add if full else self._full.discard)(part)
        self.machines[part].fill_disk(full)

    def break_link(self, link: str, what: Break) -> None:
        """Break a link, or mend it."""
        for name in BROKERS if link == ALL_BROKERS else (link,):
            self.links[name].set(what)

    def heal(self) -> None:
        """End whatever fault is left."""
        for part in list(self._stopped):
            self.go_on(part)
        for part, machine in self.machines.items():
            self.fill_disk(part, full=False)
            machine.slow_disk(0)
            machine.step_clock(0)
        for link in self.links.values():
            link.set(Break())

    async def supervise(self) -> None:
        """Start brokers and Postgres again when they end, until cancelled."""
        loop = asyncio.get_running_loop()
        # Threads of their own that last: Linux ends a child with the thread that started it.
        threads = ThreadPoolExecutor(len(self.servers), "keeper")
        try:
            while True:
                for name, server in self.servers.items():
                    if name in self._restarting | self._full or server.child.alive():
                        continue
                    self._restarting.add(name)
                    loop.run_in_executor(threads, self._restart, name, server)
                await asyncio.sleep(0.5)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)

    def _restart(self, name: str, server: ApacheKafka | Postgres) -> None:
        try:
            server.stop()
            server.start(within_s=180)
            self.restarted += 1
        except LocalError as fault:
            (self.folder / "keeper.log").open("a").write(f"{name}: {fault}\n")
        finally:
            self._restarting.discard(name)

    async def well(self, client: httpx.AsyncClient) -> bool:
        """Whether every part answers and every service is ready; this asks each for its readiness."""
        states = await asyncio.gather(*(self._ready(client, name) for name in SERVICES))
        alive = all(
            name not in self._restarting and server.child.alive()
            for name, server in self.servers.items()
        )
        return all(states) and alive

    async def _ready(self, client: httpx.AsyncClient, service: str) -> bool:
        try:
            answer = await client.get(f"{self.up.urls[service]}/readyz", timeout=PROBE_WITHIN_S)
        except httpx.HTTPError:
            return False
        return answer.status_code == 200

    async def watch(self, since_s: float, seen: list[tuple[float, bool]]) -> None:
        """Note until cancelled, every second, whether all is well; times are seconds after `since_s`."""
        async with httpx.AsyncClient() as client:
            while True:
                at_s = time.monotonic()
                well = await self.well(client)
                seen.append((time.monotonic() - since_s, well))
                await asyncio.sleep(max(0.0, at_s + PROBED_EVERY_S - time.monotonic()))


@contextlib.asynccontextmanager
async def installed(folder: Path, draw: random.Random) -> AsyncIterator[Installation]:
    """Run all parts over `folder`; all end at the end."""
    folder.chmod(0o755)
    library = build(folder)
    machines = {name: Machine(library, folder / "machines" / name) for name in PROCESSES}
    tls = folder / "tls"
    door = _server_certificates(tls)
    links: dict[str, Proxy] = {}
    async with contextlib.AsyncExitStack() as stack:

        async def linked(name: str, port: int, context: ssl.SSLContext | None = None) -> Proxy:
            drawn = random.Random(draw.random())
            return await stack.enter_async_context(Proxy(port, drawn, context))

        # The links come first: the brokers advertise their links' ports.
        ports = {name: free_port() for name in BROKERS}
        for name in BROKERS:
            links[name] = await linked(name, ports[name])
        all_parts = Installation(folder, machines, links, tls / "ca.pem")
        cluster = all_parts.cluster = ApacheCluster(
            folder / "kafka",
            ports=[ports[name] for name in BROKERS],
            advertised=[links[name].port for name in BROKERS],
            process_environments=[machines[name].environment() for name in BROKERS],
        )
        postgres = all_parts.postgres = Postgres(
            folder / "postgres",
            port=free_port(),
            settings={
                "ssl": "on",
                "ssl_cert_file": str(tls / "postgres.pem"),
                "ssl_key_file": str(tls / "postgres.key"),
            },
            process_environment=machines[POSTGRES].environment(),
        )
        await stack.enter_async_context(_in_thread(postgres))
        await stack.enter_async_context(_in_thread(cluster))
        stack.callback(all_parts.kill_brokers)
        links[POSTGRES] = await linked(POSTGRES, postgres.port)
        behind_link = Postgres(postgres.folder, port=links[POSTGRES].port)
        all_parts.environment = {
            **cluster.environment(),
            **behind_link.environment(),
            **dict(_own_machines(machines)),
            "LD_PRELOAD": str(library),
            "DATABASE_CA_FILE": str(tls / "ca.pem"),
            "RECOGNITION_WORKERS": "1",  # one core and more are taken by everything else
        }
        all_parts.stack.mkdir()
        # Here, since no service may have the owner's password.
        await make_tables(names(Kind.API), {**all_parts.environment, OWNER: postgres.url()})
        services = ["--services", ",".join(SERVICES), "--separate", "--port", "0"]
        services += ["--ready-within-s", str(READY_WITHIN_S)]
        services_up = running(
            all_parts.stack,
            *services,
            environment=all_parts.environment,
            within_s=READY_WITHIN_S + 100,
        )
        keeping = asyncio.create_task(all_parts.supervise())
        stack.push_async_callback(_ended, keeping)
        stack.callback(all_parts.heal)
        all_parts.up = await stack.enter_async_context(_in_thread(services_up))
        ingest = urlsplit(all_parts.up.urls["ingest"]).port
        assert ingest is not None
        inner = await linked("door", ingest, door)
        links[CAMERAS] = await linked(CAMERAS, inner.port)
        stack.callback(all_parts.heal)
        yield all_parts


def _own_machines(machines: dict[str, Machine]) -> Iterator[tuple[str, str]]:
    for name in SERVICES:
        yield f"{name.upper()}__CHAOS_MACHINE", machines[name].environment()["CHAOS_MACHINE"]


@contextlib.asynccontextmanager
async def _in_thread(manager: AbstractContextManager[T]) -> AsyncIterator[T]:
    """Enter and leave in a thread: what ends needs the links, which this loop serves."""
    value = await asyncio.to_thread(manager.__enter__)
    try:
        yield value
    finally:
        await asyncio.to_thread(manager.__exit__, None, None, None)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _server_certificates(folder: Path) -> ssl.SSLContext:
    """Draw the certificates of Postgres and of the cameras' door; returns the door's context."""
    folder.mkdir(parents=True)
    signer = Signer("plateward chaos")
    (folder / "ca.pem").write_bytes(signer.certificate)
    account = unprivileged_account()
    for name in ("postgres", "door"):
        signed = signer.sign(name, [LOOPBACK])
        key = folder / f"{name}.key"
        key.touch(mode=0o600)
        key.write_bytes(signed.key)
        if account is not None and name == "postgres":
            os.chown(key, account.uid, account.gid)
        (folder / f"{name}.pem").write_bytes(signed.certificate)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "door.pem", folder / "door.key")
    return context


def descendants(pid: int) -> list[int]:
    """Return the processes below a process."""
    found = []
    for child in children(pid):
        found += [child, *descendants(child)]
    return found


def signal_all(pids: list[int], number: signal.Signals) -> None:
    """Send a signal to processes, those that have ended left out."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
