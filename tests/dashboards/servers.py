"""Alertmanager, the collector of traces, the reader of the host's disks, and receivers of alerts, on loopback.

They run with the committed files; only addresses and paths in them are replaced.
"""

import json
import os
import ssl
import subprocess
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar, Self

import yaml

from deploy.compose.make_tls import Signer
from local.stack.process import LOOPBACK, Child, LocalError, Server, free_port, listens
from local.stack.servers import ROOT

OBSERVABILITY = ROOT / "deploy" / "observability"


def with_addresses(text: str, addresses: Mapping[str, str]) -> str:
    """Return a committed file with other addresses. Raises: LocalError for one that it does not have."""
    for before, after in addresses.items():
        if before not in text:
            raise LocalError(f"the committed file no longer has {before!r}")
        text = text.replace(before, after)
    return text


def prometheus_config(services: Mapping[str, str], alertmanager: str, disks: str) -> dict[str, Any]:
    """Return the delivered configuration of Prometheus with the addresses of `services` and the others."""
    addresses = {
        **{f"{name}:8000": url.removeprefix("http://") for name, url in services.items()},
        "alertmanager:9093": alertmanager,
        "host-disks:9100": disks,
    }
    loaded: dict[str, Any] = yaml.safe_load(
        with_addresses((OBSERVABILITY / "prometheus.yaml").read_text(), addresses)
    )
    return loaded


@dataclass
class OneProgram(Server):
    """A program that listens on one port."""

    NAME: ClassVar[str] = "a program"

    program: Path
    folder: Path
    port: int = field(default_factory=free_port)
    _server: Child | None = field(default=None, init=False, repr=False)

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Start it. Raises: LocalError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / "log"
        command = [str(self.program), *self.arguments()]
        self._server = Child(self.NAME, command, log=log, env={**os.environ, **self.environment()})
        self._server.start()
        self._server.wait_ready(lambda: listens(self.port), within_s=60)

    @abstractmethod
    def arguments(self) -> list[str]:
        """Write its configuration, and return its command line."""

    def environment(self) -> dict[str, str]:
        """Return the environment variables that it has beside those of this process."""
        return {}

    def stop(self) -> None:
        """Stop it."""
        if self._server is not None:
            self._server.stop()


@dataclass
class Disks(OneProgram):
    """The reader of the host's disks, with the arguments that docker-compose.yml gives it."""

    NAME: ClassVar[str] = "node exporter"

    def arguments(self) -> list[str]:
        """Return compose's arguments; this reads the machine that it runs on."""
        compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
        given = compose["services"]["host-disks"]["command"]
        own = [one.replace("$$", "$") for one in given if not one.startswith("--path.rootfs")]
        return [*own, f"--web.listen-address={self.address}"]


@dataclass
class Collector(OneProgram):
    """The collector of traces."""

    NAME: ClassVar[str] = "the collector"

    @property
    def traces(self) -> Path:
        """The file of traces, one object of OTLP a line."""
        return self.folder / "traces.json"

    def arguments(self) -> list[str]:
        """Write collector.yaml with another port and file."""
        addresses = {"0.0.0.0:4318": self.address, "/traces/traces.json": str(self.traces)}
        path = self.folder / "collector.yaml"
        path.write_text(with_addresses((OBSERVABILITY / "collector.yaml").read_text(), addresses))
        return [f"--config={path}"]


class Receiver:
    """A receiver of JSON by http, which has what was posted and answers as it is set to."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        self.answer = HTTPStatus.OK
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.answer is HTTPStatus.OK:
                    receiver.posts.append({"path": self.path, **json.loads(body)})
                self.send_response(receiver.answer)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self.url = f"http://{LOOPBACK}:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class AlertReceiver(Receiver):
    """A receiver of alerts by https: what Alertmanager's webhooks post to it."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        signer = Signer("plateward dashboards")
        folder.mkdir(parents=True)
        self.signer_file = folder / "ca.pem"
        self.signer_file.write_bytes(signer.certificate)
        signed = signer.sign("receiver", [LOOPBACK])
        (folder / "receiver.pem").write_bytes(signed.certificate)
        (folder / "receiver.key").write_bytes(signed.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "receiver.pem", folder / "receiver.key")
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")

    def alerts(self, path: str) -> list[dict[str, str]]:
        """Return the labels of the firing alerts that were posted to a path, in order."""
        return [
            alert["labels"]
            for post in list(self.posts)
            if post["path"] == path
            for alert in post["alerts"]
            if alert["status"] == "firing"
        ]


@dataclass
class Alertmanager(OneProgram):
    """Alertmanager, with the receivers that receivers.sh adds from the settings ALERT_…."""

    NAME: ClassVar[str] = "Alertmanager"

    receiver: AlertReceiver = field(kw_only=True)

    def arguments(self) -> list[str]:
        """Write alertmanager.yaml as compose has it written."""
        settings = {
            "ALERT_PAGE_URL": f"{self.receiver.url}/page",
            "ALERT_TICKET_URL": f"{self.receiver.url}/ticket",
            "ALERT_WATCHDOG_URL": f"{self.receiver.url}/dead-man",
        }
        done = subprocess.run(
            ["sh", str(OBSERVABILITY / "receivers.sh"), str(OBSERVABILITY / "alertmanager.yaml")],
            env={**os.environ, **settings},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise LocalError(f"receivers.sh ended with {done.returncode}: {done.stderr}")
        path = self.folder / "alertmanager.yaml"
        path.write_text(done.stdout)
        return [
            f"--config.file={path}",
            f"--storage.path={self.folder / 'data'}",
            f"--web.listen-address={self.address}",
            "--cluster.listen-address=",
        ]

    def environment(self) -> dict[str, str]:
        """Trust the receiver's certificate."""
        return {"SSL_CERT_FILE": str(self.receiver.signer_file)}
