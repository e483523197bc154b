"""One floor plan for every service: where a module may lie, and what it may import of its own service."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import (
    CLIENTS,
    HUMAN_SERVICES,
    ROOT,
    SERVICES,
    imports,
    modules,
    tree,
)

ALL = (*SERVICES, *CLIENTS)

ROOT_FILES = {"__init__", "__main__", "main", "settings", "service", "spec", "events"}
ROOMS = {"api", "domain", "actions", "store", "workers", "migrations"}
OF_RECOGNITION = {"engine", "models"}
"""Recognition's rules are networks and what they are fed with: `engine` is its domain, `models` their weights."""

FLOORS = (
    {"domain", "models"},
    {"settings", "spec"},
    {"store", "engine"},
    {"actions"},
    {"workers"},
    {"service"},
    {"events", "api"},
    {"main"},
    {"__main__"},
)
"""From the ground up. What a module imports of its own service lies on its floor or below."""

BESIDE_ROUTES = {"__init__", "fields", "views", "guard"}
"""Of `api`, beside modules with routes: what requests are made of, what answers show, who is let in."""

BESIDE_PAGES = {
    "__init__", "browser", "codes", "error_pages", "file_forms", "forms", "pages", "stream", "visit",
}  # fmt: skip
"""Of a client's `api`, beside modules with routes: cookies, forms, templates, and a person's request."""

DOMAIN_MAY = ("shared.core", "shared.events")
MACHINERY_OF_CORE = ("shared.core.logs", "shared.core.patience", "shared.core.periodic")
"""Of `shared.core`, what waits, repeats or writes log lines."""
LIBRARIES_OF_DOMAIN = {
    "base64", "binascii", "bisect", "collections", "contextlib", "csv", "dataclasses", "datetime", "decimal", "enum",
    "fractions", "functools", "hashlib", "heapq", "hmac", "io", "itertools", "json", "math", "operator", "pathlib", "re",
    "secrets", "statistics", "string", "struct", "textwrap", "time", "tomllib", "types", "typing", "unicodedata",
    "urllib", "uuid", "zipfile", "zlib", "zoneinfo",
    "cv2", "cryptography", "msgspec", "numpy",
}  # fmt: skip
"""Computing and data types alone (ADR-0050): no module by which a rule would read, write or wait on its own. `io`,
`zipfile` and `pathlib` work on what a rule is given: bytes in hand, an open archive, the name of a file."""

LIBRARIES_OF_ENGINE = LIBRARIES_OF_DOMAIN | {
    "PIL", "difflib", "importlib", "onnxruntime", "os", "paddleocr", "tempfile", "warnings", "yaml",
}  # fmt: skip
"""Reading plates computes on a frame, after it has found and loaded its weights from files."""

ENGINE_MAY = (
    "shared.core", "services.recognition.engine", "services.recognition.models", "services.recognition.settings",
)  # fmt: skip
"""No events: `recognition/events.py` makes them of what the engine returns."""

READING = {"open", "io.open", "time.sleep"}
"""Calls of a rule that would read, write or wait after all. Tables beside a rule are read as text, once."""


def room_of(path: Path, service: str) -> str:
    """The room of a module, or its own name where it lies at the service's root."""
    first = path.relative_to(ROOT / "services" / service).parts[0]
    return first.removesuffix(".py")


def floor(room: str) -> int:
    [number] = [number for number, rooms in enumerate(FLOORS) if room in rooms]
    return number


def climbing(service: str, room: str, path: Path) -> Iterator[str]:
    """Yield what a module imports of its own service from a floor above its own."""
    prefix = f"services.{service}."
    for name in imports(path):
        if name.startswith(prefix):
            other = name.removeprefix(prefix).split(".")[0]
            if other in {*ROOT_FILES, *ROOMS, *OF_RECOGNITION} and floor(other) > floor(room):
                yield name


def machinery(path: Path, service: str) -> Iterator[str]:
    """Yield what a module of `domain` imports that is no rule."""
    own = f"services.{service}.domain"
    for name in imports(path):
        ours = name.split(".")[0] in {"shared", "services"}
        if ours and name != "shared" and not name.startswith((*DOMAIN_MAY, own)):
            yield name
        if name.startswith(MACHINERY_OF_CORE):
            yield name
        if not ours and name.split(".")[0] not in LIBRARIES_OF_DOMAIN:
            yield name
        if name.startswith("urllib.request"):
            yield name
    calls = (ast.unparse(n.func) for n in ast.walk(tree(path)) if isinstance(n, ast.Call))
    yield from (f"{call}()" for call in calls if call in READING or "write_" in call)


def machinery_of_engine(path: Path) -> Iterator[str]:
    """Yield what a module of recognition's `engine` imports that neither computes nor loads weights."""
    for name in imports(path):
        ours = name.split(".")[0] in {"shared", "services", "scenes", "training", "local", "deploy"}
        if ours and not name.startswith(ENGINE_MAY) and name not in ("shared", "services"):
            yield name
        if name.startswith(MACHINERY_OF_CORE):
            yield name
        if not ours and name.split(".")[0] not in LIBRARIES_OF_ENGINE:
            yield name
        if name.startswith(("urllib.request", "importlib.metadata")):
            yield name


