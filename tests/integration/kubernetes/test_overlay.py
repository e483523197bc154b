"""An API server of Kubernetes accepts the example overlay: strictly, without warnings, under `restricted`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.cluster.control_plane import ControlPlane
from deploy.cluster.programs import VERSION
from deploy.kafka.users import FILE as USERS
from tests.deploy.manifests import KUBERNETES
from tests.deploy.reading import OVERLAY, of_kind, resources

pytestmark = pytest.mark.kubernetes

STRICTLY = ("apply", "--server-side", "--validate=strict", "--warnings-as-errors")
NAMESPACE = "plateward"
PODS = [(kind, name) for kind in ("Deployment", "Job", "CronJob") for name in sorted(of_kind(kind))]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane that knows Strimzi's users and was given the example department."""
    with ControlPlane(tmp_path_factory.mktemp("kubernetes")) as plane:
        defined = plane.kubectl(
            "apply", "--filename", str(Path(__file__).with_name("strimzi.yaml"))
        )
        assert defined.returncode == 0, defined.stderr
        ready = ("wait", "--for=condition=Established", "crd/kafkausers.kafka.strimzi.io")
        assert plane.kubectl(*ready).returncode == 0
        namespace = plane.kubectl(*STRICTLY, "--filename", str(OVERLAY / "namespace.yaml"))
        assert namespace.returncode == 0, namespace.stderr
        yield plane


def test_the_test_cluster_has_the_oldest_supported_kubernetes_version(
    cluster: ControlPlane,
) -> None:
    said = json.loads(cluster.kubectl("version", "--output=json").stdout)["serverVersion"]
    assert said["gitVersion"] == VERSION
    assert f"{said['major']}.{said['minor']}" == KUBERNETES


def test_the_overlay_applies_without_warnings_and_then_has_no_diff(
    cluster: ControlPlane,
) -> None:
    applied = cluster.kubectl(*STRICTLY, "--kustomize", str(OVERLAY))
    assert (applied.returncode, applied.stderr) == (0, "")
    assert len(applied.stdout.splitlines()) == len(resources())
    again = cluster.kubectl("diff", "--server-side", "--kustomize", str(OVERLAY))
    assert (again.returncode, again.stdout) == (0, ""), again.stderr


def test_the_cluster_accepts_every_kafka_user_with_its_acls(cluster: ControlPlane) -> None:
    applied = cluster.kubectl(*STRICTLY, "--namespace", NAMESPACE, "--filename", str(USERS))
    assert (applied.returncode, applied.stderr) == (0, "")
    wanted = {u["metadata"]["name"]: u["spec"] for u in yaml.safe_load_all(USERS.read_text())}
    got = cluster.kubectl("get", "kafkausers", "--namespace", NAMESPACE, "--output=json")
    kept = {u["metadata"]["name"]: u["spec"] for u in json.loads(got.stdout)["items"]}
    assert kept == wanted


def measure_quota(cluster: ControlPlane) -> None:
    """Write the use of the quota, as the controller does that this cluster lacks; without it no pod is accepted."""
    hard = of_kind("ResourceQuota")["plateward"]["spec"]["hard"]
    status = {"status": {"hard": hard, "used": dict.fromkeys(hard, "0")}}
    where = ("resourcequota", "plateward", "--namespace", NAMESPACE, "--subresource=status")
    done = cluster.kubectl("patch", *where, "--type=merge", "--patch", json.dumps(status))
    assert done.returncode == 0, done.stderr


def pod_of(kind: str, name: str) -> dict[str, Any]:
    """Return the pod that a Deployment's, a Job's or a CronJob's controller would make."""
    spec = of_kind(kind)[name]["spec"]
    template = spec["jobTemplate"]["spec"]["template"] if kind == "CronJob" else spec["template"]
    metadata = {"name": f"{name}-try", "namespace": NAMESPACE, **template["metadata"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}


def tried(cluster: ControlPlane, resource: dict[str, Any]) -> tuple[int, str]:
    """Try an apply without changes; return kubectl's status and its complaints."""
    applied = cluster.kubectl(
        *STRICTLY, "--dry-run=server", "--filename=-", given=json.dumps(resource)
    )
    return applied.returncode, applied.stderr


@pytest.mark.parametrize(("kind", "name"), PODS)
def test_pod_security_accepts_every_pod_and_refuses_privilege_escalation(
    cluster: ControlPlane, kind: str, name: str
) -> None:
    made = cluster.kubectl(*STRICTLY, "--kustomize", str(OVERLAY))  # its service account, too
    assert made.returncode == 0, made.stderr
    measure_quota(cluster)
    pod = pod_of(kind, name)
    assert tried(cluster, pod) == (0, "")
    pod["spec"]["containers"][0]["securityContext"] = {
        **pod["spec"]["containers"][0]["securityContext"],
        "allowPrivilegeEscalation": True,
    }
    status, complaint = tried(cluster, pod)
    assert status != 0
    assert 'violates PodSecurity "restricted' in complaint


def test_a_field_that_does_not_exist_is_refused(cluster: ControlPlane) -> None:
    service = {**of_kind("Service")["ingest"], "port": 8000}
    [user, *_] = yaml.safe_load_all(USERS.read_text())
    user["metadata"]["namespace"] = NAMESPACE
    user["spec"]["authorization"]["acls"][0]["principal"] = "User:anybody"
    for broken, field in ((service, ".port"), (user, "principal")):
        status, complaint = tried(cluster, broken)
        assert status != 0
        assert field in complaint
