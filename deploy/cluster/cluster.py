"""A whole Kubernetes on one machine: a control plane and nodes, each in namespaces of its own, joined by a bridge."""

import contextlib
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from deploy.cluster.control_plane import api_server_options, as_options, etcd_options
from deploy.cluster.credentials import ADMINISTRATOR, Credentials
from deploy.cluster.node import Node, remove_cgroups
from deploy.cluster.place import Place
from deploy.cluster.programs import NODE, Programs, programs
from local.stack.process import Child, LocalError, held

WIRE = "172.30.0.1"
"""Address of the control plane on the bridge."""

OUTSIDE = ("203.0.113.1", "198.51.100.1")
"""Addresses of the control plane that stand for servers outside, in the ranges that the example overlay opens."""

API_PORT = 6443
OBJECTS = Path(__file__).with_name("objects.yaml")
READY_WITHIN_S = 240.0


@dataclass
class Cluster:
    """A cluster over `folder`, of which only the nodes' images outlive it."""

    folder: Path
    size: int = 2
    control: Place = field(init=False, repr=False)
    nodes: list[Node] = field(default_factory=list, init=False, repr=False)
    _programs: Programs = field(init=False, repr=False)
    _credentials: Credentials = field(init=False, repr=False)
    _held: contextlib.ExitStack = field(
        default_factory=contextlib.ExitStack, init=False, repr=False
    )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the machines, containerd on the nodes, and the control plane. Raises: LocalError."""
        self.folder = self.folder.absolute()
        self._held.enter_context(held(self.folder, "a cluster"))
        self._programs = programs(NODE)
        try:
            self.control = self._place("control")
            for number in range(1, self.size + 1):
                node = Node(Place(self.folder / f"node{number}"), number)
                self._held.callback(remove_cgroups, node.cgroup)
                self._start_place(node.place)
                self.nodes.append(node)
            self._lay_wire()
            for node in self.nodes:
                node.start_containerd()
            self._draw_credentials()
            self._start_control_plane()
        except BaseException:
            self.stop()
            raise

    def join(self) -> None:
        """Start what runs pods on the nodes, and wait until they and name lookups are ready. Raises: LocalError."""
        for node in self.nodes:
            node.start_kubelet(self._programs, self._credentials)
        self._must("apply", "--server-side", "--filename", str(OBJECTS))
        for node in self.nodes:
            self.control.child.wait_ready(
                lambda name=node.name: self.kubectl("get", "node", name).returncode == 0,  # type: ignore[misc]
                within_s=READY_WITHIN_S,
            )
            node.start_policies(self._programs, self._credentials)
        within = f"--timeout={READY_WITHIN_S:.0f}s"
        self._must("wait", "--for=condition=Ready", "node", "--all", within)
        self._must("rollout", "status", "deployment/coredns", "--namespace=kube-system", within)
        if gone := self.fallen():
            raise LocalError(
                f"these ended at start; their logs are in {self.folder}: {', '.join(gone)}"
            )

    def stop(self) -> None:
        """End everything that was started; control groups of the pods are removed."""
        self._held.close()

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self._credentials.folder / f"{ADMINISTRATOR}.kubeconfig"

    @property
    def commands(self) -> Path:
        """The folder with `kubectl`."""
        return Path(self._programs["kubectl"]).parent

    def kubectl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the administrator."""
        return subprocess.run(
            [*self.control.enter, self._programs["kubectl"], *arguments],
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
            capture_output=True,
            text=True,
            check=False,
        )

    def fallen(self) -> list[str]:
        """Return the programs that have ended, as machine/program."""
        places = [self.control, *(node.place for node in self.nodes)]
        return [f"{place.folder.name}/{name}" for place in places for name in place.fallen()]

    def _must(self, *arguments: str) -> None:
        done = self.kubectl(*arguments)
        if done.returncode != 0:
            gone = ", ".join(self.fallen()) or "none"
            raise LocalError(
                f"kubectl {' '.join(arguments[:3])}: {done.stderr.strip()[-800:]} (programs that ended: {gone})"
            )

    def _place(self, name: str) -> Place:
        place = Place(self.folder / name)
        self._start_place(place)
        return place

    def _start_place(self, place: Place) -> None:
        place.start()
        self._held.callback(place.stop)

    def _lay_wire(self) -> None:
        control = ["ip link set lo up", "ip link add wire type bridge"]
        control += [f"ip address add {WIRE}/24 dev wire", "ip link set wire up"]
        control += [f"ip address add {address}/32 dev wire" for address in OUTSIDE]
        control += ["sysctl -qw net.ipv4.ip_forward=1"]
        for node in self.nodes:
            cable = f"to-{node.name}"
            self.control.link(cable, node.place, "eth0")
            control += [f"ip link set {cable} master wire", f"ip link set {cable} up"]
            control += [f"ip route add {node.pods} via {node.address} onlink dev wire"]
            commands = ["ip link set lo up", f"ip address add {node.address}/24 dev eth0"]
            commands += ["ip link set eth0 up", f"ip route add default via {WIRE}"]
            commands += [
                f"ip route add {other.pods} via {other.address}"
                for other in self.nodes
                if other is not node
            ]
            settings = ("ip_forward", "conf.all.route_localnet")
            commands += [f"sysctl -qw net.ipv4.{setting}=1" for setting in settings]
            commands += ["sysctl -qw net.bridge.bridge-nf-call-iptables=1"]
            node.place.run("sh", "-euc", "\n".join(commands))
        self.control.run("sh", "-euc", "\n".join(control))

    def _draw_credentials(self) -> None:
        folder = self.control.folder / "credentials"
        shutil.rmtree(folder, ignore_errors=True)
        self._credentials = Credentials(folder, f"https://{WIRE}:{API_PORT}")
        names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"]
        self._credentials.draw(
            [*names, "10.96.0.1", WIRE], {node.name: node.address for node in self.nodes}
        )
        self._credentials.kubeconfig(ADMINISTRATOR)

    def _start_control_plane(self) -> None:
        store, peers = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
        data = self.control.folder / "etcd"
        shutil.rmtree(data, ignore_errors=True)
        self._launch("etcd", etcd_options(data, store, peers))
        secrets = self._credentials.folder
        server = self._launch(
            "kube-apiserver",
            api_server_options(secrets, store)
            | {
                "bind-address": WIRE,
                "advertise-address": WIRE,
                "secure-port": str(API_PORT),
                "authorization-mode": "Node,RBAC",
                "enable-admission-plugins": "NodeRestriction",
                "client-ca-file": str(secrets / "ca.crt"),
                "kubelet-certificate-authority": str(secrets / "ca.crt"),
                "kubelet-client-certificate": str(secrets / "kubelet-client.crt"),
                "kubelet-client-key": str(secrets / "kubelet-client.key"),
                "kubelet-preferred-address-types": "InternalIP",
            },
        )
        server.wait_ready(
            lambda: self.kubectl("get", "--raw", "/readyz").returncode == 0, within_s=READY_WITHIN_S
        )
        for name, more in (
            ("kube-controller-manager", self._controllers()),
            ("kube-scheduler", {}),
        ):
            kubeconfig = str(self._credentials.kubeconfig(f"system:{name}"))
            files = ("kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig")
            self._launch(name, dict.fromkeys(files, kubeconfig) | {"leader-elect": "false"} | more)

    def _controllers(self) -> dict[str, str]:
        return {
            "service-account-private-key-file": str(self._credentials.folder / "accounts.key"),
            "root-ca-file": str(self._credentials.folder / "ca.crt"),
            "use-service-account-credentials": "true",
            "controllers": "*,-node-ipam-controller",
        }

    def _launch(self, name: str, options: dict[str, str]) -> Child:
        return self.control.launch(name, [self._programs[name], *as_options(options)])
