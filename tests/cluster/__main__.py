"""`make test-k8s`: deploy/k8s as it is, on Kubernetes, through rollouts, a drained node and forbidden connections.

It needs a cluster that `kubectl` reaches (`python -m deploy.cluster` provides one), with the images of its pods on the
nodes and without a namespace `plateward`. It ends with everything removed that it made.
"""

import argparse
import asyncio
import contextlib
import json
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from local.demo.client import Api
from local.demo.department import Department as People
from local.demo.department import seed
from local.demo.story import StepFailed
from services.registry import SPECS
from tests.cluster import ingress, reach
from tests.cluster.department import (
    HOSTS,
    NAMESPACE,
    OBJECTS,
    STORES_LABEL,
    Department,
    namespace,
)
from tests.cluster.kubectl import Kubectl, KubectlFault
from tests.cluster.site import Site, urls
from tests.deploy.reading import OVERLAY, ROOT, of_kind
from tests.trials.host import Host
from tests.trials.job import do_main_job
from tests.trials.posting import Posting
from tests.trials.transcript import Failed, Transcript

HERE = Path(__file__).parent
FOLDER = ROOT / ".cache" / "cluster" / "run"
DEPLOYMENTS = (*SPECS,)
MADE = (NAMESPACE, OBJECTS, ingress.NAMESPACE, reach.STRANGERS)
"""Namespaces that the trial makes and removes."""

SETTLES_WITHIN_S = 900.0


