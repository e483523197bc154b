"""`shared/` is rooms with one way down: a module imports its own room and those below it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, imports, modules

ROOMS = (
    "core",
    "mail",
    "events",
    "objects",
    "kafka",
    "postgres",
    "accounts",
    "limits",
    "service",
    "notices",
    "access",
    "http",
    "testing",
)
"""From the ground up."""


def climbing(room: str, path: Path) -> Iterator[str]:
    """Yield what a module of a room imports of the rooms above it."""
    above = ROOMS[ROOMS.index(room) + 1 :]
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "shared" and len(parts) > 1 and parts[1] in above:
            yield name


@pytest.mark.parametrize("room", ROOMS)
def test_a_package_of_shared_imports_no_package_above_it(room):
    found = {path: list(climbing(room, path)) for path in modules(f"shared/{room}")}
    assert not {path: names for path, names in found.items() if names}


def test_every_module_lies_in_a_room():
    shared = ROOT / "shared"
    assert {path.name for path in shared.glob("*.py")} == {"__init__.py"}
    assert {path.parent.name for path in shared.glob("*/__init__.py")} == set(ROOMS)


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("core", "from shared.events import Event"),
        ("kafka", "import shared.postgres.outbox"),
        ("service", "from shared.access import guard"),
        ("access", "from shared import http"),
        ("core", "import shared\nshared.http.app.create_app()"),
        ("core", "import shared as ours\nours.kafka.bus"),
        ("core", "from importlib import import_module as im\nim('shared.kafka.bus')"),
        ("core", "import importlib as il\nil.import_module('shared.kafka.bus')"),
        ("kafka", "import importlib\nimportlib.import_module('..postgres.outbox', 'shared')"),
        ("core", "import runpy\nrunpy.run_module('shared.service.running')"),
        ("core", "import runpy\nrunpy.run_path('shared/service/running.py')"),
        ("core", "import subprocess\nsubprocess.run([sys.executable, '-m', 'shared.http.app'])"),
        ("core", "import os\nos.system('python -m shared.http.app')"),
    ],
)
def test_an_import_from_a_package_above_is_reported(room, line, tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text(f"{line}\n")
    assert list(climbing(room, planted))
