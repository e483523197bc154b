"""Clients of every service, made once a session by each generator, and the department that their stories are about."""

import json
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from local.demo.client import Api
from local.demo.department import Department, Embedded, seed
from local.stack.launch import running
from local.stack.state_file import Running
from tests.e2e.clients.generating import (
    compile_typescript,
    generate_with_openapi_generator,
    generate_with_openapi_python_client,
)
from tests.e2e.clients.python import Big, Small

QUICK = {"AUDIT_CHECKPOINT_S": "1", "AUDIT_WATCH_S": "1"}
"""Shortens the auditor's wait for a period that can be drawn."""
PYTHON = {"small": Small, "big": Big}


@pytest.fixture(scope="session")
def small(tmp_path_factory) -> Iterator[Path]:
    """The folder with the packages `small_<service>` of openapi-python-client."""
    folder = tmp_path_factory.mktemp("small")
    generate_with_openapi_python_client(folder)
    yield from _importable(folder)


@pytest.fixture(scope="session")
def big(tmp_path_factory) -> Iterator[Path]:
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


def _importable(folder: Path, *paths: Path) -> Iterator[Path]:
    added = [str(path) for path in paths or (folder,)]
    sys.path[:0] = added
    yield folder
    for path in added:
        sys.path.remove(path)


@pytest.fixture(scope="session")
def stack_folder() -> Iterator[Path]:
    """The data folder of the stack of all stories."""
    with tempfile.TemporaryDirectory(prefix="plateward-e2e-") as name:
        yield Path(name)


@pytest.fixture(scope="session")
def stack(stack_folder: Path) -> Iterator[Running]:
    """The embedded stack, whole, for all stories."""
    with running(stack_folder, "--port", "0", environment=QUICK, within_s=400) as up:
        yield up


@pytest.fixture(scope="session")
async def api(stack: Running) -> AsyncIterator[Api]:
    """The services' addresses, for what a story's client does not do."""
    async with Api(stack.urls) as api:
        yield api


@pytest.fixture(scope="session")
async def department(api: Api, stack_folder: Path) -> Department:
    """A department with its people, cameras and another agency."""
    return await seed(api, Embedded(stack_folder))


@pytest.fixture
async def tokens(department: Department) -> dict[str, str]:
    """The access token of each person, by what the person is in the department."""
    headers = {who: await person.headers() for who, person in department.by_role.items()}
    return {who: one["Authorization"].removeprefix("Bearer ") for who, one in headers.items()}


@pytest.fixture(params=("small", "big", "typescript"))
def client(request: pytest.FixtureRequest) -> str:
    """Each of the generated clients, by its name here."""
    return str(request.param)


@pytest.fixture
def run(
    client: str, request: pytest.FixtureRequest, stack: Running
) -> Callable[..., dict[str, Any]]:
    """Return a function that runs a story with the client, and returns what the services answered.

    A story is a function in Python, and the program of its name in `stories`. It gets the same values in both.
    """
    folder = request.getfixturevalue(client)

    def run(story: Callable[..., dict[str, Any]], **given: Any) -> dict[str, Any]:
        if client == "typescript":
            given["urls"] = dict(stack.urls)
            return _run_program(folder / "js" / f"{story.__name__}.js", given)

        with ExitStack() as callers:

            def service(name: str, credential: str | None = None) -> Any:
                caller = PYTHON[client](name, stack.urls[name], credential)
                return callers.enter_context(closing(caller))

            return story(service, **given)

    return run


def _run_program(program: Path, given: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        ["node", program], input=json.dumps(given), capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers: dict[str, Any] = json.loads(done.stdout)
    return answers
