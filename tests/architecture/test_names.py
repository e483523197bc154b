"""Names say what something does in the field's words: the everyday words that say nothing of it are refused."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, modules, tree

PRODUCT = ("plateward", "services", "shared", "scenes", "local", "deploy", "training")
FOLDERS = (*PRODUCT, "tests")

REFUSED = {
    *("take", "takes", "taken", "took", "taking", "tell", "tells", "told", "telling"),
    *("look", "looks", "looked", "looking", "keep", "keeps", "kept", "keeping", "keeper"),
    *("parts", "door", "doors", "shown", "showing", "way", "ways"),
}
"""Words of which no function, method, class or module has one in its name; docs/glossary.md has better ones.

The names of tests are sentences, which may have any word."""

STAY = {
    "shared/events/access.py": {"shown"},
    "shared/events/audit_log.py": {"kept_years"},
    "shared/events/past.py": {"door"},
    "shared/events/purges.py": {"kept_under_hold"},
    "shared/events/releases.py": {"kept_years"},
    "shared/core/policy.py": {"kept_years"},
    "shared/objects/purge_list.py": {"parts"},
    "shared/http/models.py": {"taken_from"},
    "services/audit/domain/sealing.py": {"shown"},
    "services/console/api/holds.py": {"kept"},
    "services/hotlist/domain/problem_codes.py": {"LIST_NAME_TAKEN"},
    "services/hotlist/settings.py": {"hotlist_kept_snapshots"},
    "services/identity/domain/problem_codes.py": {"USERNAME_TAKEN"},
    "services/ingest/domain/problem_codes.py": {"DEVICE_NAME_TAKEN", "FORM_TOO_MANY_PARTS"},
    "services/recognition/settings.py": {"recognition_looks_below", "recognition_keep_stacked"},
    "services/retention/api/views/purges.py": {"kept_under_hold"},
    "services/retention/domain/certificates.py": {"kept_under_hold"},
    "services/retention/api/views/searches.py": {"taken_from"},
    "services/retention/store/runs.py": {"kept_under_hold"},
}
"""Arguments and assigned names by module that outsiders know: fields of events, requests and answers, keys of the
policy and of purge lists, settings, problem codes and columns."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def words(name: str) -> set[str]:
    """Return the words of a name in small letters, however they are joined."""
    return {word.lower() for word in _WORD.findall(name)}


def is_test(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    return node.name.startswith("test_") and not isinstance(node, ast.ClassDef)


def refused_names(path: Path) -> Iterator[str]:
    """Yield the names in a module, its own too, that have a refused word."""
    if words(path.stem) & REFUSED:
        yield path.stem
    for node in ast.walk(tree(path)):
        definition = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if definition and not is_test(node) and words(node.name) & REFUSED:
            yield f"{node.name}, line {node.lineno}"


def values(node: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield the argument, assigned name or assigned attribute that a node declares, with its line."""
    match node:
        case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
            yield name, node.lineno
        case ast.Attribute(attr=name, ctx=ast.Store()):
            yield name, node.lineno
        case ast.ExceptHandler(name=str(name)) | ast.alias(asname=str(name)):
            yield name, node.lineno


def refused_values(path: Path) -> Iterator[str]:
    """Yield the arguments, assigned names and assigned attributes in a module that have a refused word."""
    for node in ast.walk(tree(path)):
        yield from (f"{name}, line {line}" for name, line in values(node) if words(name) & REFUSED)


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_name_contains_a_vague_word(folder):
    found = {str(path.relative_to(ROOT)): list(refused_names(path)) for path in modules(folder)}
    assert not {path: names for path, names in found.items() if names}


@pytest.mark.parametrize("folder", PRODUCT)
def test_no_argument_or_variable_has_a_vague_name(folder):
    """Nor has an argument or an assigned name of product code, unless outsiders know it."""
    found = {}
    for path in modules(folder):
        place = str(path.relative_to(ROOT))
        names = {one.partition(",")[0] for one in refused_values(path)}
        found[place] = names - STAY.get(place, set())
    assert not {place: names for place, names in found.items() if names}


def test_every_exempt_name_exists_in_its_module():
    for place, names in STAY.items():
        assert names <= {one.partition(",")[0] for one in refused_values(ROOT / place)}, place


@pytest.mark.parametrize(
    "line",
    [
        "take = lambda x: x",
        "KEPT = 3",
        "told: int = 1",
        "def f(taken): ...",
        "def f(*, keep=2): ...",
        "def f(*parts, **ways): ...",
        "g = lambda look: look",
        "class A:\n    shown: list[int]",
        "class A:\n    def __init__(self, f):\n        self.take = f",
        "class A:\n    def __init__(self, f):\n        self._doors, self.b = f",
        "for way in range(2): ...",
        "found = [kept for kept in (1, 2)]",
        "if looked_up := 1: ...",
        "with open('a') as door: ...",
        "try: ...\nexcept OSError as told: ...",
        "import os as parts",
    ],
)
def test_a_vague_variable_name_is_reported(line, tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text(line)
    assert len(list(refused_values(planted))) == line.count("ways") + 1


@pytest.mark.parametrize(
    "line", ["f(taken=1)", "f.shown.append(1)", "mistaken = partial = 1", "print(parts)"]
)
def test_a_name_chosen_by_another_module_is_not_reported(line, tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text(line)
    assert not list(refused_values(planted))


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("planted", "def take(): ..."),
        ("planted", "async def _look_at_it(): ..."),
        ("planted", "class Parts: ..."),
        ("planted", "class LimitDoor: ..."),
        ("planted", "class Telling: ..."),
        ("planted", "def is_looking(): ..."),
        ("planted", "async def _taking(): ..."),
        ("planted", "class Told(NamedTuple):\n    def of(self): ..."),
        ("planted", "class A:\n    class B:\n        def is_shown(self): ..."),
        ("planted", "def outer():\n    def the_way(): ..."),
        ("planted", "@pytest.fixture\ndef looked_up(): ..."),
        ("keeper", ""),
        ("small_parts", ""),
        ("test_telling_hits", ""),
    ],
)
def test_a_vague_name_is_reported(name, line, tmp_path):
    planted = tmp_path / f"{name}.py"
    planted.write_text(line)
    assert list(refused_names(planted))


@pytest.mark.parametrize(
    "line",
    [
        "def partial(): ...",
        "def mistake(): ...",
        "def housekeeping(): ...",
        "class Gateway: ...",
        "def test_what_is_told_is_kept(): ...",
    ],
)
def test_a_vague_word_inside_another_word_or_sentence_is_not_reported(line, tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text(line)
    assert not list(refused_names(planted))
