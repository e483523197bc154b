"""deploy/k8s/overlays/operators: what the department asks of the operators of stores, certificates and secrets."""

from functools import cache
from typing import Any

import pytest
import yaml

from deploy.kafka.topics import FILE, topics
from services.retention.settings import Settings
from services.retention.workers.passes import SETS_AT_ONCE
from shared.core.policy import load_policy
from shared.kafka.acls import Operation, Resource, acls
from shared.kafka.topics import TOPICS
from shared.kafka.topics_wanted import MIN_INSYNC, copies_on, wanted
from tests.deploy.reading import OVERLAY, ROOT, built, of_kind

OPERATORS = OVERLAY.with_name("operators")
NAME = "app.kubernetes.io/name"


@cache
def asked() -> dict[tuple[str, str], dict[str, Any]]:
    """Return the resources of the overlay by kind and name."""
    found = {(r["kind"], r["metadata"]["name"]): r for r in built(OPERATORS)}
    assert ("Deployment", "identity") in found
    return found


def of(kind: str) -> dict[str, dict[str, Any]]:
    found = {name: one for (of_kind_, name), one in asked().items() if of_kind_ == kind}
    assert found, f"no {kind}: the walk is broken"
    return found


def test_the_topics_are_those_that_the_registry_derives_for_three_brokers() -> None:
    assert FILE.read_text() == topics(), "run `python -m deploy.kafka.topics`"
    made = {name: one["spec"] for name, one in of("KafkaTopic").items()}
    for topic in wanted(3):
        spec = made.pop(topic.name)
        assert (spec["partitions"], spec["replicas"]) == (topic.partitions, topic.copies)
        assert spec["config"] == dict(topic.configs)
    assert not made
    assert ("Job", "topics") not in asked(), "the operator makes them"


def test_an_acknowledged_record_is_on_two_of_three_brokers() -> None:
    copies, acknowledged = copies_on(3)
    pools = {name: one["spec"] for name, one in of("KafkaNodePool").items()}
    assert {name: (p["roles"], p["replicas"]) for name, p in pools.items()} == {
        "controllers": (["controller"], 3),
        "brokers": (["broker"], copies),
    }
    kafka = of("Kafka")["plateward"]["spec"]["kafka"]
    config = kafka["config"]
    assert config["default.replication.factor"] == copies
    assert config[MIN_INSYNC] == config["transaction.state.log.min.isr"] == acknowledged
    assert config["offsets.topic.replication.factor"] == copies
    assert config["auto.create.topics.enable"] is config["delete.topic.enable"] is False
    for pool in pools.values():
        assert all(not v["deleteClaim"] for v in pool["storage"]["volumes"]), "disks outlive it"
        assert set(pool["resources"]["requests"]) == {"cpu", "memory"}


def test_kafka_has_one_listener_by_tls_and_password_and_refuses_what_no_rule_allows() -> None:
    kafka = of("Kafka")["plateward"]["spec"]["kafka"]
    [listener] = kafka["listeners"]
    assert (listener["port"], listener["tls"]) == (9093, True)
    assert listener["authentication"] == {"type": "scram-sha-512"}
    assert kafka["authorization"] == {"type": "simple"}
    labels = [
        one["metadata"]["labels"]
        for kind in ("KafkaNodePool", "KafkaUser", "KafkaTopic")
        for one in of(kind).values()
    ]
    assert all(one["strimzi.io/cluster"] == "plateward" for one in labels)


def test_postgres_has_standbys_and_acknowledges_what_one_of_them_has() -> None:
    spec = of("Cluster")["plateward"]["spec"]
    assert spec["instances"] >= 3
    wait = spec["postgresql"]["synchronous"]
    assert (wait["method"], wait["dataDurability"]) == ("any", "required")
    assert 1 <= wait["number"] < spec["instances"] - 1, "one standby may be down"
    assert spec["affinity"]["podAntiAffinityType"] == "required"


