"""A registry of images, as a process of its own."""

from collections.abc import Iterator

import pytest

from tests.registry import Registry


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that holds what tests push."""
    with Registry(tmp_path_factory.mktemp("registry") / "log") as running:
        yield running
