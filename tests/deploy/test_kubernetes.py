"""deploy/k8s: valid by the schemas, closed by default, and each pod with no more than it needs."""

import json
import re
import shutil
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml

from deploy.cluster.programs import VERSION
from deploy.compose.make_tls import Signer
from deploy.kafka.users import FILE, users
from local.stack.services import APIS, PAGES, WORKERS
from shared.kafka.acls import acls, principals
from shared.kafka.settings import KafkaSettings
from shared.kafka.topics import TOPICS
from shared.objects.rights import RIGHTS
from shared.postgres.settings import DatabaseSettings
from shared.service.serve import options
from shared.service.settings import CommonSettings
from shared.service.trace_settings import TraceSettings
from tests.deploy.manifests import KUBERNETES, REST_OF_STOP_S
from tests.deploy.reading import (
    OTHERS_READ,
    OVERLAY,
    ROOT,
    SERVICES,
    built,
    environment_names,
    of_kind,
    resources,
    settings_of,
)

NAME = "app.kubernetes.io/name"
PART_OF = "app.kubernetes.io/part-of"
RESOURCES = {"cpu", "memory", "ephemeral-storage"}
LOGS = 50 * 2**20
"""What the node keeps of a container's log, in bytes: five files of 10 MiB by default."""

INGRESS_KEEPS_S = 60
"""How long ingress-nginx uses an idle connection again, by default: `upstream-keepalive-timeout` of its settings."""


def pod(service: str) -> dict[str, Any]:
    found = of_kind("Deployment")[service]["spec"]["template"]["spec"]
    assert isinstance(found, dict)
    return found


def container(service: str) -> dict[str, Any]:
    [found] = pod(service)["containers"]
    assert found["name"] == "service"
    assert isinstance(found, dict)
    return found


def tables(service: str) -> dict[str, Any]:
    """Return the container that makes a service's tables before it starts."""
    [found] = pod(service)["initContainers"]
    assert found["name"] == "tables"
    assert isinstance(found, dict)
    return found


def test_every_resource_is_valid_by_its_schema() -> None:
    for resource in resources():
        kubernetes_validate.validate(resource, KUBERNETES, strict=True)


def test_the_validation_refuses_a_field_that_does_not_exist() -> None:
    broken = {**of_kind("Service")["ingest"], "port": 8000}
    with pytest.raises(kubernetes_validate.ValidationError, match="port"):
        kubernetes_validate.validate(broken, KUBERNETES, strict=True)


def test_the_api_server_has_the_kubernetes_version_of_the_files() -> None:
    modules = (ROOT / "deploy" / "cluster" / "go.mod").read_text()
    assert f"require k8s.io/kubernetes {VERSION}\n" in modules
    assert VERSION.startswith(f"v{KUBERNETES}.")


def test_everything_is_in_the_departments_namespace_which_enforces_the_restricted_standard() -> (
    None
):
    [namespace] = of_kind("Namespace")
    labels = of_kind("Namespace")[namespace]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    rest = [r for r in resources() if r["kind"] not in {"Namespace", "PriorityClass"}]
    assert {r["metadata"]["namespace"] for r in rest} == {namespace}


def test_every_service_has_a_deployment() -> None:
    assert set(of_kind("Deployment")) == set(SERVICES)


