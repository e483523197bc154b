"""What the embedded stack refuses before it starts anything."""

from pathlib import Path

import pytest

from deploy.local.process import LocalError
from deploy.local.stack import Stack


@pytest.mark.parametrize("protocol", ["SSL", "SASL_SSL", "SASL_PLAINTEXT"])
def test_tls_and_logins_need_a_kafka_that_has_them(tmp_path: Path, protocol: str) -> None:
    asked = {"KAFKA_SECURITY_PROTOCOL": protocol}
    with pytest.raises(LocalError, match=f"KAFKA_SECURITY_PROTOCOL={protocol} needs KAFKA_BOOTS"):
        Stack(tmp_path, environment=asked)
    Stack(tmp_path, environment={**asked, "KAFKA_BOOTSTRAP": "kafka.example.org:9093"})


def test_its_own_broker_is_reached_as_before(tmp_path: Path) -> None:
    Stack(tmp_path, environment={})
    Stack(tmp_path, environment={"KAFKA_SECURITY_PROTOCOL": "PLAINTEXT"})
