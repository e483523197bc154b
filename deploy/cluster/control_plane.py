"""One Kubernetes API server and its etcd on loopback: it accepts and validates objects and runs nothing.

It has no node and no controller, so it needs neither root nor a container engine. It checks an object's schema and
Pod Security exactly as a whole cluster of the same version does.
"""

import contextlib
import secrets
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from deploy.cluster.programs import Programs, programs
from deploy.compose.make_tls import Signer
from local.stack.process import LOOPBACK, Child, Server, free_port, held

SERVICES = "10.96.0.0/16"
"""The addresses of Services."""

ANSWERS_WITHIN_S = 180.0
"""A busy machine of two cores takes most of a minute; an idle one five seconds."""


@dataclass
class ControlPlane(Server):
    """A control plane over `folder`, which stores its state."""

    NAME: ClassVar[str] = "Kubernetes"

    folder: Path
    port: int = 0
    """Loopback port of the API server; 0 picks a free one at the first start."""
    _token: str = field(default_factory=lambda: secrets.token_urlsafe(24), init=False, repr=False)
    _programs: Programs = field(init=False, repr=False)
    _etcd: Child | None = field(default=None, init=False, repr=False)
    _server: Child | None = field(default=None, init=False, repr=False)
    _held: contextlib.ExitStack = field(
        default_factory=contextlib.ExitStack, init=False, repr=False
    )

    def start(self) -> None:
        """Start, and wait until the API server is ready. Raises: LocalError."""
        self._programs = programs()
        self.folder = self.folder.absolute()
        self._held.enter_context(held(self.folder, self.NAME))
        self.port = self.port or free_port()
        try:
            self._draw_secrets()
            store = self._start_etcd()
            self._server = Child(
                "kube-apiserver", self._api_server(store), log=self.folder / "kube-apiserver.log"
            )
            self._server.start()
            self._server.wait_ready(self._ready, within_s=ANSWERS_WITHIN_S)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop both in order; does nothing if not started."""
        for part in (self._server, self._etcd):
            if part is not None:
                part.stop()
        self._held.close()

    def kubectl(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run kubectl as the cluster's administrator, with `given` as its standard input."""
        return subprocess.run(
            [
                self._programs["kubectl"], f"--server=https://{LOOPBACK}:{self.port}",
                f"--certificate-authority={self.folder / 'ca.crt'}", f"--token={self._token}",
                "--kubeconfig=/dev/null", *arguments,
            ],
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip

    def _ready(self) -> bool:
        return self.kubectl("get", "--raw", "/readyz").returncode == 0

    def _draw_secrets(self) -> None:
        signer = Signer("plateward kubernetes")
        theirs = signer.sign("kube-apiserver", ["localhost", LOOPBACK])
        self._write("ca.crt", signer.certificate)
        self._write("server.crt", theirs.certificate)
        self._write("server.key", theirs.key)
        accounts = signer.sign("service accounts")
        self._write("accounts.crt", accounts.certificate)
        self._write("accounts.key", accounts.key)
        self._write("tokens.csv", f'{self._token},admin,admin,"system:masters"\n'.encode())

    def _write(self, name: str, content: bytes) -> None:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_bytes(content)

    def _start_etcd(self) -> str:
        """Start etcd; returns its address."""
        clients, peers = (f"http://{LOOPBACK}:{free_port()}" for _ in range(2))
        command = [
            self._programs["etcd"],
            *as_options(etcd_options(self.folder / "etcd", clients, peers)),
        ]
        self._etcd = Child("etcd", command, log=self.folder / "etcd.log")
        self._etcd.start()
        return clients

    def _api_server(self, store: str) -> list[str]:
        options = api_server_options(self.folder, store) | {
            "bind-address": LOOPBACK,
            "advertise-address": "192.0.2.1",  # a documentation address: no traffic may use it
            "secure-port": str(self.port),
            "authorization-mode": "RBAC",
        }
        return [self._programs["kube-apiserver"], *as_options(options)]


def etcd_options(data: Path, clients: str, peers: str) -> dict[str, str]:
    """Return the options of an etcd alone; `clients` and `peers` are its addresses for either."""
    return {
        "data-dir": str(data),
        "listen-client-urls": clients,
        "advertise-client-urls": clients,
        "listen-peer-urls": peers,
        "initial-advertise-peer-urls": peers,
        "initial-cluster": f"default={peers}",
    }


def api_server_options(folder: Path, store: str) -> dict[str, str]:
    """Return the options of an API server whose certificates and tokens are in `folder` and whose etcd is `store`."""
    return {
        "etcd-servers": store,
        "tls-cert-file": str(folder / "server.crt"),
        "tls-private-key-file": str(folder / "server.key"),
        "token-auth-file": str(folder / "tokens.csv"),
        "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
        "service-account-key-file": str(folder / "accounts.crt"),
        "service-account-signing-key-file": str(folder / "accounts.key"),
        "service-cluster-ip-range": SERVICES,
    }


def as_options(options: Mapping[str, str]) -> list[str]:
    """Return options as arguments of a command."""
    return [f"--{name}={value}" for name, value in options.items()]