@pytest.mark.parametrize("service", SERVICES)
def test_a_pod_runs_as_an_unprivileged_user(service: str) -> None:
    context = pod(service)["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] == 65532
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & set(pod(service))


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_can_write_only_temporary_files(service: str) -> None:
    context = container(service)["securityContext"]
    assert context == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    writable = [m["mountPath"] for m in container(service)["volumeMounts"] if not m.get("readOnly")]
    assert writable == ["/tmp"]
    kinds = {key for volume in pod(service)["volumes"] for key in volume if key != "name"}
    secrets = set() if service in PAGES else {"projected"}
    assert kinds == {"configMap", "emptyDir", *secrets}


@pytest.mark.parametrize("service", SERVICES)
def test_a_pod_has_no_token_for_the_clusters_api(service: str) -> None:
    account = of_kind("ServiceAccount")[pod(service)["serviceAccountName"]]
    assert account["automountServiceAccountToken"] is False
    assert pod(service)["automountServiceAccountToken"] is False


@pytest.mark.parametrize("service", SERVICES)
def test_service_links_set_no_environment_variables(service: str) -> None:
    # Kubernetes would set INGEST_PORT and the like, which settings with that prefix read.
    assert pod(service)["enableServiceLinks"] is False


@pytest.mark.parametrize("service", SERVICES)
def test_a_pod_has_liveness_and_readiness_probes(service: str) -> None:
    probes = {
        name: container(service)[name]["httpGet"]
        for name in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert probes["startupProbe"] == probes["livenessProbe"] == {"path": "/livez", "port": "http"}
    assert probes["readinessProbe"] == {"path": "/readyz", "port": "http"}
    assert container(service)["ports"] == [{"name": "http", "containerPort": 8000}]


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_has_requests_and_limits(service: str) -> None:
    resources = container(service)["resources"]
    assert set(resources["requests"]) == set(resources["limits"]) == RESOURCES


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_has_a_pinned_version(service: str) -> None:
    name, _, tag = container(service)["image"].partition(":")
    assert name.endswith(f"plateward/{service}")
    assert tag not in {"", "latest"}


def given(service: str) -> tuple[set[str], set[str]]:
    """Names of settings in the clear, and of those that come from a Secret."""
    clear: set[str] = set()
    secret: set[str] = set()
    for source in container(service)["envFrom"]:
        if "configMapRef" in source:
            clear |= set(of_kind("ConfigMap")[source["configMapRef"]["name"]]["data"])
    for variable in container(service)["env"]:
        (clear if "value" in variable else secret).add(variable["name"])
    return clear, secret


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_gets_only_settings_that_it_reads_and_all_that_it_requires(service: str) -> None:
    clear, secret = given(service)
    known, required = environment_names(service)
    assert (clear | secret) - OTHERS_READ <= known
    assert required <= clear | secret


@pytest.mark.parametrize("service", SERVICES)
def test_secrets_are_referred_to_and_never_written(service: str) -> None:
    clear, secret = given(service)
    assert ("DATABASE_URL" in secret) == (service in APIS)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        sources = [v["valueFrom"] for v in container(service)["env"] if v["name"] == name]
        own = {"secretKeyRef": {"name": f"plateward-objects-{service}", "key": name}}
        assert sources == ([own] if service in RIGHTS else [])
    public = {
        "OBJECT_STORE_URL",
        "ROOT_PUBLIC_KEYS",
        *(f"CONSOLE_{name.upper()}_URL" for name in APIS),
    }
    assert (
        not {name for name in clear if "KEY" in name or "SECRET" in name or "URL" in name} - public
    )
    assert "Secret" not in {r["kind"] for r in resources()}


def referred_to(service: str) -> set[str]:
    """Return the names of all Secrets that a service's pod receives."""
    containers = [container(service), *pod(service).get("initContainers", [])]
    assert not [s for c in containers for s in c.get("envFrom", []) if "secretRef" in s]
    variables = {
        variable["valueFrom"]["secretKeyRef"]["name"]
        for each in containers
        for variable in each["env"]
        if "secretKeyRef" in variable.get("valueFrom", {})
    }
    volumes = {
        source["secret"]["name"]
        for volume in pod(service)["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
    }
    assert not [v for v in pod(service)["volumes"] if "secret" in v]
    return variables | volumes


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_is_given_a_secret_of_another(service: str) -> None:
    own = {f"plateward-{service}"}
    if service not in PAGES:
        own |= {f"kafka-{service}", "plateward-cluster-ca-cert"}
    if service in APIS:
        own |= {f"plateward-database-{service}", "plateward-ca"}
    if service in RIGHTS:
        own.add(f"plateward-objects-{service}")
    assert referred_to(service) == own


GIVEN_AS_A_FILE = {"KAFKA_SASL_PASSWORD"}
"""Secrets that a pod gets as a mounted file instead (KAFKA_SASL_PASSWORD_FILE)."""


@pytest.mark.parametrize("service", [*APIS, *WORKERS])
def test_every_secret_setting_of_a_service_has_a_key_in_its_secret(service: str) -> None:
    """Includes the settings used only during a key change: without them the key could not be changed."""
    known = {
        name.upper()
        for name, described in settings_of(service).model_fields.items()
        if "SecretStr" in str(described.annotation)
    } - GIVEN_AS_A_FILE
    assert "EVENT_MAC_KEY" in known, "the walk is broken"
    _, secret = given(service)
    assert known <= secret


def job(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a Job's spec, and its only container."""
    spec = of_kind("Job")[name]["spec"]
    [made] = spec["template"]["spec"]["containers"]
    return spec, made


def owners_url_is_named(document: object) -> bool:
    """Whether a resource names the Secret or the setting of the role that owns the tables."""
    text = json.dumps(document)
    return "plateward-database-owner" in text or "DATABASE_OWNER_URL" in text


@pytest.mark.clause("wall/postgres")
def test_only_the_jobs_that_make_tables_get_the_owners_url() -> None:
    told = {(r["kind"], r["metadata"]["name"]) for r in resources() if owners_url_is_named(r)}
    assert told == {("Job", f"tables-{service}") for service in APIS}


def test_a_pod_that_names_the_owners_url_is_found() -> None:
    assert owners_url_is_named({"env": [{"name": "DATABASE_OWNER_URL"}]})
    assert owners_url_is_named({"secretKeyRef": {"name": "plateward-database-owner"}})


@pytest.mark.parametrize("service", APIS)
def test_a_job_makes_a_services_tables_by_its_image_and_gets_no_other_secret(service: str) -> None:
    spec, made = job(f"tables-{service}")
    told = {v["name"]: v for v in made["env"]}
    assert set(told) == {"DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_CA_FILE"}
    secrets = {name: v["valueFrom"]["secretKeyRef"] for name, v in told.items() if "value" not in v}
    assert secrets == {
        "DATABASE_URL": {"name": f"plateward-database-{service}", "key": "DATABASE_URL"},
        "DATABASE_OWNER_URL": {"name": "plateward-database-owner", "key": "DATABASE_OWNER_URL"},
    }
    assert "envFrom" not in made
    assert made["image"] == container(service)["image"]
    assert made["command"][-1] == 'exec python -m "services.$SERVICE" migrate'
    assert made["securityContext"] == container(service)["securityContext"]
    template = spec["template"]
    assert template["spec"]["securityContext"] == pod(service)["securityContext"]
    assert template["spec"]["automountServiceAccountToken"] is False
    assert template["metadata"]["labels"].items() >= DATABASE_LABELS.items()
    assert set(made["resources"]["requests"]) == set(made["resources"]["limits"])
    assert spec["ttlSecondsAfterFinished"] <= 600, "the next version's Job could not be applied"


DATABASE_LABELS = {"plateward/database": "yes", PART_OF: "plateward"}
"""The labels by which network policies open the database to a pod."""


@pytest.mark.parametrize("service", SERVICES)
def test_a_pod_waits_for_its_tables_with_the_rights_of_its_own_role(service: str) -> None:
    assert ("initContainers" in pod(service)) == (service in APIS)
    if service not in APIS:
        return
    waits = tables(service)
    assert waits["image"] == container(service)["image"]
    assert waits["command"][-1] == 'exec python -m "services.$SERVICE" await-tables --within 600'
    assert "envFrom" not in waits
    told = {v["name"]: v for v in waits["env"]}
    assert set(told) == {"DATABASE_URL", "DATABASE_CA_FILE"}
    for variable in told.values():
        assert variable in container(service)["env"]
    assert waits["securityContext"] == container(service)["securityContext"]
    mounts = {m["name"]: m.get("readOnly", False) for m in waits["volumeMounts"]}
    assert mounts == {"database": True, "tmp": False}
    resources = waits["resources"]
    assert set(resources["requests"]) == set(resources["limits"]) == RESOURCES


def values(service: str) -> dict[str, str]:
    """Return the values of a service's ConfigMaps."""
    names = [
        s["configMapRef"]["name"] for s in container(service)["envFrom"] if "configMapRef" in s
    ]
    return {k: v for name in names for k, v in of_kind("ConfigMap")[name]["data"].items()}


def mounted(service: str, name: str) -> tuple[str, dict[str, tuple[str, str]]]:
    """Return the mount path of a volume of Secrets, and by file name the Secret and key that it holds."""
    [volume] = [v for v in pod(service)["volumes"] if v["name"] == name]
    [mount] = [m for m in container(service)["volumeMounts"] if m["name"] == name]
    assert mount["readOnly"] is True
    assert volume["projected"]["defaultMode"] == 0o440
    sources = {
        item["path"]: (source["secret"]["name"], item["key"])
        for source in volume["projected"]["sources"]
        for item in source["secret"]["items"]
    }
    return mount["mountPath"], sources


@pytest.mark.parametrize("service", APIS)
def test_postgres_is_reached_by_tls_with_a_known_signer(service: str, tmp_path: Path) -> None:
    where, sources = mounted(service, "database")
    assert sources == {"ca.crt": ("plateward-ca", "ca.crt")}
    [told] = [v["value"] for v in container(service)["env"] if v["name"] == "DATABASE_CA_FILE"]
    assert told == f"{where}/ca.crt"
    (tmp_path / "ca.crt").write_bytes(Signer("cluster").certificate)
    link = DatabaseSettings(
        database_url="postgresql://u:p@plateward-rw/plateward", database_ca_file=tmp_path / "ca.crt"
    ).database_link()
    assert isinstance(link.tls, ssl.SSLContext)


@pytest.mark.parametrize("service", [*APIS, *WORKERS])
def test_kafka_is_reached_by_tls_and_a_password_out_of_secrets(
    service: str, tmp_path: Path
) -> None:
    told = {name: value for name, value in values(service).items() if name.startswith("KAFKA_")}
    assert told["KAFKA_SECURITY_PROTOCOL"] == "SASL_SSL"
    where, sources = mounted(service, "kafka")
    assert sources == {"ca.crt": ("plateward-cluster-ca-cert", "ca.crt")}
    who, ours = mounted(service, "kafka-user")
    assert ours == {"password": (f"kafka-{service}", "password")}
    [user] = [v["value"] for v in container(service)["env"] if v["name"] == "KAFKA_SASL_USERNAME"]
    (tmp_path / "ca.crt").write_bytes(Signer("cluster").certificate)
    (tmp_path / "password").write_text("given by the cluster")
    here = {
        n.lower(): v.replace(who, str(tmp_path)).replace(where, str(tmp_path))
        for n, v in told.items()
    }
    settings = KafkaSettings(**here, kafka_sasl_username=user)
    assert settings.kafka_by_tls
    assert settings.kafka_password() == "given by the cluster"
    assert user == f"kafka-{service}", "each service is a user of its own"


@pytest.mark.clause("wall/kafka")
def test_the_kafka_users_are_those_that_the_registry_derives() -> None:
    assert FILE.read_text() == users(), "run `python -m deploy.kafka.users`"
    written = {u["metadata"]["name"]: u["spec"] for u in yaml.safe_load_all(FILE.read_text())}
    assert set(written) == {f"kafka-{name}" for name in principals()}
    assert {spec["authorization"]["type"] for spec in written.values()} == {"simple"}
    given = {
        (name.removeprefix("kafka-"), rule["resource"].get("name"), operation)
        for name, spec in written.items()
        for rule in spec["authorization"]["acls"]
        for operation in rule["operations"]
    }
    assert len(given) == len(acls())


def test_the_topics_are_made_by_a_job_with_a_user_of_its_own_and_no_other_secret() -> None:
    spec = of_kind("Job")["topics"]["spec"]["template"]["spec"]
    [made] = spec["containers"]
    assert made["command"][2:] == ["shared.kafka.topics_admin", "ensure", "--without-acls"]
    assert made["env"] == [{"name": "KAFKA_SASL_USERNAME", "value": "kafka-topics"}]
    [source] = made["envFrom"]
    assert source["configMapRef"]["name"].startswith("plateward-kafka-")
    secrets = {
        source["secret"]["name"]
        for volume in spec["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
    }
    assert secrets == {"plateward-cluster-ca-cert", "kafka-topics"}
    assert made["securityContext"] == container("ingest")["securityContext"]
    assert spec["securityContext"] == pod("ingest")["securityContext"]
    assert set(made["resources"]["limits"]) == RESOURCES


@pytest.mark.clause("468.5/schedule")
def test_kafka_is_trimmed_every_few_minutes_by_a_user_of_its_own() -> None:
    job = of_kind("CronJob")["trim"]["spec"]
    assert (job["schedule"], job["concurrencyPolicy"]) == ("*/5 * * * *", "Forbid")
    spec = job["jobTemplate"]["spec"]["template"]["spec"]
    [trims] = spec["containers"]
    assert trims["command"][2:] == ["shared.kafka.topics_admin", "trim"]
    assert {"name": "KAFKA_SASL_USERNAME", "value": "kafka-trim"} in trims["env"]
    secrets = {
        source["secret"]["name"]
        for volume in spec["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
    }
    assert secrets == {"plateward-cluster-ca-cert", "kafka-trim"}
    assert trims["securityContext"] == container("ingest")["securityContext"]
    assert spec["securityContext"] == pod("ingest")["securityContext"]
    labels = job["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
    assert labels[PART_OF] == "plateward", "network policies go by it"


def test_the_console_gets_no_kafka_settings_or_secrets() -> None:
    for page in PAGES:
        assert not {name for name in values(page) if name.startswith("KAFKA_")}
        assert not [v for v in pod(page)["volumes"] if "projected" in v or "secret" in v]


def test_only_kafkas_tls_listener_is_reachable() -> None:
    [rule] = of_kind("NetworkPolicy")["allow-to-kafka"]["spec"]["egress"]
    [port] = rule["ports"]
    assert values("ingest")["KAFKA_BOOTSTRAP"].endswith(f":{port['port']}")


def test_network_policies_deny_all_traffic_by_default() -> None:
    policies = of_kind("NetworkPolicy")
    assert policies["default-deny"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress"]}
    assert policies["default-deny-out"]["spec"] == {
        "podSelector": {"matchLabels": {PART_OF: "plateward"}},
        "policyTypes": ["Egress"],
    }


STORES = {
    "kafka": {"strimzi.io/cluster": "plateward"},
    "postgres": {"cnpg.io/cluster": "plateward"},
}
"""The stores of the example, in its namespace, by the labels of their pods."""


@pytest.mark.parametrize("store", STORES)
def test_a_store_accepts_traffic_from_the_pods_that_may_reach_it(store: str) -> None:
    """A pod of the namespace accepts no traffic by default, so both ends need a policy."""
    policies = of_kind("NetworkPolicy")
    out, into = policies[f"allow-to-{store}"]["spec"], policies[f"allow-into-{store}"]["spec"]
    [way] = out["egress"]
    assert way["to"] == [{"podSelector": {"matchLabels": STORES[store]}}]
    assert into["podSelector"]["matchLabels"] == STORES[store]
    assert "Ingress" in into["policyTypes"]
    openings = [(peer, rule["ports"]) for rule in into["ingress"] for peer in rule["from"]]
    assert ({"podSelector": out["podSelector"]}, way["ports"]) in openings
    assert [peer for peer, _ in openings if peer == {"podSelector": {"matchLabels": STORES[store]}}]


@pytest.mark.parametrize("service", SERVICES)
def test_a_changed_setting_triggers_a_rollout(service: str) -> None:
    """A ConfigMap's name has a hash of its content, and the pod names its ConfigMaps."""
    maps = [s["configMapRef"]["name"] for s in container(service)["envFrom"]]
    maps += [v["configMap"]["name"] for v in pod(service)["volumes"] if "configMap" in v]
    assert maps
    for name in maps:
        assert re.fullmatch(r"plateward-(settings|kafka|objects|trust|policy)-[a-z0-9]{10}", name)
        assert name in of_kind("ConfigMap")


def opened() -> list[tuple[str, dict[str, Any]]]:
    """Return each opening of each policy, by the policy's name."""
    found = [
        (name, rule)
        for name, policy in of_kind("NetworkPolicy").items()
        for direction in ("ingress", "egress")
        for rule in policy["spec"].get(direction, [])
    ]
    assert found
    return found


def test_every_network_rule_names_its_peers_and_ports() -> None:
    for name, rule in opened():
        peers = rule.get("from") or rule.get("to")
        assert peers, f"{name} opens to everybody"
        assert all(peer and all(peer.values()) for peer in peers), f"{name} has a peer of anybody"
        assert rule["ports"], f"{name} opens every port"
        blocks = [peer["ipBlock"]["cidr"] for peer in peers if "ipBlock" in peer]
        assert not {"0.0.0.0/0", "::/0"} & set(blocks), f"{name} opens to the whole internet"


def test_services_do_not_talk_to_each_other() -> None:
    for name, rule in opened():
        if name in {"allow-console-out", "allow-console-in", "allow-into-kafka"}:
            continue  # the first two have a test of their own, and the third is about Kafka's pods
        for peer in rule.get("from") or rule.get("to"):
            selector = peer.get("podSelector", {})
            assert "matchExpressions" not in selector, name
            labels = selector.get("matchLabels", {})
            assert PART_OF not in labels, name
            assert labels.get(NAME) not in SERVICES, name


def test_only_the_console_reaches_the_services_and_it_reaches_no_data_store() -> None:
    policies = of_kind("NetworkPolicy")
    asked = {"matchExpressions": [{"key": NAME, "operator": "In", "values": sorted(APIS)}]}
    console = {"matchLabels": {NAME: "console"}}
    out, into = policies["allow-console-out"]["spec"], policies["allow-console-in"]["spec"]
    assert out["podSelector"] == into["ingress"][0]["from"][0]["podSelector"] == console
    assert into["podSelector"] == out["egress"][0]["to"][0]["podSelector"] == asked
    without = [{"key": NAME, "operator": "NotIn", "values": ["console"]}]
    assert policies["allow-to-kafka"]["spec"]["podSelector"]["matchExpressions"] == without


def test_only_services_with_object_store_rights_reach_the_object_store() -> None:
    [choice] = of_kind("NetworkPolicy")["allow-to-objects"]["spec"]["podSelector"][
        "matchExpressions"
    ]
    assert choice == {"key": NAME, "operator": "In", "values": sorted(RIGHTS)}


def test_only_audit_reaches_the_receiver_of_findings() -> None:
    notices = of_kind("NetworkPolicy")["allow-notices"]["spec"]
    assert notices["podSelector"] == {"matchLabels": {NAME: "audit"}}
    assert notices["policyTypes"] == ["Egress"]
    [way] = notices["egress"]
    assert [port["port"] for port in way["ports"]] == [443]


def test_only_hotlist_reaches_the_receivers_of_urgent_alerts() -> None:
    announcements = of_kind("NetworkPolicy")["allow-announcements"]["spec"]
    assert announcements["podSelector"] == {"matchLabels": {NAME: "hotlist"}}
    assert announcements["policyTypes"] == ["Egress"]
    [way] = announcements["egress"]
    assert [port["port"] for port in way["ports"]] == [443, 465, 587]


def test_only_identity_and_audit_reach_the_mail_server() -> None:
    mail = of_kind("NetworkPolicy")["allow-mail"]["spec"]
    chosen = {"key": NAME, "operator": "In", "values": ["audit", "identity"]}
    assert mail["podSelector"] == {"matchExpressions": [chosen]}
    assert mail["policyTypes"] == ["Egress"]
    [way] = mail["egress"]
    assert [port["port"] for port in way["ports"]] == [465, 587]


@pytest.mark.parametrize("service", SERVICES)
def test_the_monitor_scrapes_every_pod_at_the_port_opened_to_prometheus(service: str) -> None:
    monitor = yaml.safe_load((OVERLAY.parents[1] / "monitoring" / "pod-monitor.yaml").read_text())
    chosen = monitor["spec"]["selector"]["matchLabels"]
    [without] = monitor["spec"]["selector"]["matchExpressions"]
    labels = of_kind("Deployment")[service]["spec"]["template"]["metadata"]["labels"]
    assert chosen.items() <= labels.items()
    assert (without["key"], without["operator"]) == (NAME, "NotIn")
    assert (labels[NAME] in without["values"]) is (service in PAGES), "pages have no metrics"
    assert labels[monitor["spec"]["jobLabel"]] == "plateward", "the rules ask for this job"
    [asked] = monitor["spec"]["podMetricsEndpoints"]
    [port] = container(service)["ports"]
    assert (asked["port"], asked["path"]) == (port["name"], "/metrics")
    into = of_kind("NetworkPolicy")["allow-from-monitoring"]["spec"]
    assert into["podSelector"]["matchLabels"] == chosen
    assert [p["port"] for rule in into["ingress"] for p in rule["ports"]] == [port["containerPort"]]


def test_the_console_ingress_uses_sticky_sessions() -> None:
    ingress = of_kind("Ingress")["plateward-console"]
    annotations = ingress["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/affinity"] == "cookie"
    [path] = ingress["spec"]["rules"][0]["http"]["paths"]
    assert (path["path"], path["backend"]["service"]["name"]) == ("/", "console")
    assert annotations["nginx.ingress.kubernetes.io/session-cookie-path"] == "/"


@pytest.mark.clause("wall/console-host")
def test_the_console_has_a_host_of_its_own_and_no_prefix() -> None:
    apis, console = (
        of_kind("Ingress")[name]["spec"] for name in ("plateward", "plateward-console")
    )
    [api], [pages] = apis["rules"], console["rules"]
    assert api["host"] != pages["host"]
    assert {tuple(tls["hosts"]) for tls in console["tls"]} == {(pages["host"],)}
    assert not any(p["backend"]["service"]["name"] == "console" for p in api["http"]["paths"])
    assert "ROOT_PATH" not in {variable["name"] for variable in container("console")["env"]}


def test_every_api_is_opened_to_the_ingress_and_recognition_is_not() -> None:
    policy = of_kind("NetworkPolicy")["allow-from-ingress"]["spec"]
    [choice] = policy["podSelector"]["matchExpressions"]
    assert choice == {"key": NAME, "operator": "In", "values": sorted([*APIS, *PAGES])}


def test_recognition_cannot_reach_the_database_and_fits_its_limits() -> None:
    labels = of_kind("Deployment")["recognition"]["spec"]["template"]["metadata"]["labels"]
    chosen = of_kind("NetworkPolicy")["allow-to-postgres"]["spec"]["podSelector"]["matchLabels"]
    assert not chosen.items() <= labels.items()
    told = {v["name"]: v.get("value") for v in container("recognition")["env"]}
    workers = told["RECOGNITION_WORKERS"]
    limits = container("recognition")["resources"]["limits"]
    assert int(workers) <= int(limits["cpu"])
    assert int(workers) * 0.6 < int(limits["memory"].removesuffix("Gi"))


def test_policies_select_pods_that_exist() -> None:
    stores = list(STORES.values())
    labels = [d["spec"]["template"]["metadata"]["labels"] for d in of_kind("Deployment").values()]
    for name, policy in of_kind("NetworkPolicy").items():
        wanted = policy["spec"]["podSelector"].get("matchLabels", {})
        assert any(wanted.items() <= found.items() for found in [*labels, *stores]), name


def test_the_ingress_serves_every_api_below_its_name_and_neither_health_nor_figures() -> None:
    assert set(of_kind("Ingress")) == {"plateward", "plateward-console"}
    ingress = of_kind("Ingress")["plateward"]
    [rule] = ingress["spec"]["rules"]
    served = {
        (p["path"], p["pathType"], p["backend"]["service"]["name"]) for p in rule["http"]["paths"]
    }
    assert served == {
        (f"/{name}/{end}", kind, name)
        for name in APIS
        for end, kind in (("v1", "Prefix"), ("docs", "Exact"), ("openapi.json", "Exact"))
    }
    assert {tuple(tls["hosts"]) for tls in ingress["spec"]["tls"]} == {(rule["host"],)}


@pytest.mark.parametrize("service", [*APIS, *PAGES])
def test_a_service_is_found_by_name_and_knows_its_prefix(service: str) -> None:
    spec = of_kind("Service")[service]["spec"]
    labels = of_kind("Deployment")[service]["spec"]["template"]["metadata"]["labels"]
    assert spec["selector"].items() <= labels.items()
    assert [port["targetPort"] for port in spec["ports"]] == ["http"]
    told = {"name": "ROOT_PATH", "value": f"/{service}"} in container(service)["env"]
    assert told is (service in APIS), "the console has a host name of its own"


@pytest.mark.parametrize("service", SERVICES)
def test_a_drained_node_leaves_at_least_one_replica_of_a_service(service: str) -> None:
    budget = of_kind("PodDisruptionBudget")[service]["spec"]
    assert budget["maxUnavailable"] == 1
    policy = budget["unhealthyPodEvictionPolicy"]
    assert policy == "AlwaysAllow", "a pod that never becomes ready would hold up the drain"
    assert budget["selector"]["matchLabels"] == {NAME: service}
    scaler = of_kind("HorizontalPodAutoscaler").get(service)
    deployment = of_kind("Deployment")[service]["spec"]
    if scaler is None:
        assert deployment["replicas"] >= 2
    else:
        assert "replicas" not in deployment, "the scaler decides; a number here would undo it"
        assert scaler["spec"]["minReplicas"] >= 2
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_services_under_load_scale_by_cpu() -> None:
    """A metric that no service exports would prevent a scaler from scaling down."""
    scalers = of_kind("HorizontalPodAutoscaler")
    assert set(scalers) == {"ingest", "recognition", "hotlist", "retention"}
    for name, scaler in scalers.items():
        assert scaler["spec"]["scaleTargetRef"]["name"] == name
        [metric] = scaler["spec"]["metrics"]
        assert metric["resource"]["name"] == "cpu"


def test_recognition_scales_to_at_most_the_number_of_partitions() -> None:
    work = [t for t in TOPICS.values() if "recognition" in t.consumers and not t.followed]
    most = of_kind("HorizontalPodAutoscaler")["recognition"]["spec"]["maxReplicas"]
    assert {topic.partitions for topic in work} == {most}


def test_the_lag_component_scales_recognition_by_consumer_lag(tmp_path: Path) -> None:
    copy = tmp_path / "k8s"
    shutil.copytree(OVERLAY.parents[1], copy)
    with (copy / "overlays" / "example" / "kustomization.yaml").open("a") as overlay:
        overlay.write("components: [../../components/lag]\n")
    [scaler] = [
        found
        for found in built(copy / "overlays" / "example")
        if (found["kind"], found["metadata"]["name"]) == ("HorizontalPodAutoscaler", "recognition")
    ]
    kubernetes_validate.validate(scaler, KUBERNETES, strict=True)
    cpu, lag = scaler["spec"]["metrics"]
    assert cpu["resource"]["name"] == "cpu"
    assert lag["external"]["metric"] == {
        "name": "alpr_consumer_lag",
        "selector": {"matchLabels": {"group": "recognition"}},
    }


def test_the_traces_component_names_a_collector_and_opens_the_way_to_it_alone(
    tmp_path: Path,
) -> None:
    copy = tmp_path / "k8s"
    shutil.copytree(OVERLAY.parents[1], copy)
    before = of_kind("ConfigMap")
    [name] = [name for name in before if name.startswith("plateward-settings-")]
    assert TraceSettings.model_validate(_lower(before[name])).otel_exporter_otlp_endpoint is None
    with (copy / "overlays" / "example" / "kustomization.yaml").open("a") as overlay:
        overlay.write("components: [../../components/traces]\n")
    found = {
        (one["kind"], one["metadata"]["name"]): one
        for one in built(copy / OVERLAY.relative_to(OVERLAY.parents[1]))
    }
    [data] = [one for (kind, name), one in found.items() if name.startswith("plateward-settings-")]
    address = urlsplit(TraceSettings.model_validate(_lower(data)).otel_exporter_otlp_endpoint)
    policy = found["NetworkPolicy", "allow-to-collector"]
    kubernetes_validate.validate(policy, KUBERNETES, strict=True)
    [rule] = policy["spec"]["egress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": address.port}]
    [to] = rule["to"]
    collector, namespace = address.hostname.split(".")
    assert to["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": namespace}
    assert to["podSelector"]["matchLabels"] == {NAME: collector}
    [services] = policy["spec"]["podSelector"]["matchExpressions"]
    assert sorted(services["values"]) == sorted(SERVICES)


def _lower(config: dict[str, Any]) -> dict[str, str]:
    """Return a ConfigMap's settings by the names of fields."""
    return {name.lower(): value for name, value in config["data"].items()}


@pytest.mark.parametrize("service", SERVICES)
def test_a_services_pods_are_spread_over_nodes_and_zones(service: str) -> None:
    assert "topologySpreadConstraints" not in pod(service), "void where nodes name no zone"
    wanted = pod(service)["affinity"]["podAntiAffinity"]
    spread = wanted["preferredDuringSchedulingIgnoredDuringExecution"]
    assert {one["podAffinityTerm"]["topologyKey"]: one["weight"] for one in spread} == {
        "kubernetes.io/hostname": 100,
        "topology.kubernetes.io/zone": 100,
    }
    for one in spread:
        keys = one["podAffinityTerm"]["matchLabelKeys"]
        assert keys == [NAME, "pod-template-hash"], "its own pods, of a version"


@pytest.mark.parametrize("service", SERVICES)
def test_a_pod_has_the_time_to_stop_that_its_server_takes(service: str) -> None:
    pause_s = container(service)["lifecycle"]["preStop"]["sleep"]["seconds"]
    answers_s = options(CommonSettings())["timeout_graceful_shutdown"]
    period_s = pod(service)["terminationGracePeriodSeconds"]
    assert pause_s >= 5, "the ingress has to learn first that it goes"
    assert period_s >= pause_s + answers_s + REST_OF_STOP_S


@pytest.mark.parametrize("folder", ["overlays/example", "components/cameras"])
def test_a_service_leaves_idle_connections_open_for_longer_than_the_ingress_uses_them(
    folder: str,
) -> None:
    text = (ROOT / "deploy" / "k8s" / folder / "ingress.yaml").read_text()
    assert "kind: Ingress" in text
    assert "keepalive" not in text, "then this test has to read it"
    assert options(CommonSettings())["timeout_keep_alive"] >= INGRESS_KEEPS_S + 5


def all_pods() -> dict[str, dict[str, Any]]:
    """Return the pod's spec of each Deployment, Job and CronJob of the overlay."""
    found = {name: pod(name) for name in SERVICES}
    for name, one in of_kind("Job").items():
        found[name] = one["spec"]["template"]["spec"]
    for name, one in of_kind("CronJob").items():
        found[name] = one["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    return found


def test_what_people_and_cameras_wait_for_is_placed_before_what_can_wait() -> None:
    classes = {name: one["value"] for name, one in of_kind("PriorityClass").items()}
    assert classes["plateward-first"] > classes["plateward-later"] > 0
    assert max(classes.values()) < 1_000_000_000, "the cluster's own pods come first"
    later = {n for n, spec in all_pods().items() if spec["priorityClassName"] == "plateward-later"}
    assert later == {"recognition", "topics", "trim", "operator"}
    first = {n for n, spec in all_pods().items() if spec["priorityClassName"] == "plateward-first"}
    assert first | later == set(all_pods())


FACTORS = {"m": 0.001, "Mi": 2.0**20, "Gi": 2.0**30}


def amount(text: str) -> float:
    """Return a quantity of Kubernetes as a number: cores or bytes."""
    number, unit = re.fullmatch(r"(\d+)(m|Mi|Gi)?", str(text)).groups()  # type: ignore[union-attr]
    return int(number) * FACTORS.get(unit, 1)


def needed() -> dict[str, float]:
    """Return what all pods of the overlay use together, scaled to the most and one more of each at a roll-out."""
    scalers = of_kind("HorizontalPodAutoscaler")
    total = dict.fromkeys(("pods", "requests.cpu", "requests.memory", "limits.memory"), 0.0)
    for name, spec in all_pods().items():
        count = 1
        if name in SERVICES:
            most = scalers[name]["spec"]["maxReplicas"] if name in scalers else 2
            count = most + 1
        [asked] = spec["containers"]
        total["pods"] += count
        for kind, resource in (("requests", "cpu"), ("requests", "memory"), ("limits", "memory")):
            total[f"{kind}.{resource}"] += count * amount(asked["resources"][kind][resource])
    return total


def test_a_pod_may_use_the_disk_that_its_folders_and_its_log_take() -> None:
    for name, spec in all_pods().items():
        folders = [v["emptyDir"]["sizeLimit"] for v in spec["volumes"] if "emptyDir" in v]
        assert folders, name
        limits = [c["resources"]["limits"]["ephemeral-storage"] for c in spec["containers"]]
        assert sum(map(amount, limits)) >= sum(map(amount, folders)) + LOGS, name


def test_the_quota_fits_all_pods_that_the_scalers_may_start_and_little_more() -> None:
    spec = of_kind("ResourceQuota")["plateward"]["spec"]
    [scope] = spec["scopeSelector"]["matchExpressions"]
    assert scope["scopeName"] == "PriorityClass", "pods of the stores are not counted"
    assert set(scope["values"]) == set(of_kind("PriorityClass"))
    hard = {name: amount(text) for name, text in spec["hard"].items()}
    assert set(hard) == set(needed())
    for name, least in needed().items():
        assert least <= hard[name] <= 1.2 * least, f"{name}: {least} are needed"


def test_containers_that_name_no_requests_get_some_and_no_limit() -> None:
    [limit] = of_kind("LimitRange")["plateward"]["spec"]["limits"]
    assert limit == {"type": "Container", "defaultRequest": {"cpu": "100m", "memory": "256Mi"}}


def test_a_person_replays_dead_letters_in_a_pod_that_has_no_other_right() -> None:
    spec = of_kind("CronJob")["operator"]["spec"]
    assert spec["suspend"] is True, "a person starts it"
    made = spec["jobTemplate"]["spec"]
    inside = made["template"]["spec"]
    [operator] = inside["containers"]
    assert operator["env"] == [{"name": "KAFKA_SASL_USERNAME", "value": "kafka-operator"}]
    secrets = {
        source["secret"]["name"]
        for volume in inside["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
    }
    assert secrets == {"plateward-cluster-ca-cert", "kafka-operator"}
    assert operator["command"][0] == "sleep"
    assert int(operator["command"][1]) < made["activeDeadlineSeconds"] <= 3600
    assert operator["securityContext"] == container("ingest")["securityContext"]
    assert inside["securityContext"] == pod("ingest")["securityContext"]
    assert made["template"]["metadata"]["labels"][PART_OF] == "plateward", "policies go by it"


def test_the_example_departments_policy_is_the_one_that_is_tested() -> None:
    assert (OVERLAY / "policy.toml").read_text() == (ROOT / "policy.toml").read_text()
