"""End-to-end tests use a whole stack through its public doors."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stack.launch import running
from local.stack.state_file import Running


@pytest.fixture(scope="module")
def stack_folder() -> Iterator[Path]:
    """The data folder of a module's embedded stack."""
    with tempfile.TemporaryDirectory(prefix="plateward-e2e-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def stack(stack_folder: Path) -> Iterator[Running]:
    """The embedded stack, whole, as `make serve` runs it; ended with its module, because it uses CPU when idle too."""
    with running(stack_folder, "--port", "0") as up:
        yield up
