"""docker-compose.yml: valid, closed but for one door, and each container with no more than it needs."""

import errno
import re
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import yaml
from compose_spec import PyCompose
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509 import load_pem_x509_certificate
from fastapi import FastAPI
from pydantic import SecretStr

from deploy.compose.make_env import NEEDED, complete
from deploy.compose.make_tls import complete as draw
from deploy.kafka.run import AUTHORIZER
from deploy.objects.gateway import VERSION
from local.stack.ed25519 import public_key, sign
from local.stack.key_material import CERTIFIED, ROOT_FILE, RootMissing, signing_key
from local.stack.keys import UNDER_THE_ROOT
from local.stack.postgres import _SETTINGS as EMBEDDED
from local.stack.postgres import ROLE, role_of
from local.stack.services import APIS, PAGES, WORKERS
from services.hotlist.settings import NoticeSettings
from shared.core.certificates import Roots, Trust, signer
from shared.kafka.acls import principals
from shared.kafka.settings import KafkaSettings
from shared.objects.rights import RIGHTS, user_of
from shared.postgres.settings import DatabaseSettings
from shared.service.serve import options
from shared.service.settings import CommonSettings
from shared.service.trace_settings import TraceSettings
from tests.deploy.manifests import REST_OF_STOP_S
from tests.deploy.reading import (
    OTHERS_READ,
    ROOT,
    SERVICES,
    compose,
    environment_names,
    interpolated,
)

CONTAINERS = sorted(compose()["services"])
ROOTS = "volumes"
"""The container that prepares the volumes and ends; it alone starts as root."""

ALONE = {ROOTS, "keys"}
"""The containers that end and have no network."""

TABLES = {f"{service}-tables" for service in APIS}
"""The containers that make a service's tables and end; they reach the database."""

TOOLS = {"topics": "topics", "dead-letters": "operator"}
"""The containers that run a command on Kafka and end, and the principal of each."""

USERS = "objects-users"
"""The container that creates the object store's users and their rights."""

TRIM = "trim"
"""The container that deletes from Kafka, again and again, the records that every consumer has read."""

MONITORING = {"prometheus", "alertmanager", "collector", "grafana", "host-disks"}
"""The containers of the profile `observability`."""

ONCE = ALONE | TABLES | {*TOOLS, USERS}
"""The containers that end."""


def container(name: str) -> dict[str, Any]:
    found = compose()["services"][name]
    assert isinstance(found, dict)
    return found


def parsed(document: dict[str, Any]) -> PyCompose:
    return PyCompose.from_yaml(yaml.safe_dump(document))


def test_the_compose_file_is_valid_by_its_specification() -> None:
    file = parsed(compose())
    assert set(file.service_names()) >= set(SERVICES)
    for check in (
        file.validate_configs,
        file.validate_networks,
        file.validate_secrets,
        file.validate_volumes,
    ):
        check()


@pytest.mark.parametrize(
    ("key", "value"), [("port", ["1:1"]), ("healthcheck", {"test": ["CMD", "x"], "interval": "a"})]
)
def test_the_validation_refuses_what_is_not_in_the_specification(key: str, value: Any) -> None:
    broken = {**compose(), "services": {"it": {"image": "it", key: value}}}
    with pytest.raises(ValueError, match=rf"services\.it\.{key}|extension key `{key}`"):
        parsed(broken)


def test_every_service_and_what_it_needs_has_a_container() -> None:
    assert set(CONTAINERS) == {
        *SERVICES,
        "kafka",
        "postgres",
        "objects",
        "proxy",
        TRIM,
        *ONCE,
        *MONITORING,
    }


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_gets_only_settings_that_it_reads_and_all_that_it_requires(service: str) -> None:
    given = set(container(service)["environment"])
    known, required = environment_names(service)
    assert given - OTHERS_READ <= known
    assert required <= given


@pytest.mark.parametrize("service", APIS)
def test_a_service_knows_its_prefix_at_the_proxy(service: str) -> None:
    assert container(service)["environment"]["ROOT_PATH"] == f"/{service}"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_built_from_its_own_source_alone(service: str) -> None:
    build = container(service)["build"]
    assert build["args"] == {"SERVICE": service}
    assert build["dockerfile"] == "deploy/Dockerfile"
    assert container(service)["image"] == f"plateward/{service}"