def test_postgres_is_set_as_compose_sets_it() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    given = dict(
        word.removeprefix("-c").split("=")
        for word in compose["services"]["postgres"]["command"]
        if word.startswith("-c")
    )
    own = {"max_connections", "shared_buffers"}  # by the size of the installation
    parameters = of("Cluster")["plateward"]["spec"]["postgresql"]["parameters"]
    assert set(parameters) == set(given)
    assert {n: v for n, v in parameters.items() if n not in own} == {
        n: v for n, v in given.items() if n not in own
    }
    most = {
        name: one["spec"]["maxReplicas"]
        for name, one in of_kind("HorizontalPodAutoscaler").items()
        if name != "recognition"
    }
    pods = sum(most.values(), 2 * 3)  # identity, release, audit
    processes = Settings.model_fields["retention_pass_processes"].default
    votes = processes * 2 * SETS_AT_ONCE * most["retention"]
    assert int(parameters["max_connections"]) >= 10 * pods + votes + 20


def test_every_service_with_tables_has_its_role() -> None:
    spec = of("Cluster")["plateward"]["spec"]
    roles = {role["name"]: role for role in spec["managed"]["roles"]}
    jobs = [n.removeprefix("tables-") for n in of("Job") if n.startswith("tables-")]
    assert set(roles) == {f"plateward_{service}" for service in jobs}
    for service in jobs:
        role = roles[f"plateward_{service}"]
        assert role["passwordSecret"] == {"name": f"plateward-database-{service}"}
        assert set(role) == {"name", "ensure", "login", "passwordSecret"}, "no further right"
    made = spec["bootstrap"]["initdb"]
    assert (made["owner"], made["secret"]["name"]) == ("plateward", "plateward-database-owner")


def test_wal_and_a_nightly_backup_go_to_a_bucket_of_their_own() -> None:
    [plugin] = of("Cluster")["plateward"]["spec"]["plugins"]
    assert plugin["isWALArchiver"] is True
    store = of("ObjectStore")[plugin["parameters"]["barmanObjectName"]]["spec"]
    bucket = store["configuration"]["destinationPath"].split("/")[2]
    objects = [one["data"] for name, one in of("ConfigMap").items() if "objects" in name]
    assert bucket not in {data["OBJECT_STORE_URL"].split("/")[2] for data in objects}
    backup = of("ScheduledBackup")["plateward"]["spec"]
    assert len(backup["schedule"].split()) == 6, "its schedule has seconds"
    assert (backup["cluster"]["name"], backup["method"]) == ("plateward", "plugin")
    assert backup["pluginConfiguration"]["name"] == plugin["name"]


def test_no_base_backup_is_kept_for_longer_than_the_policy_keeps_backups() -> None:
    """Barman keeps what a recovery to any moment of the window needs: also the last base backup from before it."""
    policy = load_policy(OVERLAY / "policy.toml")
    [kept] = [one["spec"]["retentionPolicy"] for one in of("ObjectStore").values()]
    nightly = 1
    assert int(kept.removesuffix("d")) + nightly <= policy.retention.backups_days


def test_every_secret_that_no_operator_makes_comes_from_the_vault() -> None:
    wanted_secrets = set()
    for (kind, _), one in asked().items():
        if kind in {"Deployment", "Job", "CronJob", "Cluster", "ObjectStore", "Ingress"}:
            wanted_secrets |= set(named(one))
    made = {f"kafka-{name.removeprefix('kafka-')}" for name in of("KafkaUser")}
    made |= {"plateward-ca", "plateward-cluster-ca-cert"}
    made |= {one["spec"]["secretName"] for one in of("Certificate").values()}
    assert wanted_secrets - made == set(of("ExternalSecret"))


