"""kube-linter's default checks, which this repeats because no package registry serves the program (ADR 0081)."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from functools import cache
from typing import Any

import pytest

from tests.deploy.reading import OVERLAY, built

Manifest = dict[str, Any]
OVERLAYS = (OVERLAY, OVERLAY.with_name("operators"))


@cache
def applied() -> tuple[tuple[Manifest, ...], ...]:
    """Return what is applied to a cluster, overlay by overlay."""
    return tuple(built(overlay) for overlay in OVERLAYS)


def template(one: Manifest) -> Manifest:
    """Return the pod's template of a manifest, empty where it starts no pods."""
    spec = one.get("spec", {})
    if one["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    starts = one["kind"] in {"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"}
    found = spec["template"] if starts else {}
    assert isinstance(found, dict)
    return found


def containers(one: Manifest) -> Iterator[Manifest]:
    """Yield the containers of a manifest's pods, those that run first among them."""
    pod = template(one).get("spec", {})
    yield from pod.get("containers", [])
    yield from pod.get("initContainers", [])


def labels(one: Manifest) -> set[tuple[str, str]]:
    """Return the labels of a manifest's pods."""
    return set(template(one).get("metadata", {}).get("labels", {}).items())


Check = Callable[[Manifest, Sequence[Manifest]], bool]
"""Whether a manifest is at fault, among all that are applied with it."""


def of_pods(wrong: Callable[[Manifest], object]) -> Check:
    """Return a check of each pod's specification."""
    return lambda one, _: "spec" in template(one) and bool(wrong(template(one)["spec"]))


def of_containers(wrong: Callable[[Manifest], object]) -> Check:
    """Return a check of each container."""
    return lambda one, _: any(wrong(each) for each in containers(one))


def of_rights(wrong: Callable[[Manifest], object]) -> Check:
    """Return a check of each container's security context, with what the pod's says where its own is silent."""

    def found(one: Manifest, _: Sequence[Manifest]) -> bool:
        pod = template(one).get("spec", {}).get("securityContext", {})
        return any(wrong(pod | each.get("securityContext", {})) for each in containers(one))

    return found


def of_probe(name: str) -> Check:
    """Return a check that a container's probe asks at one of its ports."""

    def wrong(container: Manifest) -> bool:
        ports = container.get("ports", [])
        open_ = {port["containerPort"] for port in ports} | {port.get("name") for port in ports}
        probe = container.get(name, {})
        asked = next((probe[how]["port"] for how in ("httpGet", "tcpSocket") if how in probe), None)
        return asked is not None and asked not in open_

    return of_containers(wrong)


def of_resources(resource: str) -> Check:
    """Return a check that a container says how much of a resource it asks for, and how much it may have."""
    return of_containers(
        lambda each: any(
            resource not in each.get("resources", {}).get(kind, {})
            for kind in ("requests", "limits")
        )
    )


def of_budgets(wrong: Callable[[Manifest], object]) -> Check:
    """Return a check of each disruption budget."""
    return lambda one, _: one["kind"] == "PodDisruptionBudget" and bool(wrong(one["spec"]))


def dangling(one: Manifest, all_: Sequence[Manifest]) -> bool:
    if one["kind"] != "Service":
        return False
    wanted = set(one["spec"]["selector"].items())
    return not any(wanted <= labels(other) for other in all_)


def mismatching(one: Manifest, _: Sequence[Manifest]) -> bool:
    if one["kind"] != "Deployment":
        return False
    return not set(one["spec"]["selector"]["matchLabels"].items()) <= labels(one)


def together(one: Manifest, _: Sequence[Manifest]) -> bool:
    """Return whether the scheduler may put all pods of a Deployment on one node."""
    if one["kind"] != "Deployment":
        return False
    anti = template(one)["spec"].get("affinity", {}).get("podAntiAffinity", {})
    preferred = anti.get("preferredDuringSchedulingIgnoredDuringExecution", [])
    terms = [each["podAffinityTerm"] for each in preferred]
    terms += anti.get("requiredDuringSchedulingIgnoredDuringExecution", [])
    return not any(
        term["topologyKey"] == "kubernetes.io/hostname"
        and set(term["labelSelector"]["matchLabels"].items()) <= labels(one)
        for term in terms
    )


def stranger(one: Manifest, all_: Sequence[Manifest]) -> bool:
    known = {other["metadata"]["name"] for other in all_ if other["kind"] == "ServiceAccount"}
    named = template(one).get("spec", {}).get("serviceAccountName", "default")
    return named not in known | {"default"}


def misnamed(one: Manifest, _: Sequence[Manifest]) -> bool:
    ports = one["spec"].get("ports", []) if one["kind"] == "Service" else []
    named: Iterable[object] = [port.get("targetPort", port["port"]) for port in ports]
    return not all(
        0 < name < 2**16
        if isinstance(name, int)
        else re.fullmatch(r"(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*", str(name)) and len(str(name)) <= 15
        for name in named
    )


def untagged(container: Manifest) -> bool:
    name = container["image"].rpartition("/")[2]
    return "@sha256:" not in name and (":" not in name or name.endswith(":latest"))


def mounts_the_host(pod: Manifest) -> bool:
    """Return whether pods see any folder of their node, which is more than kube-linter refuses."""
    return any("hostPath" in volume for volume in pod.get("volumes", []))


def may_forge_packets(rights: Manifest) -> bool:
    capabilities = rights.get("capabilities", {})
    dropped = {"ALL", "NET_RAW"} & set(capabilities.get("drop", []))
    return not dropped or "NET_RAW" in capabilities.get("add", [])


def may_become_root(rights: Manifest) -> bool:
    added = rights.get("capabilities", {}).get("add", [])
    return rights.get("allowPrivilegeEscalation") is not False or "SYS_ADMIN" in added


def repeated(container: Manifest) -> bool:
    names = [variable["name"] for variable in container.get("env", [])]
    return len(names) != len(set(names))


def writes_a_secret(container: Manifest) -> bool:
    return any(
        "secret" in variable["name"].lower() and variable.get("value")
        for variable in container.get("env", [])
    )


def opens_ssh(container: Manifest) -> bool:
    return any(port["containerPort"] == 22 for port in container.get("ports", []))


CHECKS: dict[str, Check] = {
    "dangling-service": dangling,
    "deprecated-service-account-field": of_pods(lambda pod: "serviceAccount" in pod),
    "docker-sock": of_pods(mounts_the_host),
    "drop-net-raw-capability": of_rights(may_forge_packets),
    "duplicate-env-var": of_containers(repeated),
    "env-var-secret": of_containers(writes_a_secret),
    "host-ipc": of_pods(lambda pod: pod.get("hostIPC")),
    "host-network": of_pods(lambda pod: pod.get("hostNetwork")),
    "host-pid": of_pods(lambda pod: pod.get("hostPID")),
    "invalid-target-ports": misnamed,
    "latest-tag": of_containers(untagged),
    "liveness-port": of_probe("livenessProbe"),
    "mismatching-selector": mismatching,
    "no-anti-affinity": together,
    "no-extensions-v1beta": lambda one, _: one["apiVersion"].startswith("extensions/"),
    "no-read-only-root-fs": of_rights(lambda rights: not rights.get("readOnlyRootFilesystem")),
    "non-existent-service-account": stranger,
    "pdb-max-unavailable": of_budgets(lambda spec: spec.get("maxUnavailable") in {0, "0%"}),
    "pdb-min-available": of_budgets(lambda spec: "minAvailable" in spec),
    "pdb-unhealthy-pod-eviction-policy": of_budgets(
        lambda spec: "unhealthyPodEvictionPolicy" not in spec
    ),
    "privilege-escalation-container": of_rights(may_become_root),
    "privileged-container": of_rights(lambda rights: rights.get("privileged")),
    "readiness-port": of_probe("readinessProbe"),
    "run-as-non-root": of_rights(
        lambda rights: not rights.get("runAsNonRoot") or rights.get("runAsUser") == 0
    ),
    "sensitive-host-mounts": of_pods(mounts_the_host),
    "ssh-port": of_containers(opens_ssh),
    "startup-port": of_probe("startupProbe"),
    "unsafe-sysctls": of_pods(lambda pod: pod.get("securityContext", {}).get("sysctls")),
    "unset-cpu-requirements": of_resources("cpu"),
    "unset-memory-requirements": of_resources("memory"),
}
"""Its default checks in version 0.7, by name. Here none of the budgets may say `minAvailable`, so none is compared."""

POD = "spec.template.spec"
CONTAINER = f"{POD}.containers.0"
RIGHTS = f"{CONTAINER}.securityContext"
SOCKET = [{"name": "node", "hostPath": {"path": "/var/run/docker.sock"}}]
SYSCTLS = [{"name": "kernel.shm_rmid_forced", "value": "0"}]

FAULTS: dict[str, tuple[str, str, object]] = {
    "dangling-service": ("Service", "spec.selector", {"app.kubernetes.io/name": "nobody"}),
    "deprecated-service-account-field": ("Deployment", f"{POD}.serviceAccount", "plateward"),
    "docker-sock": ("Deployment", f"{POD}.volumes", SOCKET),
    "drop-net-raw-capability": ("Deployment", f"{RIGHTS}.capabilities.drop", ["CHOWN"]),
    "duplicate-env-var": ("Deployment", f"{CONTAINER}.env", [{"name": "A", "value": "1"}] * 2),
    "env-var-secret": ("Deployment", f"{CONTAINER}.env", [{"name": "A_SECRET", "value": "known"}]),
    "host-ipc": ("Deployment", f"{POD}.hostIPC", True),
    "host-network": ("Deployment", f"{POD}.hostNetwork", True),
    "host-pid": ("Deployment", f"{POD}.hostPID", True),
    "invalid-target-ports": ("Service", "spec.ports.0.targetPort", "The_HTTP_port"),
    "latest-tag": ("Deployment", f"{CONTAINER}.image", "a:5000/plateward/ingest"),
    "liveness-port": ("Deployment", f"{CONTAINER}.livenessProbe.httpGet.port", 9),
    "mismatching-selector": ("Deployment", "spec.selector.matchLabels", {"a": "b"}),
    "no-anti-affinity": ("Deployment", f"{POD}.affinity", {}),
    "no-extensions-v1beta": ("Deployment", "apiVersion", "extensions/v1beta1"),
    "no-read-only-root-fs": ("Deployment", f"{RIGHTS}.readOnlyRootFilesystem", False),
    "non-existent-service-account": ("Deployment", f"{POD}.serviceAccountName", "nobody"),
    "pdb-max-unavailable": ("PodDisruptionBudget", "spec.maxUnavailable", 0),
    "pdb-min-available": ("PodDisruptionBudget", "spec.minAvailable", "100%"),
    "pdb-unhealthy-pod-eviction-policy": ("PodDisruptionBudget", "spec", {"maxUnavailable": 1}),
    "privilege-escalation-container": ("Deployment", f"{RIGHTS}.allowPrivilegeEscalation", True),
    "privileged-container": ("Deployment", f"{RIGHTS}.privileged", True),
    "readiness-port": ("Deployment", f"{CONTAINER}.readinessProbe.httpGet.port", "https"),
    "run-as-non-root": ("Deployment", f"{RIGHTS}.runAsUser", 0),
    "sensitive-host-mounts": ("Deployment", f"{POD}.volumes", SOCKET),
    "ssh-port": ("Deployment", f"{CONTAINER}.ports.0.containerPort", 22),
    "startup-port": ("Deployment", f"{CONTAINER}.startupProbe.httpGet.port", 9),
    "unsafe-sysctls": ("Deployment", f"{POD}.securityContext.sysctls", SYSCTLS),
    "unset-cpu-requirements": ("Deployment", f"{CONTAINER}.resources.limits", {"memory": "1Gi"}),
    "unset-memory-requirements": ("Deployment", f"{CONTAINER}.resources.requests", {"cpu": "1"}),
}
"""For each check a fault: the kind of manifest, the field's path, and what it is given."""


def found(check: str, manifests: Sequence[Manifest]) -> list[str]:
    return [
        f"{one['kind']}/{one['metadata']['name']}"
        for one in manifests
        if CHECKS[check](one, manifests)
    ]


@pytest.mark.parametrize("check", CHECKS)
def test_kube_linters_check_finds_nothing(check: str) -> None:
    assert {
        overlay.name: found(check, each) for overlay, each in zip(OVERLAYS, applied(), strict=True)
    } == {overlay.name: [] for overlay in OVERLAYS}


@pytest.mark.parametrize("check", CHECKS)
def test_kube_linters_check_finds_a_fault(check: str) -> None:
    kind, path, value = FAULTS[check]
    manifests = deepcopy(applied()[0])
    one = next(one for one in manifests if one["kind"] == kind)
    *above, last = path.split(".")
    node: Any = one
    for step in above:
        node = node[int(step)] if step.isdigit() else node.setdefault(step, {})
    node[last] = value
    assert found(check, manifests) == [f"{kind}/{one['metadata']['name']}"]
