"""Runs a command beside a Kubernetes cluster: `python -m deploy.cluster [--nodes N] COMMAND…`.

With KUBECONFIG set the command uses that cluster. Ours needs root and Linux; it runs in namespaces of its own, has the
images of this checkout and stand-ins for public ones, and ends with the command.
"""

import argparse
import os
import subprocess
import sys
import time

from deploy.cluster import images
from deploy.cluster.cluster import Cluster
from deploy.cluster.place import ROOT
from local.stack.process import LocalError

FOLDER = ROOT / ".cache" / "cluster"


def run(command: list[str], nodes: int) -> int:
    """Run a command beside a cluster; returns its exit status. Raises: LocalError."""
    if os.environ.get("KUBECONFIG"):
        return subprocess.run(command, check=False).returncode
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:6.0f} s  {what}", flush=True)

    archive = images.archive(FOLDER / "images")
    say("images built")
    with Cluster(FOLDER, nodes) as cluster:
        say("control plane up")
        for node in cluster.nodes:
            images.hand_over(archive, node.place)
        say("images handed to the nodes")
        cluster.join()
        say(f"{nodes} nodes ready")
        given = {
            **os.environ,
            "KUBECONFIG": str(cluster.kubeconfig),
            "PATH": f"{cluster.commands}:{os.environ['PATH']}",
        }
        status = subprocess.run(
            [*cluster.control.enter, *command], env=given, check=False
        ).returncode
        if gone := cluster.fallen():
            print(f"plateward: these ended before the cluster did: {', '.join(gone)}")
    say("cluster ended")
    return status


def main() -> int:
    """Run the command that is given."""
    parser = argparse.ArgumentParser(prog="python -m deploy.cluster", description=__doc__)
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args()
    try:
        return run(given.command or ["kubectl", "get", "nodes"], given.nodes)
    except LocalError as fault:
        print(f"plateward: {fault}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
