"""The settings that the embedded stack refuses before it starts any process."""

from pathlib import Path

import pytest

from local.stack.process import LocalError
from local.stack.schema import make_tables
from local.stack.stack import Stack


@pytest.mark.parametrize("protocol", ["SSL", "SASL_SSL", "SASL_PLAINTEXT"])
def test_tls_and_logins_need_a_kafka_that_has_them(tmp_path: Path, protocol: str) -> None:
    asked = {"KAFKA_SECURITY_PROTOCOL": protocol}
    with pytest.raises(LocalError, match=f"KAFKA_SECURITY_PROTOCOL={protocol} needs KAFKA_BOOTS"):
        Stack(tmp_path, environment=asked)
    Stack(tmp_path, environment={**asked, "KAFKA_BOOTSTRAP": "kafka.example.org:9093"})


def test_its_own_broker_is_reached_as_before(tmp_path: Path) -> None:
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
async def test_an_owner_of_the_tables_that_does_not_fit_is_refused_by_name(
    given: dict[str, str], fault: str
) -> None:
    environment = {"DATABASE_URL": "postgresql://x:hunter2@127.0.0.1/x", **given}
    with pytest.raises(LocalError, match=fault) as refused:
        await make_tables(["audit"], environment)
    assert "hunter2" not in str(refused.value)


async def test_without_an_owner_the_services_make_their_tables_themselves() -> None:
    await make_tables(
        ["audit"],
        {"DATABASE_URL": "postgresql://x@db.example.org/x", "DATABASE_ALLOW_UNVERIFIED": "true"},
    )
