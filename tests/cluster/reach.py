"""Who reaches whom: every pair that network policies allow connects, and every other pair does not."""

import contextlib
import json
import socket
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from services.registry import SPECS
from shared.objects.rights import RIGHTS
from tests.cluster.department import NAMESPACE, OBJECTS_HOST
from tests.cluster.kubectl import Kubectl

STRANGERS = "plateward-strangers"
"""A namespace of others in the cluster."""

PROBE = """\
import concurrent.futures, json, socket, sys
def reaches(target):
    try:
        socket.create_connection(tuple(target), timeout=3).close()
    except OSError:
        return False
    return True
targets = json.loads(sys.argv[1])
with concurrent.futures.ThreadPoolExecutor(len(targets)) as pool:
    print(json.dumps(list(pool.map(reaches, targets))))
"""
ALONE = ("console", "recognition")
"""The services without a database."""

ASKED = tuple(name for name in SPECS if name not in ALONE)
"""The services that the console asks."""


@dataclass(frozen=True)
class Target:
    """Something that listens."""

    name: str
    host: str
    port: int


OUTSIDE = (
    Target("the S3 provider", "203.0.113.1", 443),
    Target("the receiver of findings", "198.51.100.1", 443),
    Target("the mail server", "198.51.100.1", 465),
)
"""What the overlay opens outside the cluster, by its documentation addresses (RFC 5737)."""


@dataclass(frozen=True)
class Found:
    """What a probe of all pairs found."""

    allowed: int
    refused: int
    wrong: tuple[str, ...]
    """Pairs that connect and must not, or do not and must."""


def targets(kubectl: Kubectl) -> list[Target]:
    """Return a pod of each service, by its own address, the stores, and the cluster's API."""
    pods = kubectl.get("pods", f"--namespace={NAMESPACE}", "--field-selector=status.phase=Running")
    addresses = {
        pod["metadata"].get("labels", {}).get("app.kubernetes.io/name", ""): pod["status"]["podIP"]
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"]
    }
    return [
        *(Target(name, addresses[name], 8000) for name in SPECS),
        Target("postgres", f"plateward-rw.{NAMESPACE}.svc.cluster.local", 5432),
        Target("kafka", f"plateward-kafka-bootstrap.{NAMESPACE}.svc.cluster.local", 9093),
        Target("objects", OBJECTS_HOST, 443),
        Target("the cluster's API", "kubernetes.default.svc.cluster.local", 443),
    ]


def allowed(source: str) -> set[str]:
    """Return the names of the targets that a service may reach; a pod always reaches itself."""
    if source == "console":
        return set(ASKED)
    may = {"kafka"}
    if source not in ALONE:
        may.add("postgres")
    if source in RIGHTS:
        may |= {"objects", "the S3 provider"}
    if source == "audit":
        may.add("the receiver of findings")
    if source in {"audit", "identity"}:
        may.add("the mail server")
    return may


@contextlib.contextmanager
def outside() -> Iterator[list[Target]]:
    """Listen at those addresses of OUTSIDE that this machine has, as beside a cluster of our own; yields them."""
    with contextlib.ExitStack() as stack:
        found = []
        for target in OUTSIDE:
            listener = stack.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                listener.bind((target.host, target.port))
                listener.listen()
                found.append(target)
        yield found


def stranger(name: str, namespace: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """Return a pod of another project, which does nothing."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels)},
        "spec": {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "stranger",
                    "image": "plateward/identity:0.1.0",
                    "command": ["sleep", "3600"],
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "capabilities": {"drop": ["ALL"]},
                    },
                }
            ],
        },
    }


def probe(kubectl: Kubectl, source: str, namespace: str, listed: Iterable[Target]) -> set[str]:
    """Return the names of those that a pod, or a pod of a workload, reaches."""
    asked = list(listed)
    content = json.dumps([[target.host, target.port] for target in asked])
    said = kubectl("exec", f"--namespace={namespace}", source, "--", "python", "-c", PROBE, content)
    return {target.name for target, yes in zip(asked, json.loads(said), strict=True) if yes}


def all_pairs(kubectl: Kubectl) -> Found:
    """Probe every pair: each service, a pod without labels in the same namespace, and one of another namespace."""
    with outside() as beyond:
        listed = [*targets(kubectl), *beyond]
        sources: dict[str, tuple[str, str, set[str]]] = {
            name: (f"deployment/{name}", NAMESPACE, allowed(name)) for name in SPECS
        }
        # Nothing closes their own way out; what the services and their stores let in is closed to them.
        open_to_all = {"objects", "the cluster's API", *(target.name for target in beyond)}
        for where in (NAMESPACE, STRANGERS):
            sources[f"a stranger in {where}"] = ("pod/stranger", where, open_to_all)
        yes = no = 0
        wrong: list[str] = []
        for name, (source, where, may) in sources.items():
            others = [target for target in listed if target.name != name]
            found = probe(kubectl, source, where, others)
            wanted = may & {target.name for target in others}
            yes, no = yes + len(wanted), no + len(others) - len(wanted)
            wrong += [f"{name} reaches {target}" for target in sorted(found - wanted)]
            wrong += [f"{name} does not reach {target}" for target in sorted(wanted - found)]
    return Found(yes, no, tuple(wrong))


def prepare(kubectl: Kubectl) -> None:
    """Start the strangers."""
    kubectl.apply([stranger("stranger", where, {}) for where in (NAMESPACE, STRANGERS)])
    for where in (NAMESPACE, STRANGERS):
        ready = ("--for=condition=Ready", "pod/stranger", f"--namespace={where}")
        kubectl("wait", *ready, "--timeout=120s")
