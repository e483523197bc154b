"""The embedded Kafka-protocol broker from a wheel, for trying out and for tests (ADR-0003)."""

import contextlib
import socket
import ssl
import struct
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import ClassVar

from local.stack.process import LOOPBACK, Child, Server, free_port, held

EMPTY_FETCH_PAUSE_MS = 10
"""Pause of consumers after an empty fetch: this broker has no long poll and answers at once. Consumers wait a
multiple of it while topics are empty (`pauses`), so idle consumers use little of a core."""


@dataclass
class Broker(Server):
    """One noida-db broker over `folder`: a log in memory, written to disk every 3 s and at a clean stop.

    It never syncs, so a kill loses the events acknowledged since the last write; no promise here depends on them.
    """

    NAME: ClassVar[str] = "the broker"

    folder: Path
    port: int = 0
    """Loopback port; 0 picks a free one at the first start."""
    _server: Child | None = field(default=None, init=False, repr=False)
    _held: contextlib.ExitStack = field(
        default_factory=contextlib.ExitStack, init=False, repr=False
    )

    def start(self) -> None:
        """Start the broker; returns once it has loaded its log and answers."""
        self.folder = self.folder.absolute()
        self._held.enter_context(held(self.folder, "the broker"))
        self.port = self.port or free_port()
        self._server = Child("the broker", self._command(), log=self.folder / "broker.log")
        try:
            self._server.start()
            self._server.wait_ready(lambda: speaks_kafka(self.port), within_s=60.0)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Write the log to disk and stop; does nothing if not started."""
        if self._server is not None:
            self._server.stop()
        self._held.close()

    def restart(self) -> None:
        """Stop and start on the same port: the broker then forgets group members that died."""
        self.stop()
        self.start()

    @property
    def bootstrap(self) -> str:
        """Address for `KAFKA_BOOTSTRAP`."""
        return f"{LOOPBACK}:{self.port}"

    def _command(self) -> list[str]:
        # Runs the binary itself: the package's Python entry point does not pass signals on to it.
        binary = str(files("noida_db") / "noida-db")
        ports = ["--host", LOOPBACK, "--kafka-port", str(self.port)]
        return [binary, "start", "--only", "kafka", *ports, "--data-dir", str(self.folder / "log")]


def speaks_kafka(port: int, tls: ssl.SSLContext | None = None) -> bool:
    """Whether a Kafka broker on loopback answers; it accepts connections long before it does."""
    client = b"plateward"
    request = struct.pack(">hhih", 18, 0, 1, len(client)) + client  # ApiVersions, version 0
    try:
        with contextlib.ExitStack() as stack:
            link = stack.enter_context(socket.create_connection((LOOPBACK, port), timeout=0.5))
            if tls is not None:
                link.settimeout(5.0)  # the first handshake of a starting node is slow
                link = stack.enter_context(tls.wrap_socket(link, server_hostname=LOOPBACK))
            link.sendall(struct.pack(">i", len(request)) + request)
            answer = link.recv(10) if tls else link.recv(10, socket.MSG_WAITALL)
    except OSError:
        return False
    return len(answer) == 10 and struct.unpack(">iih", answer)[1:] == (1, 0)