def has_routes(parsed: ast.Module) -> bool:
    """Whether a module of `api` makes a router, or adds its routes to the app itself, as cameras' do."""
    return any(
        (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Call)
            and ast.unparse(node.targets[0]) == "router"
            and ast.unparse(node.value.func) == "APIRouter"
        )
        or (isinstance(node, ast.FunctionDef) and node.name == "add_routes")
        for node in parsed.body
    )


def python_files(service: str) -> list[Path]:
    return [path for path in modules(f"services/{service}") if "migrations" not in path.parts]


@pytest.mark.parametrize("service", ALL)
def test_every_module_lies_in_a_room_of_the_plan(service):
    allowed = ROOMS | (OF_RECOGNITION if service == "recognition" else set())
    for path in modules(f"services/{service}"):
        parts = path.relative_to(ROOT / "services" / service).parts
        loose = len(parts) == 1 and parts[0].removesuffix(".py") in ROOT_FILES
        assert loose or parts[0] in allowed, f"{path.relative_to(ROOT)} lies loose"


@pytest.mark.parametrize("service", HUMAN_SERVICES)
def test_api_holds_routes_fields_and_views(service):
    found = modules(f"services/{service}/api")
    routed = [path for path in found if has_routes(tree(path))]
    assert routed, "no route found: the walk is broken"
    for path in found:
        assert path in routed or path.stem in BESIDE_ROUTES, (
            f"{path.relative_to(ROOT)} has no route"
        )


@pytest.mark.parametrize("client", CLIENTS)
def test_pages_hold_routes_and_what_every_page_needs(client):
    found = modules(f"services/{client}/api")
    routed = {path.stem for path in found if has_routes(tree(path))}
    assert {path.stem for path in found} - routed == BESIDE_PAGES - routed
    assert routed


@pytest.mark.parametrize(
    "text",
    [
        "class HitOut(BaseModel):\n    hit_id: UUID\n",
        "routes = APIRouter()\n",
        "def people_of(request):\n    router = APIRouter()\n    return router\n",
        "router = parent.router\n",
    ],
)
def test_a_module_without_routes_is_found(text):
    assert not has_routes(ast.parse(text))


@pytest.mark.parametrize("service", ALL)
def test_nothing_is_imported_from_a_floor_above(service):
    checked = 0
    for path in python_files(service):
        room = room_of(path, service)
        if room == "__init__":
            continue
        checked += 1
        found = list(climbing(service, room, path))
        assert not found, f"{path.relative_to(ROOT)} climbs to {found}"
    assert checked


@pytest.mark.parametrize("service", ALL)
def test_the_rules_import_no_machinery(service):
    folder = ROOT / "services" / service / "domain"
    assert folder.exists() or service != "hotlist", "the walk is broken"
    for path in sorted(folder.rglob("*.py")):
        found = list(machinery(path, service))
        assert not found, f"{path.relative_to(ROOT)} imports {found}"


def test_the_engine_reads_plates_and_knows_no_service():
    for path in modules("services/recognition/engine"):
        found = list(machinery_of_engine(path))
        assert not found, f"{path.relative_to(ROOT)} imports {found}"


@pytest.mark.parametrize(
    "line",
    [
        "import httpx",
        "import asyncio",
        "import multiprocessing",
        "import torch",
        "from urllib.request import urlopen",
        "from shared.events import ReadRecognised",
        "from shared.objects.store import ObjectStore",
        "from shared.core.logs import log",
        "from services.recognition.workers.pool import Pool",
        "from services.recognition.events import Captures",
        "from services.retention.domain.criteria import Criteria",
        "from training.styles import STYLES",
        "import scenes",
    ],
)
def test_machinery_in_the_engine_is_found(line, tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text(f"{line}\n")
    assert list(machinery_of_engine(planted))


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("domain", "from services.audit.store.log import Log"),
        ("store", "from services.audit.actions import writer"),
        ("actions", "from services.audit.workers.watch import Watch"),
        ("workers", "import services.audit.api.entries"),
        ("service", "from services.audit import main"),
    ],
)
def test_a_climb_is_found(room, line, tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text(f"{line}\n")
    assert list(climbing("audit", room, planted))


@pytest.mark.parametrize(
    "line",
    [
        "import sqlalchemy",
        "from shared.kafka.topics import TOPICS",
        "from services.audit.store.log import Log",
        "import httpx",
        "from shared.postgres import database",
        "from shared.access.grant import Grant",
        "from shared.http.models import Page",
        "from services.hotlist.domain.entries import Entry",
        "import training.styles",
        "import asyncio",
        "from http import HTTPStatus",
        "from urllib.request import urlopen",
        "import subprocess",
        "import shutil",
        "import importlib",
        "import xmlrpc.client",
        "open('plates.csv')",
        "path.write_text(plate)",
        "import time\ntime.sleep(1)",
        "from shared.core.periodic import PeriodicTask",
        "from shared.core import patience",
        "from fastapi import Request",
    ],
)
def test_machinery_in_a_rule_is_found(line, tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text(f"{line}\n")
    assert list(machinery(planted, "audit"))
