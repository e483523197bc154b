"""A node: containerd, kubelet, kube-proxy and kube-router in a place of its own."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.cluster.credentials import ADMINISTRATOR, Credentials
from deploy.cluster.place import Place
from deploy.cluster.programs import Programs
from local.stack.process import LocalError

PODS = "10.244.0.0/16"
NAME_SERVER = "10.96.0.10"
DOMAIN = "cluster.local"
SANDBOX = "docker.io/plateward-stand-in/sandbox:1"
"""Image of the container that holds a pod's network."""

CGROUPS = Path("/sys/fs/cgroup")
GONE_WITHIN_S = 10.0
_OF_NODES = ("memory", "cpu", "cpuset", "pids", "io")

CONTAINERD = f"""\
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{SANDBOX}"
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = false
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "/run/cni"
"""


@dataclass(frozen=True)
class Node:
    """One node of a cluster; `number` from 1 gives its name and addresses."""

    place: Place
    number: int

    @property
    def name(self) -> str:
        """Its name in the cluster."""
        return f"node{self.number}"

    @property
    def address(self) -> str:
        """Its address for the other machines."""
        return f"172.30.0.{10 + self.number}"

    @property
    def pods(self) -> str:
        """The addresses of its pods."""
        return f"10.244.{self.number}.0/24"

    @property
    def cgroup(self) -> str:
        """The control group below which its pods are."""
        return f"plateward-{self.name}"

    def start_containerd(self) -> None:
        """Start containerd and wait until it answers. Raises: LocalError."""
        self.place.run("tee", "/run/containerd.toml", given=CONTAINERD)
        self.place.run("mkdir", "-p", "/run/cni")
        self.place.run("tee", "/run/cni/pods.conflist", given=json.dumps(self._network()))
        part = self.place.launch("containerd", ["containerd", "--config", "/run/containerd.toml"])
        part.wait_ready(self._containerd_answers, within_s=120)

    def start_kubelet(self, programs: Programs, credentials: Credentials) -> None:
        """Start kubelet and kube-proxy; the node joins the cluster by itself soon after."""
        make_cgroups(self.cgroup)
        self.place.run("touch", "/run/resolv.conf")
        self.place.run("tee", "/run/kubelet.json", given=json.dumps(self._kubelet(credentials)))
        of_kubelet = credentials.kubeconfig(f"system:node:{self.name}")
        self.place.launch(
            "kubelet",
            [
                programs["kubelet"], "--config=/run/kubelet.json", f"--kubeconfig={of_kubelet}",
                f"--hostname-override={self.name}", f"--node-ip={self.address}", "--v=1",
            ],
        )  # fmt: skip
        of_proxy = credentials.kubeconfig("system:kube-proxy")
        self.place.run("tee", "/run/kube-proxy.json", given=json.dumps(self._proxy(of_proxy)))
        self.place.launch("kube-proxy", [programs["kube-proxy"], "--config=/run/kube-proxy.json"])

    def start_policies(self, programs: Programs, credentials: Credentials) -> None:
        """Start kube-router, which ends at once while the cluster does not know its node."""
        administrator = credentials.kubeconfig(ADMINISTRATOR)
        self.place.launch(
            "kube-router",
            [
                programs["kube-router"], f"--kubeconfig={administrator}",
                f"--hostname-override={self.name}", "--run-firewall=true", "--run-router=false",
                "--run-service-proxy=false", "--run-loadbalancer=false",
                "--service-cluster-ip-range=10.96.0.0/16", "--iptables-sync-period=30s",
            ],
        )  # fmt: skip

    def _containerd_answers(self) -> bool:
        try:
            self.place.run("ctr", "version")
        except LocalError:
            return False
        return True

    def _network(self) -> dict[str, Any]:
        """Return CNI's configuration: a bridge without masquerading, so that policies see pods' own addresses."""
        addresses = {
            "type": "host-local",
            "dataDir": "/run/cni-addresses",
            "ranges": [[{"subnet": self.pods}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        }
        bridge = {
            "type": "bridge", "bridge": "pods", "isGateway": True, "ipMasq": False,
            "hairpinMode": True, "ipam": addresses,
        }  # fmt: skip
        return {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge]}

    def _kubelet(self, credentials: Credentials) -> dict[str, Any]:
        folder = credentials.folder
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": self.address,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(folder / "ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self.cgroup}",
            "clusterDNS": [NAME_SERVER],
            "clusterDomain": DOMAIN,
            "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
            "enforceNodeAllocatable": ["pods"],
            "evictionHard": {"memory.available": "200Mi", "nodefs.available": "1%"},
            "failCgroupV1": False,
            "failSwapOn": False,
            "imageGCHighThresholdPercent": 100,
            "maxPods": 60,
            "oomScoreAdj": 0,
            "podLogsDir": "/var/log/pods",
            "resolvConf": "/run/resolv.conf",
            "tlsCertFile": str(folder / f"{self.name}.crt"),
            "tlsPrivateKeyFile": str(folder / f"{self.name}.key"),
            "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        }

    def _proxy(self, kubeconfig: Path) -> Mapping[str, Any]:
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "bindAddress": self.address,
            "clientConnection": {"kubeconfig": str(kubeconfig)},
            "clusterCIDR": PODS,
            "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
            "hostnameOverride": self.name,
            "mode": "iptables",
            "oomScoreAdj": 0,
        }  # fmt: skip


def make_cgroups(name: str) -> None:
    """Make a control group of each controller (version 1), or one with all of them (version 2)."""
    if (CGROUPS / "cgroup.controllers").exists():
        (CGROUPS / name).mkdir(exist_ok=True)
        wanted = " ".join(f"+{controller}" for controller in _OF_NODES)
        (CGROUPS / "cgroup.subtree_control").write_text(wanted)
        return
    for controller in _controllers():
        folder = controller / name
        folder.mkdir(exist_ok=True)
        for setting in ("cpuset.cpus", "cpuset.mems"):
            if (folder / setting).exists():
                (folder / setting).write_text((controller / setting).read_text())


def remove_cgroups(name: str) -> None:
    """Remove these control groups and those below them, whose processes end just now."""
    until = time.monotonic() + GONE_WITHIN_S
    for top in (CGROUPS, *_controllers()):
        for folder, _, _ in os.walk(top / name, topdown=False):
            while not _removed(Path(folder)) and time.monotonic() < until:
                time.sleep(0.05)


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def _controllers() -> list[Path]:
    return [path for path in CGROUPS.iterdir() if path.is_dir() and not path.is_symlink()]
