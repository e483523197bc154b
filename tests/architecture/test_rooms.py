"""Which top-level folder may import which: renderer, trainers, local stack and deployment go one way down."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, imports, modules

OURS = ("plateward", "services", "shared", "scenes", "local", "deploy", "training", "tests")

MAY_IMPORT = {
    "shared": ("shared",),
    "services": ("services", "shared"),
    "scenes": ("scenes",),
    "training": ("training", "scenes", "services.recognition"),
    "local": ("local", "scenes", "services", "shared"),
    "deploy": ("deploy", "local", "services.registry", "shared"),
    "plateward": ("plateward", "deploy", "local", "services", "shared"),
}
"""A folder imports nothing of ours but this. Tests may import everything."""


def crossing(folder: str, path: Path) -> Iterator[str]:
    """Yield what a module of a folder imports of ours that the folder may not."""
    for name in imports(path):
        if _is_under(name, OURS) and not _is_under(name, MAY_IMPORT[folder]):
            yield name


def _is_under(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("folder", MAY_IMPORT)
def test_a_folder_imports_only_from_folders_below_it(folder):
    found = {path: list(crossing(folder, path)) for path in modules(folder)}
    assert not {path: names for path, names in found.items() if names}


@pytest.mark.parametrize(
    ("folder", "line"),
    [
        ("shared", "import services.audit.main"),
        ("services", "from training.faces import Face"),
        ("services", "from local.stack import postgres"),
        ("services", "import local.demo.story as story"),
        ("services", "from tests.servers import running"),
        ("services", "import tests"),
        ("services", "from importlib import import_module\nimport_module('training.styles')"),
        ("services", "import importlib as il\nil.import_module('training.styles')"),
        ("services", "from importlib import import_module as im\nim('training.styles')"),
        ("services", "__import__('training.styles')"),
        ("services", "import runpy\nrunpy.run_module('training.styles')"),
        ("services", "import runpy\nrunpy.run_path('training/styles.py')"),
        ("services", "import subprocess\nsubprocess.run([sys.executable, '-m', 'training'])"),
        ("services", "import asyncio\nasyncio.create_subprocess_exec('python', '-m', 'training')"),
        ("services", "import os\nos.system('python3 -m training.styles --all')"),
        ("services", "from deploy.openapi import app_of"),
        ("scenes", "from shared.core.plates import PlatePattern"),
        ("training", "from local.stack.process import free_port"),
        ("training", "from deploy import lock"),
        ("training", "from services.hotlist import domain"),
        ("local", "from deploy.kafka.run import Kafka"),
        ("local", "from plateward.status import state_of"),
        ("deploy", "import plateward.catalogue"),
        ("plateward", "from training.styles import STYLES"),
        ("local", "from training.styles import STYLES"),
        ("deploy", "from tests.servers import running"),
    ],
)
def test_an_import_from_a_folder_above_is_reported(folder, line, tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text(f"{line}\n")
    assert list(crossing(folder, planted))


def test_every_python_file_is_in_a_known_folder():
    ignored = {"tests", *(path.name for path in ROOT.iterdir() if path.name.startswith("."))}
    found = {
        path.name
        for path in ROOT.iterdir()
        if path.is_dir() and path.name not in ignored and any(path.rglob("*.py"))
    }
    assert found == set(MAY_IMPORT)
