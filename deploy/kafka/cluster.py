"""Apache Kafka as a cluster of three nodes on loopback: what one node cannot promise, the loss of one of them.

Each record is on three nodes, and two have it before it is acknowledged. Certificates and ACLs are as in
docker-compose.yml; the nodes reach one another as clients reach them.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from deploy.kafka.run import ApacheKafka, Seat, new_cluster_id
from local.stack.process import LOOPBACK, free_port
from shared.kafka.acls import principals
from shared.kafka.client import Kafka

NODES = 3
_SETTINGS = {
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    # Kafka's defaults, as in production: the others serve while one restarts.
    "broker.session.timeout.ms": "9000",
    "broker.heartbeat.interval.ms": "2000",
}
_JVM = {"JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
"""Three nodes share the cores of one machine: a third of the CPU at the start, for less speed later."""


@dataclass
class ApacheCluster:
    """Three nodes over `folder`, each broker and controller in one process."""

    folder: Path
    ports: Sequence[int] = field(default_factory=lambda: [free_port() for _ in range(NODES)])
    """The loopback port of each node."""
    advertised: Sequence[int] = ()
    """The ports at which clients and the other nodes reach them, if others than `ports`."""
    process_environments: Sequence[Mapping[str, str]] = ({},) * NODES
    """Further environment variables of each node's process."""
    nodes: Sequence[ApacheKafka] = field(default=(), init=False)

    def start(self, *, within_s: float = 300.0) -> None:
        """Start all nodes and wait until each answers. Raises: LocalError."""
        self.nodes = self.nodes or self._drawn()
        try:
            for node in self.nodes:
                node.launch()
            for node in self.nodes:
                node.wait(within_s=within_s)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop all nodes."""
        with contextlib.ExitStack() as stack:
            for node in self.nodes:
                stack.callback(node.stop)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def bootstrap(self) -> str:
        """Addresses for `KAFKA_BOOTSTRAP`."""
        return ",".join(node.bootstrap for node in self.nodes)

    def client(self, principal: str) -> Kafka:
        """Return the Kafka clients of a principal."""
        settings = self.nodes[0].link(principal)
        return Kafka.of(
            settings.model_copy(
                update={"kafka_bootstrap": self.bootstrap, "kafka_allow_one_copy": False}
            )
        )

    def environment(self) -> dict[str, str]:
        """Return the settings of services that run in processes of their own."""
        folder = self._tls / "{service}"
        return {
            "KAFKA_BOOTSTRAP": self.bootstrap,
            "KAFKA_SECURITY_PROTOCOL": "SSL",
            "KAFKA_ALLOW_ONE_COPY": "false",
            "KAFKA_CA_FILE": str(folder / "ca.pem"),
            "KAFKA_CERTIFICATE_FILE": str(folder / "client.pem"),
            "KAFKA_KEY_FILE": str(folder / "client.key"),
        }

    @property
    def _tls(self) -> Path:
        return self.folder.absolute() / "tls"

    def _drawn(self) -> list[ApacheKafka]:
        cluster_id = new_cluster_id()
        controllers = [free_port() for _ in range(NODES)]
        voters = ",".join(f"{n}@{LOOPBACK}:{port}" for n, port in enumerate(controllers, start=1))
        advertised = self.advertised or self.ports
        return [
            ApacheKafka(
                self.folder / f"node-{number}",
                port,
                principals=principals(),
                settings=_SETTINGS,
                seat=Seat(
                    number, cluster_id, controller, voters, f"{LOOPBACK}:{reached}", self._tls
                ),
                process_environment={**_JVM, **environment},
            )
            for number, (port, reached, controller, environment) in enumerate(
                zip(self.ports, advertised, controllers, self.process_environments, strict=True),
                start=1,
            )
        ]
