"""What a department adds to the example overlay: its root key, its S3 server, and the Secrets that install.md lists."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from deploy.compose import make_env
from deploy.compose.make_tls import Signed, Signer
from local.stack.key_material import password
from services.registry import SPECS
from shared.kafka.acls import principals
from shared.objects.rights import RIGHTS, user_of
from tests.deploy.reading import OVERLAY, ROOT

NAMESPACE = "plateward"
OBJECTS = "plateward-objects"
"""The namespace of the S3 server."""

OBJECTS_HOST = f"objects.{OBJECTS}.svc.cluster.local"
HOSTS = ("alpr.example.org", "console.alpr.example.org")
STORES_LABEL = "plateward/test-stores"


@dataclass(frozen=True)
class Department:
    """The drawn secrets of one trial; `folder` gets `.env` and the overlay."""

    folder: Path
    signer: Signer = field(default_factory=lambda: Signer("plateward test stores"), repr=False)
    values: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    def draw(self) -> None:
        """Draw all secrets, as compose's own script does."""
        path = self.folder / ".env"
        make_env.complete(path)
        for line in path.read_text().splitlines():
            name, value = line.split("=", 1)
            self.values[name] = value.strip('"').replace("\\n", "\n")
        names = (*(f"kafka-{name}" for name in principals()), "stand-in-users")
        self.values.update({name: password() for name in names})

    def overlay(self) -> Path:
        """Write a department's own overlay over the example, which stays as it is; returns its folder."""
        folder = self.folder / "overlay"
        folder.mkdir()
        (folder / "kustomization.yaml").write_text(json.dumps(self._kustomization(folder)))
        (folder / "network.yaml").write_text(yaml.safe_dump(_egress_to_objects()))
        return folder

    def _kustomization(self, folder: Path) -> dict[str, Any]:
        settings = {
            "plateward-trust": {"ROOT_PUBLIC_KEYS": self.values["ROOT_PUBLIC_KEYS"]},
            "plateward-kafka": {"KAFKA_ALLOW_ONE_COPY": "true"},  # one broker
            "plateward-objects": {
                "AWS_ENDPOINT_URL": f"https://{OBJECTS_HOST}",
                "SSL_CERT_FILE": "/etc/plateward-kafka/ca.crt",  # one signer for all stores
            },
        }
        return {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": NAMESPACE,
            "resources": [os.path.relpath(OVERLAY, folder), "network.yaml"],
            "configMapGenerator": [
                {
                    "name": name,
                    "behavior": "merge",
                    "literals": [f"{k}={v}" for k, v in content.items()],
                }
                for name, content in settings.items()
            ],
        }

    def objects(self) -> list[dict[str, Any]]:
        """Return all Secrets and ConfigMaps that the services and the stand-ins need."""
        return [*self._of_services(), *self._of_stores(), *self._of_s3()]

    def tls(self, name: str, hosts: list[str], *, namespace: str = NAMESPACE) -> dict[str, Any]:
        """Return a Secret with a new certificate for `hosts`."""
        signed = self.signer.sign(name, hosts)
        return _secret(name, {**_pair(signed), "ca.crt": self.authority}, namespace)

    @property
    def authority(self) -> str:
        """The signer of all certificates (PEM)."""
        return self.signer.certificate.decode()

    def _of_services(self) -> list[dict[str, Any]]:
        drawn = self.values
        ours: dict[str, dict[str, str]] = {
            "plateward-ca": {"ca.crt": self.authority},
            "plateward-cluster-ca-cert": {"ca.crt": self.authority},
            "plateward-console": {"CONSOLE_SESSION_KEY": drawn["CONSOLE_SESSION_KEY"]},
            "plateward-database-owner": {
                "DATABASE_OWNER_URL": _database("plateward", drawn["PLATEWARD_DATABASE_PASSWORD"])
            },
        }
        for name in SPECS:
            capitals = name.upper()
            role = drawn.get(f"PLATEWARD_{capitals}_PASSWORD")
            if role:
                address = {"DATABASE_URL": _database(f"plateward_{name}", role)}
                ours[f"plateward-database-{name}"] = address
            if name in RIGHTS:
                ours[f"plateward-objects-{name}"] = {
                    "AWS_ACCESS_KEY_ID": user_of(name),
                    "AWS_SECRET_ACCESS_KEY": drawn[f"OBJECTS_SECRET_{capitals}"],
                }
            if f"{capitals}__EVENT_MAC_KEY" in drawn:
                own = {key: value for key, value in drawn.items() if key.startswith(f"{capitals}_")}
                mac = own.pop(f"{capitals}__EVENT_MAC_KEY")
                ours[f"plateward-{name}"] = {**own, "EVENT_MAC_KEY": mac}
        ours["plateward-audit"]["AUDIT_EVENT_MAC_KEYS"] = " ".join(
            f"{name}:{drawn[key]}"
            for name in SPECS
            if (key := f"{name.upper()}__EVENT_MAC_KEY") in drawn
        )
        ours |= {f"kafka-{name}": {"password": drawn[f"kafka-{name}"]} for name in principals()}
        return [_secret(name, content) for name, content in ours.items()]

    def _of_stores(self) -> list[dict[str, Any]]:
        drawn = self.values
        roles = {key: v for key, v in drawn.items() if key.endswith("_PASSWORD")}
        kafka = self.signer.sign("kafka", [*_names("plateward-kafka-bootstrap")])
        users = {name: v for name, v in drawn.items() if name.startswith(("kafka-", "stand-in"))}
        scripts = (
            ROOT / "deploy/compose/postgres-roles.sh",
            ROOT / "deploy/postgres/roles.sql",
        )
        return [
            _secret(
                "stand-in-postgres", {**roles, "POSTGRES_PASSWORD": drawn["POSTGRES_PASSWORD"]}
            ),
            self.tls("stand-in-postgres-tls", [*_names("plateward-rw")]),
            _secret("stand-in-kafka-users", users),
            _secret("stand-in-kafka-tls", {"broker.pem": (kafka.key + kafka.certificate).decode()}),
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "stand-in-roles", "namespace": NAMESPACE},
                "data": {path.name: path.read_text() for path in scripts},
            },
        ]

    def _of_s3(self) -> list[dict[str, Any]]:
        drawn = self.values
        root = drawn["PLATEWARD_OBJECTS_SECRET"]
        users = {key: v for key, v in drawn.items() if key.startswith("OBJECTS_SECRET_")}
        users |= {"AWS_ACCESS_KEY_ID": "root", "AWS_SECRET_ACCESS_KEY": root}
        return [
            _secret("root", {"ROOT_ACCESS_KEY": "root", "ROOT_SECRET_KEY": root}, OBJECTS),
            _secret("users", users, OBJECTS),
            self.tls("tls", [OBJECTS_HOST], namespace=OBJECTS),
        ]


def namespace(name: str) -> dict[str, Any]:
    """Return a Namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _secret(name: str, content: Mapping[str, str], where: str = NAMESPACE) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": where},
        "stringData": dict(content),
    }


def _pair(signed: Signed) -> dict[str, str]:
    return {"tls.crt": signed.certificate.decode(), "tls.key": signed.key.decode()}


def _database(role: str, secret: str) -> str:
    return f"postgresql://{role}:{secret}@plateward-rw:5432/plateward"


def _names(service: str) -> tuple[str, ...]:
    return service, f"{service}.{NAMESPACE}", f"{service}.{NAMESPACE}.svc"


def _egress_to_objects() -> dict[str, Any]:
    """Return the policy that opens the way to this trial's S3 server, as allow-to-objects opens the provider's."""
    to = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": OBJECTS}}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "allow-to-stand-in-objects"},
        "spec": {
            "podSelector": {
                "matchExpressions": [
                    {"key": "app.kubernetes.io/name", "operator": "In", "values": [*RIGHTS]}
                ]
            },
            "policyTypes": ["Egress"],
            "egress": [{"to": [to], "ports": [{"protocol": "TCP", "port": 7070}]}],
        },
    }