@dataclass
class Trial:
    """One run."""

    kubectl: Kubectl
    department: Department
    smoke: bool
    out: Transcript = field(default_factory=Transcript)

    @property
    def host(self) -> Host:
        """The cluster's administrator."""
        where = (f"--namespace={NAMESPACE}", "--container=service")
        return Host(
            lambda service, *command: self.kubectl(
                "exec", *where, f"deployment/{service}", "--", *command
            )
        )

    def entries(self) -> int:
        """Verify the whole audit log in audit's container; return its entries."""
        return int(self.host.plateward("audit", "verify-audit", "--own-key")["entries"])

    async def run(self) -> None:
        """Do everything. Raises: Failed and others."""
        await asyncio.to_thread(self.install)
        site = Site(self.node_address(), ingress.NODE_PORT, self.department.authority)
        async with Api(urls(), site) as api:
            people = await seed(api, self.host)
            self.out.line(f"{len(people.people)} people enrolled")
            await self.job(api, people, "job")
            posting = await Posting.register(api, people, self.out)
            await asyncio.to_thread(self.connections)
            await self.rollouts(posting)
            if not self.smoke:
                await self.drain(posting)
                await self.scale(api, people)
            entries = await asyncio.to_thread(self.entries)
            self.out.line(f"the audit log verifies: {entries} entries", log_entries=entries)

    def install(self) -> None:
        """Install as docs/operations/install.md says, with stand-ins for the stores."""
        self.department.draw()
        overlay = self.department.overlay()
        nodes = self.kubectl.get("nodes")
        first = nodes[0]["metadata"]["name"]
        self.kubectl("label", "node", first, f"{STORES_LABEL}=yes", "--overwrite")
        self.kubectl("apply", "--server-side", "--filename", str(OVERLAY / "namespace.yaml"))
        self.kubectl.apply([namespace(name) for name in MADE[1:]])
        self.kubectl.apply(self.department.objects())
        for name in ("stores", "objects"):
            self.kubectl("apply", "--filename", str(HERE / f"{name}.yaml"))
        site = self.department.tls("tls", [*HOSTS], namespace=ingress.NAMESPACE)
        ingresses = [*of_kind("Ingress").values()]
        self.kubectl.apply([site, *ingress.objects(ingresses)])
        stores = ("statefulset/plateward-postgres", "statefulset/plateward-kafka")
        seconds = self._timed(lambda: [self._rolled_out(store) for store in stores])
        self.kubectl.done("stand-in-users", namespace=NAMESPACE, within_s=SETTLES_WITHIN_S)
        self.kubectl.done("users", namespace=OBJECTS, within_s=SETTLES_WITHIN_S)
        self.out.line(f"stand-ins for the stores ready in {seconds:.0f} s")
        strictly = ("--server-side", "--validate=strict", "--kustomize", str(overlay))
        self.kubectl("apply", "--dry-run=server", *strictly)
        applied = self.kubectl("apply", *strictly).splitlines()

        def settled() -> None:
            for job in of_kind("Job"):
                self.kubectl.done(job, namespace=NAMESPACE, within_s=SETTLES_WITHIN_S)
            self.await_two_of_each()
            self.kubectl.rolled_out(
                f"deployment/{ingress.NAME}",
                namespace=ingress.NAMESPACE,
                within_s=SETTLES_WITHIN_S,
            )

        seconds = self._timed(settled)
        self.out.line(
            f"{len(applied)} objects applied, all Deployments ready after {seconds:.0f} s",
            nodes=len(nodes),
            objects=len(applied),
            ready_s=round(seconds),
            restarts_at_start=self.restarts(),
        )

    def await_two_of_each(self) -> None:
        """Wait until each Deployment has at least two ready pods; the scalers raise one to two by themselves."""
        until = time.monotonic() + SETTLES_WITHIN_S
        while True:
            found = self.kubectl.get("deployments", f"--namespace={NAMESPACE}")
            waiting = sorted(one["metadata"]["name"] for one in found if not _two(one["status"]))
            if not waiting and len(found) == len(DEPLOYMENTS):
                return
            if time.monotonic() > until:
                raise Failed(f"not ready with two pods: {', '.join(waiting)}")
            time.sleep(1)

    def restarts(self) -> int:
        """Return how often containers of the services were started again."""
        pods = self.kubectl.get("pods", f"--namespace={NAMESPACE}")
        statuses = [one for pod in pods for one in pod["status"].get("containerStatuses", [])]
        return sum(one["restartCount"] for one in statuses)

    def node_address(self) -> str:
        """Return the address of the node with the ingress."""
        [node] = self.kubectl.get("nodes", f"--selector={STORES_LABEL}=yes")
        addresses = {one["type"]: one["address"] for one in node["status"]["addresses"]}
        return str(addresses["InternalIP"])

    async def job(self, api: Api, people: People, figure: str) -> None:
        """Do the main job through the ingress."""
        folder, frames = self.department.folder / figure, (8 if self.smoke else 30)
        await do_main_job(api, people, self.out, folder, frames, f"hot list of {figure}")

    def connections(self) -> None:
        """Probe what network policies allow and what they refuse."""
        reach.prepare(self.kubectl)
        found = reach.all_pairs(self.kubectl)
        if found.wrong:
            raise Failed(f"network policies: {'; '.join(found.wrong)}")
        self.out.line(
            f"connections: {found.allowed} allowed ones work, {found.refused} others are refused",
            connections={"allowed": found.allowed, "refused": found.refused},
        )

    async def rollouts(self, posting: Posting) -> None:
        """Replace all pods of each Deployment while a camera posts."""
        seconds: dict[str, float] = {}
        async with posting.meanwhile("rollout_reads"):
            for name in ("ingest",) if self.smoke else DEPLOYMENTS:
                restart = ("rollout", "restart", f"deployment/{name}", f"--namespace={NAMESPACE}")
                await asyncio.to_thread(self.kubectl, *restart)
                took = await asyncio.to_thread(
                    self._timed, lambda name=name: self._rolled_out(f"deployment/{name}")
                )
                seconds[name] = round(took)
                self.out.line(f"{name} rolled out in {took:.0f} s")
            await asyncio.sleep(3)
        self.out.figures["rollouts_s"] = seconds

    async def drain(self, posting: Posting) -> None:
        """Evict all pods of a node while a camera posts, then let it have pods again."""
        names = [
            node["metadata"]["name"]
            for node in self.kubectl.get("nodes", f"--selector={STORES_LABEL}!=yes")
        ]
        if not names:
            self.out.line("one node only: none is drained")
            return
        pods = len(self._pods_on(names[0]))
        evict = ("drain", names[0], "--ignore-daemonsets", "--delete-emptydir-data", "--force")
        async with posting.meanwhile("drain_reads"):
            try:
                took = await asyncio.to_thread(
                    self._timed, lambda: self.kubectl(*evict, f"--timeout={SETTLES_WITHIN_S:.0f}s")
                )
                for name in DEPLOYMENTS:
                    await asyncio.to_thread(self._rolled_out, f"deployment/{name}")
            finally:
                await asyncio.to_thread(self.kubectl, "uncordon", names[0])
        self.out.line(
            f"{names[0]} drained of {pods} pods in {took:.0f} s",
            drain={"pods": pods, "seconds": round(took)},
        )
        if not pods:
            raise Failed("the drained node had no pods, so nothing is shown")

    def _pods_on(self, node: str) -> list[dict[str, Any]]:
        where = (f"--namespace={NAMESPACE}", f"--field-selector=spec.nodeName={node}")
        return self.kubectl.get("pods", *where)

    async def scale(self, api: Api, people: People) -> None:
        """Give recognition a third pod, and do the main job again with it."""

        def scaled(pods: int) -> float:
            where = (f"--namespace={NAMESPACE}", f"--replicas={pods}")
            self.kubectl("scale", "deployment/recognition", *where)
            return self._timed(lambda: self._rolled_out("deployment/recognition"))

        took = await asyncio.to_thread(scaled, 3)
        self.out.line(
            f"recognition scaled to 3 pods in {took:.0f} s", scale_recognition_s=round(took)
        )
        await self.job(api, people, "job_of_three")
        await asyncio.to_thread(scaled, 2)

    def remove(self) -> None:
        """Remove everything that was made, and wait until it is gone."""
        self.kubectl("label", "node", "--all", f"{STORES_LABEL}-")
        self.kubectl("delete", "namespace", *MADE, "--ignore-not-found", "--timeout=300s")
        classes = of_kind("PriorityClass")
        self.kubectl("delete", "priorityclass", *classes, "--ignore-not-found")

    def left(self) -> list[str]:
        """Return the namespaces of the trial that are there."""
        there = {found["metadata"]["name"] for found in self.kubectl.get("namespaces")}
        return [name for name in MADE if name in there]

    def _rolled_out(self, what: str) -> None:
        self.kubectl.rolled_out(what, namespace=NAMESPACE, within_s=SETTLES_WITHIN_S)

    def _timed(self, action: Callable[[], object]) -> float:
        began = time.monotonic()
        action()
        return time.monotonic() - began

    def write_logs(self) -> None:
        """Write what the pods say of themselves, for a look after a failure."""
        for name in MADE:
            with contextlib.suppress(KubectlFault):
                said = self.kubectl("get", "pods,events", f"--namespace={name}", "--output=wide")
                (self.department.folder / f"{name}.txt").write_text(said)
                for pod in self.kubectl.get("pods", f"--namespace={name}"):
                    self._write_log(pod["metadata"]["name"], name)

    def _write_log(self, pod: str, where: str) -> None:
        with contextlib.suppress(KubectlFault):
            asked = (pod, f"--namespace={where}", "--all-containers", "--tail=300")
            (self.department.folder / f"{pod}.log").write_text(self.kubectl("logs", *asked))


