"""The brokers and folders that `make dead-letters` searches."""

from pathlib import Path

import pytest

from local.commands import dead_letters
from local.stack.process import LocalError
from local.stack.state_file import StateFile


def test_the_broker_of_the_running_stack_is_looked_at(tmp_path: Path) -> None:
    StateFile(tmp_path / "stack.json").write({}, {}, "127.0.0.1:4711")
    assert dead_letters.bootstrap(tmp_path, {}) == "127.0.0.1:4711"


def test_a_kafka_that_the_environment_names_goes_first(tmp_path: Path) -> None:
    StateFile(tmp_path / "stack.json").write({}, {}, "127.0.0.1:4711")
    given = {"KAFKA_BOOTSTRAP": "kafka:9092"}
    assert dead_letters.bootstrap(tmp_path, given) == "kafka:9092"


def test_without_a_stack_it_is_said_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="make serve"):
        dead_letters.bootstrap(tmp_path, {})
