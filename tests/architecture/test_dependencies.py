"""What a service imports is declared: in the distribution's dependencies, or in the extra of the service."""

import re
import sys
import tomllib

import pytest

from tests.architecture.source import CLIENTS, ROOT, SERVICES, imports, modules

OTHERWISE_NAMED = {
    "PIL": "pillow",
    "argon2": "argon2-cffi",
    "cv2": "opencv-python-headless",
    "jose": "python-jose",
    "yaml": "pyyaml",
}
"""Packages whose distribution has another name."""

OF_A_DEPENDENCY = {"starlette": "fastapi", "markupsafe": "jinja2"}
"""Packages whose names another one's interface is made of."""

OURS = {"services", "shared"}


def declared(extra: str | None) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = project["dependencies"] + (project["optional-dependencies"][extra] if extra else [])
    return {re.match(r"[A-Za-z0-9._-]+", line)[0].lower() for line in lines}


def imported(folder: str) -> set[str]:
    """The distributions that a folder's modules import."""
    found = set()
    for path in modules(folder):
        for name in imports(path):
            package = name.split(".")[0]
            if package in OURS or package in sys.stdlib_module_names:
                continue
            package = OF_A_DEPENDENCY.get(package, package)
            found.add(OTHERWISE_NAMED.get(package, package.replace("_", "-")).lower())
    return found


@pytest.mark.parametrize("service", [*SERVICES, *CLIENTS])
def test_what_a_service_imports_is_declared(service):
    assert imported(f"services/{service}") <= declared(service)


def test_what_all_services_share_is_declared():
    assert imported("shared") <= declared(None)


def test_an_undeclared_import_is_found():
    assert not imported("services/console") <= declared("ingest")