def _two(status: dict[str, Any]) -> bool:
    """Whether a Deployment has two pods at least, all of them of its newest version and ready."""
    wanted = status.get("replicas", 0)
    return wanted >= 2 and status.get("readyReplicas") == status.get("updatedReplicas") == wanted


def main() -> int:
    """Run; 0 if everything held."""
    parser = argparse.ArgumentParser(prog="make test-k8s", description=__doc__)
    parser.add_argument("--smoke", action="store_true", help="install, the main job, one rollout")
    given = parser.parse_args()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    trial = Trial(Kubectl(FOLDER / "kubectl.log"), Department(FOLDER), given.smoke)
    if left := trial.left():
        print(f"plateward: this cluster has {', '.join(left)} already; remove them first")
        return 2
    fault = ""
    try:
        asyncio.run(trial.run())
    except (Failed, StepFailed, KubectlFault, httpx.HTTPError) as exc:
        fault = str(exc)
        trial.out.line(f"FAILED: {fault}")
        trial.write_logs()
    finally:
        trial.remove()
        left = trial.left()
        trial.out.line(
            f"ended; left in the cluster: {', '.join(left) or 'nothing'}", ok=not fault and not left
        )
    print(json.dumps(trial.out.figures))
    return 1 if fault or left else 0


if __name__ == "__main__":
    sys.exit(main())
