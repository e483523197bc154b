"""What the parts of a cluster prove themselves with: certificates of one signer, and a token for each client."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deploy.compose.make_tls import Signer

ADMINISTRATOR = "admin"
GROUPS = {ADMINISTRATOR: "system:masters"}
NODES_GROUP = "system:nodes"


@dataclass(frozen=True)
class Credentials:
    """Files of one cluster below `folder`, readable by root alone."""

    folder: Path
    server: str
    """Address of the API server, which its certificate names."""

    _tokens: dict[str, str] = field(default_factory=dict, init=False, repr=False)
    _signer: Signer = field(default_factory=lambda: Signer("plateward cluster"), init=False)

    def draw(self, addresses: list[str], nodes: Mapping[str, str]) -> None:
        """Write the API server's files and those of each node; `nodes` has their addresses by name."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write("ca.crt", self._signer.certificate)
        self._sign("server", addresses)
        self._sign("accounts", [])
        self._sign("kubelet-client", [])
        for name, address in nodes.items():
            self._sign(name, [name, address])
        groups = dict(GROUPS)
        groups |= {f"system:node:{name}": NODES_GROUP for name in nodes}
        users = [*groups, "system:kube-controller-manager", "system:kube-scheduler"]
        users.append("system:kube-proxy")
        self._tokens.update({user: secrets.token_urlsafe(24) for user in users})
        rows = [
            ",".join((token, user, user, *([groups[user]] if user in groups else ())))
            for user, token in self._tokens.items()
        ]
        self._write("tokens.csv", "\n".join(rows).encode())

    def kubeconfig(self, user: str) -> Path:
        """Write the kubeconfig of a user and return its path."""
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "own",
            "clusters": [
                {
                    "name": "own",
                    "cluster": {
                        "server": self.server,
                        "certificate-authority": str(self.folder / "ca.crt"),
                    },
                }
            ],
            "users": [{"name": user, "user": {"token": self._tokens[user]}}],
            "contexts": [{"name": "own", "context": {"cluster": "own", "user": user}}],
        }
        name = f"{user.replace(':', '-')}.kubeconfig"
        self._write(name, json.dumps(content).encode())
        return self.folder / name

    def _sign(self, name: str, hosts: list[str]) -> None:
        signed = self._signer.sign(name, hosts)
        self._write(f"{name}.crt", signed.certificate)
        self._write(f"{name}.key", signed.key)

    def _write(self, name: str, content: bytes) -> None:
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_bytes(content)
