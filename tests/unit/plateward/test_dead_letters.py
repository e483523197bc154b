"""The broker that `plateward dead-letters` asks."""

from pathlib import Path

import pytest

from local.stack.state_file import StateFile
from plateward.dead_letters import bootstrap_of
from shared.service.command import Unfinished


def test_the_dead_letters_command_uses_the_broker_of_the_running_stack(tmp_path: Path) -> None:
    StateFile(tmp_path / "stack.json").write({}, {}, "127.0.0.1:4711")
    assert bootstrap_of(tmp_path, {}) == "127.0.0.1:4711"


def test_a_kafka_in_the_environment_has_precedence(tmp_path: Path) -> None:
    StateFile(tmp_path / "stack.json").write({}, {}, "127.0.0.1:4711")
    given = {"KAFKA_BOOTSTRAP": "kafka:9092"}
    assert bootstrap_of(tmp_path, given) == "kafka:9092"


def test_without_a_stack_the_error_explains_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(Unfinished, match="plateward serve"):
        bootstrap_of(tmp_path, {})