def named(document: Any) -> list[str]:
    """Return the names of the Secrets that a resource refers to, in whatever field."""
    found = []
    if isinstance(document, dict):
        for key, value in document.items():
            if (
                key
                in {"secretKeyRef", "secret", "passwordSecret", "accessKeyId", "secretAccessKey"}
                and "name" in value
            ):
                found.append(value["name"])
            elif key == "secretName":
                found.append(value)
            elif key.endswith("auth-tls-secret"):
                found.append(value.partition("/")[2])
            else:
                found += named(value)
    elif isinstance(document, list):
        for value in document:
            found += named(value)
    return found


def test_the_sites_certificate_names_every_host_of_an_ingress() -> None:
    hosts = {rule["host"] for one in of("Ingress").values() for rule in one["spec"]["rules"]}
    assert len(hosts) == 3
    certificate = of("Certificate")["plateward-tls"]["spec"]
    assert set(certificate["dnsNames"]) == hosts
    assert certificate["issuerRef"]["name"] in of("Issuer")


def test_cameras_post_to_a_host_of_their_own_with_limits_and_people_do_not() -> None:
    cameras, people = of("Ingress")["plateward-cameras"], of("Ingress")["plateward"]
    [rule], [theirs] = cameras["spec"]["rules"], people["spec"]["rules"]
    paths = {
        (p["path"], p["pathType"], p["backend"]["service"]["name"]) for p in rule["http"]["paths"]
    }
    assert paths == {
        ("/ingest/v1/captures", "Exact", "ingest"),
        ("/ingest/v1/reads", "Exact", "ingest"),
        ("/ingest/v1/makers", "Prefix", "ingest"),
    }
    left = [p["path"] for p in theirs["http"]["paths"] if p["path"].startswith("/ingest/v1")]
    assert left == ["/ingest/v1/devices"]
    told = {
        name.partition("/")[2]: text for name, text in cameras["metadata"]["annotations"].items()
    }
    assert int(told["limit-rps"]) > 0
    assert int(told["limit-connections"]) > 0
    assert told["auth-tls-verify-client"] == "optional"
    signer = of("Certificate")[told["auth-tls-secret"].partition("/")[2]]["spec"]
    assert signer["isCA"] is True


def test_recognition_scales_by_the_frames_that_wait_in_its_group() -> None:
    spec = of("ScaledObject")["recognition"]["spec"]
    assert "recognition" not in of("HorizontalPodAutoscaler"), "two scalers would fight"
    cpu, lag = spec["triggers"]
    assert (cpu["type"], lag["type"]) == ("cpu", "kafka")
    base = of_kind("HorizontalPodAutoscaler")["recognition"]["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (
        base["minReplicas"],
        base["maxReplicas"],
    )
    told = lag["metadata"]
    topic = TOPICS[told["topic"]]
    assert "recognition" in topic.workers
    assert spec["maxReplicaCount"] == topic.partitions
    readers = {
        a.name
        for a in acls()
        if a.principal == "recognition"
        and a.resource == Resource.GROUP
        and a.operation == Operation.READ
    }
    assert any(told["consumerGroup"].startswith(name) for name in readers)
    settings = [one["data"] for one in of("ConfigMap").values() if "KAFKA_BOOTSTRAP" in one["data"]]
    assert {data["KAFKA_BOOTSTRAP"] for data in settings} == {told["bootstrapServers"]}
    given = of("TriggerAuthentication")[lag["authenticationRef"]["name"]]["spec"]
    secrets = {(one["parameter"], one["name"], one["key"]) for one in given["secretTargetRef"]}
    assert ("password", "kafka-recognition", "password") in secrets
    assert ("ca", "plateward-cluster-ca-cert", "ca.crt") in secrets


@pytest.mark.parametrize("policy", ["allow-keda-into-kafka", "allow-acme"])
def test_what_an_operator_adds_is_opened_to_named_peers_and_ports(policy: str) -> None:
    [rule] = of("NetworkPolicy")[policy]["spec"]["ingress"]
    [peer] = rule["from"]
    assert peer["namespaceSelector"]["matchLabels"]
    assert peer["podSelector"]["matchLabels"]
    assert len(rule["ports"]) == 1
