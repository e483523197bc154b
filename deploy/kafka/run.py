"""Apache Kafka in KRaft mode on loopback, one node: `make kafka`, or a context manager in tests.

With principals it matches docker-compose.yml: TLS only, a certificate for every client, and no access without an
ACL. `deploy/kafka/cluster.py` makes a cluster of three such nodes.
"""

import argparse
import base64
import contextlib
import signal
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from deploy.compose.make_tls import complete
from deploy.kafka.java import jars, java
from local.stack.broker import speaks_kafka
from local.stack.process import LOOPBACK, Child, LocalError, Server, free_port, held, run_to_end
from shared.kafka.acls import TOPICS_COMMAND, principals
from shared.kafka.settings import KafkaSettings

_SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    # Kafka lets a principal that may delete records delete the topic too, so none may.
    "delete.topic.enable": "false",
    "num.partitions": "4",
    # One node keeps one copy of everything.
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    # A killed node restarts only after its own previous session has expired.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # Sized for two cores and half a gigabyte.
    "num.network.threads": "2",
    "num.io.threads": "4",
    "log.cleaner.dedupe.buffer.size": "16777216",
    "log.segment.bytes": "134217728",
}
BROKER = "kafka"
"""The node's own name in its certificate."""

AUTHORIZER = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "false",
    "super.users": f"User:CN={BROKER};User:CN={TOPICS_COMMAND}",
}
"""The broker needs rights as a principal too. `topics` creates the ACLs, so it could give itself any right."""

_JVM = (
    "-Xms128m",
    "-Xmx512m",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
)


@dataclass(frozen=True)
class Listener:
    """One more listener on loopback, beside the node's listener without TLS."""

    name: str
    """In capitals, as in Kafka's settings."""

    protocol: str
    """SSL or SASL_SSL."""

    settings: Mapping[str, str]
    """Properties of this listener only, without its prefix, e.g. ssl.client.auth."""

    host: str = LOOPBACK
    """The advertised host name; resolves to loopback."""

    port: int = field(default_factory=free_port)

    @property
    def bootstrap(self) -> str:
        """Address for `KAFKA_BOOTSTRAP`."""
        return f"{self.host}:{self.port}"

    def properties(self) -> dict[str, str]:
        """Return the node's properties for this listener."""
        prefix = f"listener.name.{self.name.lower()}"
        return {f"{prefix}.{name}": value for name, value in self.settings.items()}


@dataclass(frozen=True)
class Seat:
    """The place of a node in a cluster."""

    node_id: int
    cluster_id: str
    controller_port: int
    voters: str
    """The controllers of all nodes, as `controller.quorum.voters` names them."""

    advertised: str
    """host:port at which clients and the other nodes reach this one."""

    tls: Path
    """The cluster's folder of certificates."""


