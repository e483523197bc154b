"""What a folder imports is declared: in the distribution's dependencies, or in an extra that it is installed with."""

import re
import sys
import tomllib

import pytest

from tests.architecture.source import CLIENTS, ROOT, SERVICES, modules, stated

OTHERWISE_NAMED = {
    "PIL": "pillow",
    "argon2": "argon2-cffi",
    "cyclonedx": "cyclonedx-python-lib",
    "cv2": "opencv-python-headless",
    "jose": "python-jose",
    "opentelemetry": "opentelemetry-sdk",
    "yaml": "pyyaml",
}
"""Packages whose distribution has another name."""

OF_A_DEPENDENCY = {
    "markupsafe": "jinja2",
    "packageurl": "cyclonedx-python-lib",
    "starlette": "fastapi",
}
"""Packages whose names another one's interface is made of."""

OURS = {"plateward", "services", "shared", "scenes", "local", "deploy", "training", "tests"}

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]

INSTALLED_WITH = {
    "shared": (),
    "plateward": (),
    "scenes": ("local",),
    "local": ("local",),
    "deploy": ("local", "deploy"),
    "training": ("training",),
    "tests": tuple(EXTRAS),
}
"""The extras beside which a folder is used: training has an environment of its own, tests have all."""


def declared(*extras: str) -> set[str]:
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in EXTRAS[extra])]
    return {re.match(r"[A-Za-z0-9._-]+", line)[0].lower() for line in lines}


def imported(folder: str) -> set[str]:
    """The distributions that a folder's modules import."""
    found = set()
    for path in modules(folder):
        for name in stated(path):
            package = name.split(".")[0]
            if package in OURS or package in sys.stdlib_module_names:
                continue
            package = OF_A_DEPENDENCY.get(package, package)
            found.add(OTHERWISE_NAMED.get(package, package.replace("_", "-")).lower())
    return found


@pytest.mark.parametrize("service", [*SERVICES, *CLIENTS])
def test_every_import_of_a_service_is_a_declared_dependency(service):
    assert imported(f"services/{service}") <= declared(service)


@pytest.mark.parametrize("folder", INSTALLED_WITH)
def test_every_import_of_another_folder_is_a_declared_dependency(folder):
    assert imported(folder) <= declared(*INSTALLED_WITH[folder])


def test_an_undeclared_import_is_found():
    assert not imported("services/console") <= declared("ingest")
