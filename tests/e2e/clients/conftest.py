"""Clients of every service, made once a session by each generator."""

import sys
from pathlib import Path

import pytest

from tests.e2e.clients.generating import (
    compile_typescript,
    generate_with_openapi_generator,
    generate_with_openapi_python_client,
)


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """The folder with the packages `small_<service>` of openapi-python-client."""
    folder = tmp_path_factory.mktemp("small")
    generate_with_openapi_python_client(folder)
    yield from _importable(folder)


@pytest.fixture(scope="session")
def big(tmp_path_factory):
    """The folder with the packages `big_<service>` of openapi-generator, each below its service's name."""
    folder = tmp_path_factory.mktemp("big")
    generate_with_openapi_generator(folder, "python")
    yield from _importable(folder, *(path.parent for path in folder.glob("*/big_*")))


@pytest.fixture(scope="session")
def typescript(tmp_path_factory) -> Path:
    """The folder with openapi-generator's sources in TypeScript; `js` holds them and the stories, compiled."""
    folder = tmp_path_factory.mktemp("typescript")
    generate_with_openapi_generator(folder, "typescript-fetch")
    compile_typescript(folder)
    return folder


def _importable(folder, *paths):
    added = [str(path) for path in paths or (folder,)]
    sys.path[:0] = added
    yield folder
    for path in added:
        sys.path.remove(path)