@pytest.mark.parametrize("name", CONTAINERS)
def test_no_container_keeps_a_capability_that_it_does_not_use(name: str) -> None:
    allowed = {"proxy": ["NET_BIND_SERVICE"], ROOTS: ["CHOWN"]}
    assert container(name)["cap_drop"] == ["ALL"]
    assert container(name).get("cap_add", []) == allowed.get(name, [])
    assert container(name)["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "devices", "pid", "ipc"} & set(container(name))


@pytest.mark.parametrize("name", sorted({*CONTAINERS} - {ROOTS, "kafka"}))
def test_a_container_is_not_root_and_cannot_change_its_own_files(name: str) -> None:
    # Kafka's image writes its configuration at start, as its own unprivileged user.
    assert container(name)["user"] in {"65532:65532", "postgres"}
    assert container(name)["read_only"] is True


@pytest.mark.parametrize("name", sorted(ONCE))
def test_a_one_shot_container_has_minimal_network_and_does_not_restart(
    name: str,
) -> None:
    assert container(name).get("network_mode") == ("none" if name in ALONE else None)
    assert container(name).get("networks") == (None if name in ALONE else ["data"])
    assert container(name)["restart"] == "no"
    assert container(name)["read_only"] is True


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_has_limits(name: str) -> None:
    assert set(container(name)["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}


@pytest.mark.parametrize("name", sorted({*CONTAINERS} - ONCE))
def test_a_container_has_a_healthcheck_and_restarts(name: str) -> None:
    assert container(name)["healthcheck"]["test"][0] == "CMD"
    assert container(name)["restart"] == "unless-stopped"


def test_the_console_reaches_the_services_it_asks_and_no_data_store() -> None:
    console = container("console")
    asked = {n: v for n, v in console["environment"].items() if n.endswith("_URL")}
    assert asked == {f"CONSOLE_{name.upper()}_URL": f"http://{name}:8000" for name in APIS}
    assert not {n for n in console["environment"] if n.startswith(("AWS_", "KAFKA_", "DATABASE_"))}
    assert console["networks"] == ["edge"]
    assert console["depends_on"] == {"identity": {"condition": "service_healthy"}}


@pytest.mark.parametrize("service", sorted({*SERVICES} - {*PAGES}))
def test_a_service_starts_after_its_dependencies(service: str) -> None:
    waits = {name: how["condition"] for name, how in container(service)["depends_on"].items()}
    ended = ["topics"]
    ended += [f"{service}-tables"] if service in APIS else []
    ended += [USERS] if service in RIGHTS else []
    made = dict.fromkeys(ended, "service_completed_successfully")
    assert waits == {"kafka": "service_healthy", **made}


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_has_the_time_to_stop_that_its_server_takes(service: str) -> None:
    answers_s = options(CommonSettings())["timeout_graceful_shutdown"]
    period_s = int(container(service)["stop_grace_period"].removesuffix("s"))
    assert period_s >= answers_s + REST_OF_STOP_S


def test_each_service_with_object_store_rights_has_its_own_key_and_others_have_no_key() -> None:
    document = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    for service in SERVICES:
        told = container(service)["environment"]
        assert (told.get("AWS_ACCESS_KEY_ID") == user_of(service)) == (service in RIGHTS)
        assert any(name.startswith(("AWS_", "OBJECT_")) for name in told) == (service in RIGHTS)
        secret = f"${{OBJECTS_SECRET_{service.upper()}"
        told = {n for n, c in document["services"].items() if secret in str(c.get("environment"))}
        assert told == ({service, USERS} if service in RIGHTS else set())


def test_only_the_object_store_and_its_user_setup_get_the_root_key() -> None:
    document = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    secret = "${PLATEWARD_OBJECTS_SECRET"
    told = {n for n, c in document["services"].items() if secret in str(c.get("environment"))}
    assert told == {"objects", USERS}
    assert container(USERS)["command"] == ["python", "-m", "shared.objects.setup"]
    command = container("objects")["command"]
    assert command[command.index("--iam-dir") + 1] == "/iam", "without it there is the root alone"
    assert {"objects:/objects", "objects-iam:/iam"} == set(container("objects")["volumes"])


@pytest.mark.parametrize("service", APIS)
def test_the_tables_are_made_by_the_services_image_as_their_owner(service: str) -> None:
    made = container(f"{service}-tables")
    assert (made["image"], made["build"]) == tuple(
        container(service)[k] for k in ("image", "build")
    )
    assert made["command"][-1] == 'exec python -m "services.$$SERVICE" migrate'
    assert made["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    told = {name.lower(): v for name, v in made["environment"].items()}
    assert set(told) == {"database_url", "database_owner_url", "database_allow_unverified"}
    settings = DatabaseSettings.model_validate(told)
    owner = settings.database_owner_link()
    assert owner is not None
    assert (owner.role, settings.database_link().role) == (ROLE, role_of(service))
    assert settings.database_url == container(service)["environment"]["DATABASE_URL"]


def test_only_a_service_its_table_setup_and_postgres_get_its_password() -> None:
    document = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    for service in APIS:
        secret = f"${{PLATEWARD_{service.upper()}_PASSWORD"
        told = {n for n, c in document["services"].items() if secret in str(c.get("environment"))}
        assert told == {service, f"{service}-tables", "postgres"}


def test_postgres_gets_a_password_for_each_role_that_it_creates() -> None:
    sql = (ROOT / "deploy" / "postgres" / "roles.sql").read_text()
    read = set(re.findall(r"^\\getenv \w+ (\w+)$", sql, re.MULTILINE))
    assert read == {f"PLATEWARD_{name.upper()}_PASSWORD" for name in ("database", *APIS)}
    assert read <= set(container("postgres")["environment"])
    assert set(re.findall(r"'(plateward_\w+)'", sql)) - {"plateward_services"} == set(
        map(role_of, APIS)
    )


def test_postgres_gets_an_encoding_with_its_locale() -> None:
    given = container("postgres")["environment"]["POSTGRES_INITDB_ARGS"].split()
    assert "--encoding=UTF8" in given, "--locale=C alone makes SQL_ASCII, which C.UTF-8 refuses"


def test_only_the_table_setup_and_postgres_get_the_owners_password() -> None:
    secret = "${PLATEWARD_DATABASE_PASSWORD"
    text = (ROOT / "docker-compose.yml").read_text()
    document = yaml.safe_load(text)
    told = {n for n, c in document["services"].items() if secret in str(c.get("environment"))}
    assert told == {*TABLES, "postgres"}


def test_recognition_cannot_reach_the_database_and_fits_its_limits() -> None:
    recognition = container("recognition")
    assert "DATABASE_URL" not in recognition["environment"]
    limits = recognition["deploy"]["resources"]["limits"]
    workers = int(recognition["environment"]["RECOGNITION_WORKERS"])
    assert workers <= float(limits["cpus"])
    assert workers * 0.6 < float(limits["memory"].removesuffix("G"))


def test_only_the_proxy_and_dashboards_publish_ports_and_only_on_localhost() -> None:
    doors = {name: container(name)["ports"] for name in CONTAINERS if "ports" in container(name)}
    assert set(doors) == {"proxy", "grafana"}
    assert all(port.startswith("127.0.0.1:") for ports in doors.values() for port in ports)


def test_observability_is_a_profile_that_no_other_container_needs() -> None:
    profiles = {name: container(name).get("profiles") for name in CONTAINERS}
    chosen = {name for name, found in profiles.items() if found == ["observability"]}
    assert chosen == MONITORING
    for name in {*CONTAINERS} - MONITORING:
        assert not MONITORING & set(container(name).get("depends_on", []))


def test_prometheus_scrapes_each_service_with_metrics_and_watches_by_the_tested_rules() -> None:
    given = yaml.safe_load((ROOT / "deploy" / "observability" / "prometheus.yaml").read_text())
    jobs = {job["job_name"]: job["static_configs"] for job in given["scrape_configs"]}
    scraped = {one["labels"]["app"]: one["targets"] for one in jobs["plateward"]}
    assert scraped == {name: [f"{name}:8000"] for name in (*APIS, *WORKERS)}
    prometheus = set(container("prometheus")["networks"])
    for name in (*scraped, "alertmanager", "host-disks"):
        assert prometheus & set(container(name)["networks"])
    mounted = {c["target"]: c["source"] for c in container("prometheus")["configs"]}
    [rules] = given["rule_files"]
    assert compose()["configs"][mounted[rules]]["file"] == "./deploy/observability/rules.yaml"


def test_every_service_can_send_its_spans_to_the_collector_and_does_so_only_if_it_is_named() -> (
    None
):
    given = yaml.safe_load((ROOT / "deploy" / "observability" / "collector.yaml").read_text())
    port = given["receivers"]["otlp"]["protocols"]["http"]["endpoint"].rpartition(":")[2]
    assert f"http://collector:{port}" in (ROOT / "docker-compose.yml").read_text()
    collector = container("collector")
    for service in SERVICES:
        read = {name.lower(): v for name, v in container(service)["environment"].items()}
        settings = TraceSettings.model_validate(read)
        assert settings.otel_exporter_otlp_endpoint is None
        assert settings.traces_ratio == 0.01
        assert read["log_format"] == "json"
        assert {*collector["networks"]} & {*container(service)["networks"]}
    [pipeline] = given["service"]["pipelines"].values()
    [path] = [given["exporters"][name]["path"] for name in pipeline["exporters"]]
    assert collector["volumes"] == [f"traces:{Path(path).parent}"]
    assert {name for kind in pipeline for name in pipeline[kind]} == {
        name for kind in pipeline for name in given[kind]
    }


def test_only_the_disks_of_the_host_are_seen_and_nothing_of_it_is_written() -> None:
    disks = container("host-disks")
    assert disks["volumes"] == ["/:/host:ro"]
    collectors = {one for one in disks["command"] if "=" not in one}
    assert collectors == {"--collector.disable-defaults", "--collector.filesystem"}
    assert disks["networks"] == ["monitoring"]
    assert compose()["networks"]["monitoring"]["internal"] is True


def test_grafana_finds_its_source_and_every_dashboard() -> None:
    mounted = {c["target"]: c["source"] for c in container("grafana")["configs"]}
    files = {ROOT / compose()["configs"][source]["file"] for source in mounted.values()}
    dashboards = ROOT / "deploy" / "observability" / "dashboards"
    assert {path for path in files if path.suffix == ".json"} == {*dashboards.glob("*.json")}
    folder = ROOT / "deploy" / "observability" / "grafana"
    [source] = yaml.safe_load((folder / "sources.yaml").read_text())["datasources"]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    [provider] = yaml.safe_load((folder / "dashboards.yaml").read_text())["providers"]
    provided = {one for one in mounted if one.startswith(provider["options"]["path"])}
    assert len(provided) == len([*dashboards.glob("*.json")])


def test_kafka_accepts_only_tls_with_a_client_certificate() -> None:
    given = container("kafka")["environment"]
    protocols = dict(p.split(":") for p in given["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(","))
    bound = dict(listener.split("://") for listener in given["KAFKA_LISTENERS"].split(","))
    assert set(bound) == set(protocols)
    assert set(protocols.values()) == {"SSL"}
    assert bound["CONTROLLER"] == "127.0.0.1:9093", "it stays in the container"
    assert given["KAFKA_SSL_CLIENT_AUTH"] == "required"
    for service in (*APIS, *WORKERS):
        assert container(service)["environment"]["KAFKA_SECURITY_PROTOCOL"] == "SSL"


def test_each_private_key_is_mounted_only_where_it_is_used_and_generated_in_one_place() -> None:
    mounts = {
        name: [m for m in container(name).get("volumes", []) if str(m).startswith("kafka-")]
        for name in CONTAINERS
    }
    drawn = [f"kafka-{name}:/kafka/{name}" for name in ("broker", *sorted(principals()))]
    assert {name: found for name, found in mounts.items() if found} == {
        **{s: [f"kafka-{s}:/etc/plateward-kafka:ro"] for s in (*APIS, *WORKERS)},
        **{n: [f"kafka-{p}:/etc/plateward-kafka:ro"] for n, p in {**TOOLS, TRIM: TRIM}.items()},
        "kafka": ["kafka-broker:/etc/kafka/tls:ro"],
        ROOTS: drawn,
        "keys": drawn,
    }
    assert container("keys")["command"] == [m.partition(":")[2] for m in drawn]
    waits = {n: h["condition"] for n, h in container("kafka")["depends_on"].items()}
    assert waits == {"keys": "service_completed_successfully"}
    assert "environment" not in container("keys")


@pytest.mark.clause("wall/kafka")
def test_kafka_enforces_acls_with_the_configured_authorizer() -> None:
    given = container("kafka")["environment"]
    properties = {
        name.removeprefix("KAFKA_").lower().replace("_", "."): value
        for name, value in given.items()
    }
    assert AUTHORIZER.items() <= properties.items()


def test_the_kafka_commands_get_only_kafka_settings() -> None:
    for name in TOOLS:
        assert all(given.startswith("KAFKA_") for given in container(name)["environment"])
    assert container("topics")["command"][1:] == ["-m", "shared.kafka.topics_admin", "ensure"]
    assert container("dead-letters")["profiles"] == ["operator"], "a person runs it"


@pytest.mark.clause("468.5/schedule")
def test_kafka_is_trimmed_every_few_minutes_for_as_long_as_it_runs() -> None:
    trim = container(TRIM)
    command = ["python", "-m", "shared.kafka.topics_admin", "trim", "--every", "300"]
    assert trim["command"] == [*command, "--touch", "/tmp/trimmed"]
    assert trim["restart"] == "unless-stopped"
    assert "profiles" not in trim
    given = set(trim["environment"]) - {"POLICY_FILE"}
    assert given
    assert all(name.startswith("KAFKA_") for name in given)
    assert trim["networks"] == ["data"]


@pytest.mark.parametrize("service", [*APIS, *WORKERS])
def test_a_services_kafka_file_settings_name_the_generated_files(
    service: str, tmp_path: Path
) -> None:
    broker, *clients = folders(tmp_path)
    client = tmp_path / service
    assert draw(broker, *clients) is True
    told = container(service)["environment"]
    files = {Path(told[name]) for name in told if re.fullmatch(r"KAFKA_.+_FILE", name)}
    assert files == {Path("/etc/plateward-kafka") / path.name for path in client.iterdir()}
    here = {
        name.lower(): v.replace("/etc/plateward-kafka", str(client)) for name, v in told.items()
    }
    assert KafkaSettings.model_validate(here).kafka_by_tls
    shown = load_pem_x509_certificate((client / "client.pem").read_bytes())
    assert shown.subject.rfc4514_string() == f"CN={service}", "this is who Kafka takes it for"
    kafkas = container("kafka")["environment"]
    stores = {Path(kafkas[name]) for name in kafkas if name.endswith("STORE_LOCATION")}
    assert stores == {Path("/etc/kafka/tls") / path.name for path in broker.iterdir()}


def folders(parent: Path) -> list[Path]:
    """Return the broker's folder, then one for each that Kafka knows."""
    made = [parent / name for name in ("broker", *principals())]
    for folder in made:
        folder.mkdir()
    return made


@pytest.mark.parametrize("service", [*APIS, *WORKERS, *PAGES])
def test_a_service_uses_the_database_address_from_its_environment(service: str) -> None:
    told = {name.lower(): v for name, v in container(service)["environment"].items()}
    link = DatabaseSettings.model_validate(told).database_link()
    assert link.url.host == ("postgres" if service in APIS else "127.0.0.1")
    stays = compose()["networks"]["data"]["internal"] and container("postgres")["networks"]
    assert stays == ["data"], "what is not encrypted does not leave the host"


def contents(parent: Path) -> dict[str, bytes]:
    found = parent.rglob("*.*")
    return {p.relative_to(parent).as_posix(): p.read_bytes() for p in found}


def test_certificates_are_generated_once_and_the_signers_key_is_not_stored(tmp_path: Path) -> None:
    drawn = folders(tmp_path)
    assert draw(*drawn) is True
    first = contents(tmp_path)
    assert draw(*drawn) is False
    assert first == contents(tmp_path)
    signer = load_pem_x509_certificate(first["broker/ca.pem"])
    shown = [name for name in first if name.endswith(("broker.pem", "client.pem"))]
    assert len(shown) == len(drawn)
    for name in shown:
        one = load_pem_x509_certificate(first[name][first[name].index(b"-----BEGIN CERT") :])
        one.verify_directly_issued_by(signer)
    keys = [content for content in first.values() if b"PRIVATE KEY" in content]
    assert len(keys) == len(drawn)
    public = {
        load_pem_private_key(key, None)
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for key in keys
    }
    assert len(public) == len(drawn), "two of them share a key"
    of_signer = signer.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert of_signer not in public


@pytest.mark.parametrize("lost", ["broker/broker.pem", "ingest/client.pem", "audit/client.key"])
def test_an_incomplete_set_of_certificates_is_generated_again(tmp_path: Path, lost: str) -> None:
    """A drawing broke off, or a service is new: the signer's key no longer exists."""
    drawn = folders(tmp_path)
    draw(*drawn)
    before = (tmp_path / "hotlist" / "ca.pem").read_bytes()
    (tmp_path / lost).unlink()
    assert draw(*drawn) is True
    assert (tmp_path / "hotlist" / "ca.pem").read_bytes() != before
    assert draw(*drawn) is False


def test_data_stores_and_recognition_are_on_an_internal_network() -> None:
    assert compose()["networks"]["data"]["internal"] is True
    for name in ("kafka", "postgres", "objects", "recognition"):
        assert container(name)["networks"] == ["data"]


def test_only_named_containers_reach_the_outside() -> None:
    networks = compose()["networks"]
    ways_out = {name for name, how in networks.items() if not (how or {}).get("internal")}
    reached = {
        name: sorted(ways_out & set(container(name).get("networks", []))) for name in CONTAINERS
    }
    assert {name: ways for name, ways in reached.items() if ways} == {
        "alertmanager": ["alerts"],
        "audit": ["mail", "notices"],
        "collector": ["traces"],
        "grafana": ["dashboards"],
        "identity": ["mail"],
        "proxy": ["outside"],
    }
    assert container("proxy")["networks"] == ["edge", "outside"]


def test_announcements_open_a_way_out_for_hotlist_alone_where_a_department_wants_them() -> None:
    override = yaml.safe_load((ROOT / "deploy/compose/announcements.yaml").read_text())
    assert override["networks"] == {"announcements": None}
    [(name, how)] = override["services"].items()
    assert (name, how["networks"]) == ("hotlist", ["announcements"])
    addresses = set(NoticeSettings.model_fields) - set(DatabaseSettings.model_fields)
    given = {one.lower() for one in how["environment"]}
    assert given == {one for one in addresses if one != "hotlist_notice_hours"}


def test_the_volume_setup_container_does_not_change_owners_recursively() -> None:
    """It may only change owners: a second start would end at Caddy's closed folders."""
    [command] = container(ROOTS)["command"]
    assert "chown 65532:65532 " in command
    assert not re.search(r"chown\s+-\w*R", command)


FOLDERS = {
    "proxy": "/data",
    "prometheus": "/prometheus",
    "alertmanager": "/alertmanager",
    "grafana": "/var/lib/grafana",
}
"""By container, the folder of its public image where a volume comes; the image's is another user's."""


@pytest.mark.parametrize(("name", "folder"), FOLDERS.items())
def test_no_folder_of_an_image_replaces_the_owner_of_an_empty_volume(
    name: str, folder: str
) -> None:
    [mount] = container(name)["volumes"]
    assert (mount["target"], mount["volume"]) == (folder, {"nocopy": True})
    assert f"{mount['source']}:" in " ".join(map(str, container(ROOTS)["volumes"]))


def test_the_proxy_serves_every_api_but_neither_health_nor_metrics() -> None:
    text = (ROOT / "deploy" / "compose" / "Caddyfile").read_text()
    assert re.findall(r"^\timport service (\w+)$", text, re.MULTILINE) == list(APIS)
    [paths] = re.findall(r"^\t@\{args\[0\]\} path (.+)$", text, re.MULTILINE)
    assert paths.split() == [f"/{{args[0]}}/{end}" for end in ("v1/*", "docs", "openapi.json")]


@pytest.mark.parametrize(
    "name", sorted({*CONTAINERS} - {*SERVICES, *TABLES, *TOOLS, TRIM, "keys", USERS})
)
def test_third_party_images_have_a_pinned_version(name: str) -> None:
    _, _, tag = container(name)["image"].partition(":")
    assert tag not in {"", "latest"}


def test_servers_have_the_versions_that_the_tests_use() -> None:
    pom = (ROOT / "deploy" / "kafka" / "pom.xml").read_text()
    [kafka] = re.findall(r"kafka_2\.13</artifactId>\s*<version>([\d.]+)<", pom)
    assert container("kafka")["image"] == f"apache/kafka:{kafka}"
    assert container("postgres")["image"] == "postgres:17"
    assert container("objects")["image"] == f"versity/versitygw:{VERSION}"


def test_postgres_logs_no_statements_or_values() -> None:
    here = dict(o.removeprefix("-c").split("=") for o in container("postgres")["command"][1:])
    silent = {name: value for name, value in EMBEDDED.items() if name.startswith("log_")}
    del silent["log_timezone"]
    assert silent
    assert silent.items() <= here.items()


@pytest.mark.parametrize(
    "name", ["max_wal_size", "checkpoint_timeout", "default_toast_compression"]
)
def test_postgres_is_set_as_the_page_on_sizes_recommends(name: str) -> None:
    here = dict(o.removeprefix("-c").split("=") for o in container("postgres")["command"][1:])
    page = (ROOT / "docs" / "sizing.md").read_text()
    row = re.search(rf"^\| `{name}` \| ([^|]+) \|", page, re.MULTILINE)
    assert row is not None
    assert here[name] == row[1].replace(" ", "")


def test_mounted_config_files_exist() -> None:
    for config in compose()["configs"].values():
        assert (ROOT / config["file"]).is_file()
    mounted = {c["source"] for name in CONTAINERS for c in container(name).get("configs", [])}
    assert mounted == set(compose()["configs"])


def test_the_compose_file_contains_no_secret() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for line in text.splitlines():
        name, _, value = line.strip().partition(": ")
        if re.search(r"PASSWORD|SECRET|ENCRYPTION|SIGNING", name):
            assert value.startswith("${"), f"{name} is not taken from .env"


def test_secrets_are_generated_once_and_readable_only_by_their_owner(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    assert complete(file) == [*NEEDED, *UNDER_THE_ROOT]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    first = file.read_text()
    assert complete(file) == []
    assert file.read_text() == first
    values = [line.split("=", 1)[1] for line in first.splitlines()]
    assert len(set(values)) == len(NEEDED) + len(UNDER_THE_ROOT)
    assert all(len(value) >= 43 for value in values)
    assert len(values) == len(NEEDED) + len(UNDER_THE_ROOT), (
        "a value of several lines is written on one"
    )


def test_a_full_disk_leaves_the_secrets_that_were_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kept").mkdir()
    file = tmp_path / "kept" / ".env"
    complete(file)
    lines = file.read_text().splitlines(keepends=True)
    before = "".join(line for line in lines if not line.startswith("GRAFANA_PASSWORD="))
    file.write_text(before)
    (tmp_path / ".env").symlink_to(file)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            complete(tmp_path / ".env")
    assert file.read_text() == before
    assert complete(tmp_path / ".env") == ["GRAFANA_PASSWORD"]
    assert file.read_text().startswith(before)
    assert (tmp_path / ".env").is_symlink()


def test_the_generated_signing_key_is_an_ed25519_key() -> None:
    loaded = load_pem_private_key(signing_key().encode(), None)
    assert isinstance(loaded, Ed25519PrivateKey)
    assert signing_key() != signing_key()


def test_missing_values_are_added_to_an_older_env_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("SITE_ADDRESS=alpr.example.org\nPOSTGRES_PASSWORD=kept\n")
    assert "POSTGRES_PASSWORD" not in complete(file)
    assert file.read_text().startswith("SITE_ADDRESS=alpr.example.org\nPOSTGRES_PASSWORD=kept\n")


def test_the_generated_secrets_are_those_that_the_compose_file_requires() -> None:
    asked = interpolated((ROOT / "docker-compose.yml").read_text())
    assert asked == {*NEEDED, *UNDER_THE_ROOT}


def test_each_service_has_its_own_generated_password_object_key_and_mac_key() -> None:
    drawn = set(NEEDED)
    assert {name for name in drawn if name.endswith("__EVENT_MAC_KEY")} == {
        f"{service.upper()}__EVENT_MAC_KEY" for service in (*APIS, *WORKERS)
    }
    assert {f"PLATEWARD_{service.upper()}_PASSWORD" for service in APIS} <= drawn
    assert {name for name in drawn if name.startswith("OBJECTS_SECRET_")} == {
        f"OBJECTS_SECRET_{service.upper()}" for service in RIGHTS
    }


def env(file: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in file.read_text().splitlines())


@pytest.mark.parametrize("name", CERTIFIED)
def test_generated_keys_are_certified_by_the_generated_root(name: str, tmp_path: Path) -> None:
    complete(tmp_path / ".env")
    drawn = env(tmp_path / ".env")
    key, certificate = SecretStr(drawn[f"{name}_KEY"]), drawn[f"{name}_CERTIFICATE"]
    made = signer(key, certificate, drawn["ROOT_PUBLIC_KEYS"], CERTIFIED[name])
    trust = Trust(Roots.parse(drawn["ROOT_PUBLIC_KEYS"]))
    trust.check(certificate, CERTIFIED[name], datetime.now(UTC))
    signature = made.sign(b"a message")
    trust.verify(
        certificate, CERTIFIED[name], datetime.now(UTC), signature=signature, message=b"a message"
    )


def test_the_private_root_is_a_separate_file_that_no_container_gets(tmp_path: Path) -> None:
    complete(tmp_path / ".env")
    root = tmp_path / ROOT_FILE
    assert stat.S_IMODE(root.stat().st_mode) == 0o600
    assert root.read_text().strip() not in (tmp_path / ".env").read_text()
    assert ROOT_FILE not in (ROOT / "docker-compose.yml").read_text()
    assert ROOT_FILE in (ROOT / ".gitignore").read_text().splitlines()


def test_no_new_key_is_certified_while_the_root_is_offline(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    complete(file)
    (tmp_path / ROOT_FILE).unlink()
    assert complete(file) == []
    lines = file.read_text().splitlines()
    file.write_text("\n".join(line for line in lines if "ISSUER_CERT" not in line))
    with pytest.raises(RootMissing, match="IDENTITY_ISSUER"):
        complete(file)


@pytest.mark.parametrize("message", [b"", b"one", b"longer " * 40])
def test_the_hosts_ed25519_matches_the_librarys(message: bytes) -> None:
    for _ in range(5):
        key = Ed25519PrivateKey.generate()
        seed = key.private_bytes_raw()
        assert public_key(seed) == key.public_key().public_bytes_raw()
        assert sign(seed, message) == key.sign(message)


def test_a_bare_python_writes_the_env_file_as_the_readme_describes(tmp_path: Path) -> None:
    script = ROOT / "deploy" / "compose" / "make_env.py"
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(script)], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "kept offline" in done.stdout
    assert set(env(tmp_path / ".env")) == {*NEEDED, *UNDER_THE_ROOT}


def test_the_proxy_sends_no_request_to_a_service_that_is_not_ready():
    text = (ROOT / "deploy" / "compose" / "Caddyfile").read_text()
    blocks = re.findall(r"reverse_proxy \S+:8000 \{(.*?)\}", text, re.DOTALL)
    assert len(blocks) == text.count("reverse_proxy") == 2
    assert all("import health" in block for block in blocks)
    [health] = re.findall(r"^\(health\) \{(.*?)^\}", text, re.DOTALL | re.MULTILINE)
    assert "health_uri /readyz" in health


def test_a_service_leaves_idle_connections_open_for_longer_than_the_proxy_uses_them() -> None:
    text = (ROOT / "deploy" / "compose" / "Caddyfile").read_text()
    kept_min = [int(minutes) for minutes in re.findall(r"\bkeepalive (\d+)m$", text, re.MULTILINE)]
    assert len(kept_min) == text.count("keepalive") == 1, "in the snippet that both proxies import"
    server = uvicorn.Config(FastAPI(), **options(CommonSettings()))
    assert server.timeout_keep_alive >= 60 * max(kept_min) + 5


@pytest.mark.clause("wall/console-host")
def test_the_console_has_a_host_name_of_its_own_and_no_prefix() -> None:
    text = (ROOT / "deploy" / "compose" / "Caddyfile").read_text()
    sites = dict(re.findall(r"^\{\$(\w+):[\w.]+\} \{\n(.*?)^\}", text, re.DOTALL | re.MULTILINE))
    assert set(sites) == {"SITE_ADDRESS", "CONSOLE_ADDRESS"}
    assert "console:8000" in sites["CONSOLE_ADDRESS"]
    assert "console:8000" not in sites["SITE_ADDRESS"]
    assert not re.findall(r"import service|/v1", sites["CONSOLE_ADDRESS"])
    assert "ROOT_PATH" not in container("console")["environment"]
    told = container("proxy")["environment"]
    assert told["SITE_ADDRESS"] != told["CONSOLE_ADDRESS"]


@pytest.mark.clause("wall/console-host")
def test_an_env_file_with_a_public_name_gets_one_for_the_console(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("SITE_ADDRESS=alpr.example.org\n")
    assert "CONSOLE_ADDRESS" in complete(file)
    assert env(file)["CONSOLE_ADDRESS"] == "console.alpr.example.org"
    assert complete(file) == []
    other = tmp_path / "other.env"
    other.write_text("SITE_ADDRESS=alpr.example.org\nCONSOLE_ADDRESS=pages.example.org\n")
    complete(other)
    assert env(other)["CONSOLE_ADDRESS"] == "pages.example.org"