@dataclass
class ApacheKafka(Server):
    """One Apache Kafka node over `folder`, broker and controller in one process.

    Acknowledged records survive kill -9 of any process. One node does not survive the loss of its machine: that takes
    three, as in docker-compose's and Kubernetes' notes.
    """

    NAME: ClassVar[str] = "Apache Kafka"

    folder: Path
    port: int = 0
    """Loopback port; 0 picks a free one at the first start."""
    listeners: Sequence[Listener] = ()
    principals: Sequence[str] = ()
    """Names that get a certificate. With any, the node accepts TLS only and enforces ACLs."""
    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Passwords by user, for SCRAM-SHA-512; only those of the first start apply."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Further properties of the node."""
    seat: Seat | None = None
    """Its place in a cluster; None for a node alone."""
    process_environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Further environment variables of the process."""
    _server: Child | None = field(default=None, init=False, repr=False)
    _held: contextlib.ExitStack = field(
        default_factory=contextlib.ExitStack, init=False, repr=False
    )

    def start(self, *, within_s: float = 60.0) -> None:
        """Format the folder at the first start, then start the node and wait until it answers clients."""
        self.launch()
        self.wait(within_s=within_s)

    def launch(self) -> None:
        """Like `start`, without the wait: a node of a cluster answers only with another one."""
        self.folder = self.folder.absolute()
        self._held.enter_context(held(self.folder, "Apache Kafka"))
        try:
            self._configure()
            self._server = Child(
                "Apache Kafka",
                self._java("kafka.Kafka"),
                log=self.folder / "kafka.log",
                env=self.process_environment,
            )
            self._server.start()
        except BaseException:
            self.stop()
            raise

    def wait(self, *, within_s: float = 60.0) -> None:
        """Wait until the launched node answers clients. Raises: LocalError."""
        try:
            self.child.wait_ready(self._answers, within_s=within_s)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop cleanly; does nothing if not started."""
        if self._server is not None:
            self._server.stop(within_s=60.0)
        self._held.close()

    def kill(self) -> None:
        """Kill -9; the next `start` recovers all acknowledged records."""
        self.child.kill()
        self._held.close()

    def restart(self) -> None:
        """Stop and start on the same port."""
        self.stop()
        self.start()

    @property
    def bootstrap(self) -> str:
        """Address for `KAFKA_BOOTSTRAP`."""
        return self.seat.advertised if self.seat else self._address

    @property
    def _address(self) -> str:
        """The address at which it listens."""
        return f"{LOOPBACK}:{self.port}"

    def link(self, principal: str) -> KafkaSettings:
        """Return the Kafka settings of one of `principals`."""
        folder = self._tls / principal
        return KafkaSettings(
            kafka_bootstrap=self.bootstrap,
            kafka_security_protocol="SSL",
            kafka_allow_one_copy=True,
            kafka_ca_file=folder / "ca.pem",
            kafka_certificate_file=folder / "client.pem",
            kafka_key_file=folder / "client.key",
        )

    @property
    def _tls(self) -> Path:
        return self.seat.tls if self.seat else self.folder / "tls"

    def _answers(self) -> bool:
        tls = self.link(self.principals[0]).kafka_tls() if self.principals else None
        return speaks_kafka(self.port, tls)

    def _tls_settings(self) -> dict[str, str]:
        """Draw missing certificates; returns the properties that require them."""
        folders = [self._tls / name for name in (BROKER, *self.principals)]
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        complete(*folders)
        return {
            **AUTHORIZER,
            "ssl.client.auth": "required",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(folders[0] / "broker.pem"),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(folders[0] / "ca.pem"),
        }

    def _configure(self) -> None:
        self.port = self.port or free_port()
        port = self.seat.controller_port if self.seat else free_port()
        controller = f"{LOOPBACK}:{port}"
        clients, protocol = ("CLIENTS", "SSL") if self.principals else ("PLAINTEXT", "PLAINTEXT")
        addresses = {clients: self._address, "CONTROLLER": controller}
        protocols = dict.fromkeys(addresses, protocol)
        settings: dict[str, str] = {"inter.broker.listener.name": clients}
        if self.principals:
            settings |= self._tls_settings()
        for listener in self.listeners:
            addresses[listener.name], protocols[listener.name] = (
                listener.bootstrap,
                listener.protocol,
            )
            settings |= listener.properties()
        settings |= _SETTINGS | {
            "listeners": _named(addresses),
            "advertised.listeners": _named({**addresses, clients: self.bootstrap}),
            "listener.security.protocol.map": ",".join(f"{n}:{p}" for n, p in protocols.items()),
            "log.dirs": str(self.folder / "data"),
        }
        if self.seat is None:
            settings["controller.quorum.bootstrap.servers"] = controller
        else:
            settings["controller.quorum.voters"] = self.seat.voters
            settings["node.id"] = str(self.seat.node_id)
        settings |= self.settings
        lines = [f"{name}={value}\n" for name, value in settings.items()]
        self._properties.write_text("".join(lines))
        if not (self.folder / "data" / "meta.properties").exists():
            self._format()

    def _format(self) -> None:
        alone = [] if self.seat else ["--standalone"]
        cluster = self.seat.cluster_id if self.seat else new_cluster_id()
        command = self._java("kafka.tools.StorageTool", "format", *alone, "-t", cluster, "-c")
        for name, password in self.users.items():
            command += ["--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]"]
        run_to_end(command, f"Apache Kafka could not format {self.folder}")

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    def _java(self, tool: str, *arguments: str) -> list[str]:
        """Return the command of one of Kafka's programs; append its arguments and the properties."""
        start = [str(java()), *_JVM, "-cp", f"{jars()}/*", tool]
        return [*start, *arguments, str(self._properties)]


def new_cluster_id() -> str:
    """Return an id for a new cluster."""
    drawn = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return f"A{drawn[1:]}"  # an id must not begin with a dash


def _named(addresses: Mapping[str, str]) -> str:
    return ",".join(f"{name}://{address}" for name, address in addresses.items())


def _how_to_reach(kafka: ApacheKafka) -> str:
    """Return the settings for clients; with principals each service has a folder of its own."""
    if not kafka.principals:
        return f"KAFKA_BOOTSTRAP={kafka.bootstrap}"
    folder = kafka.folder / "tls" / "{service}"
    settings = {
        "KAFKA_BOOTSTRAP": kafka.bootstrap,
        "KAFKA_SECURITY_PROTOCOL": "SSL",
        "KAFKA_CA_FILE": folder / "ca.pem",
        "KAFKA_CERTIFICATE_FILE": folder / "client.pem",
        "KAFKA_KEY_FILE": folder / "client.key",
    }
    return " ".join(f"{name}='{value}'" for name, value in settings.items())


def main() -> int:
    """Run one node until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m deploy.kafka.run", description=__doc__)
    parser.add_argument("--port", type=int, default=9092)
    parser.add_argument("--folder", type=Path, default=Path("var/kafka"))
    parser.add_argument(
        "--acls", action="store_true", help="a certificate for each service, and ACLs enforced"
    )
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    known = principals() if options.acls else []
    try:
        with ApacheKafka(options.folder, options.port, principals=known) as kafka:
            print(f"Apache Kafka: {_how_to_reach(kafka)} (Ctrl-C stops it)", flush=True)
            while kafka.child.alive():
                time.sleep(0.5)
    except KeyboardInterrupt:
        return 0
    except LocalError as fault:
        print(fault, file=sys.stderr)
        return 1
    print(f"Apache Kafka ended: {kafka.child.tail()}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
