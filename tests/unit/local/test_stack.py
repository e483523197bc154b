"""The settings that the embedded stack refuses before it starts any process."""

from pathlib import Path

import pytest

from local.stack.process import LocalError
from local.stack.schema import make_tables
from local.stack.stack import Stack


@pytest.mark.parametrize("protocol", ["SSL", "SASL_SSL", "SASL_PLAINTEXT"])
def test_tls_and_logins_need_an_external_kafka(tmp_path: Path, protocol: str) -> None:
    asked = {"KAFKA_SECURITY_PROTOCOL": protocol}
    with pytest.raises(LocalError, match=f"KAFKA_SECURITY_PROTOCOL={protocol} needs KAFKA_BOOTS"):
        Stack(tmp_path, environment=asked)
    Stack(tmp_path, environment={**asked, "KAFKA_BOOTSTRAP": "kafka.example.org:9093"})


def test_principals_of_services_need_processes_of_their_own(tmp_path: Path) -> None:
    asked = {
        "KAFKA_BOOTSTRAP": "kafka.example.org:9093",
        "KAFKA_CERTIFICATE_FILE": "/keys/{service}.pem",
    }
    with pytest.raises(LocalError, match="needs a process for each service"):
        Stack(tmp_path, environment=asked)
    Stack(tmp_path, environment=asked, separate=True)


def test_the_built_in_broker_needs_no_kafka_settings(tmp_path: Path) -> None:
    Stack(tmp_path, environment={})
    Stack(tmp_path, environment={"KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"})


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"DATABASE_OWNER_URL": "postgresql://x:hunter2@127.0.0.1/x"}, "name one role"),
        ({"DATABASE_OWNER_URL": "hunter2"}, "DATABASE_OWNER_URL must have the form"),
        ({"DATABASE_OWNER_URL": "postgresql://y:hunter2@db.example.org/x"}, "DATABASE_CA_FILE"),
    ],
)
async def test_an_invalid_owner_url_is_refused_by_name(given: dict[str, str], fault: str) -> None:
    environment = {"DATABASE_URL": "postgresql://x:hunter2@127.0.0.1/x", **given}
    with pytest.raises(LocalError, match=fault) as refused:
        await make_tables(["audit"], environment)
    assert "hunter2" not in str(refused.value)


async def test_without_an_owner_url_no_tables_are_made_at_start() -> None:
    await make_tables(
        ["audit"],
        {"DATABASE_URL": "postgresql://x@db.example.org/x", "DATABASE_ALLOW_UNVERIFIED": "true"},
    )
