"""Names say what something does in the field's words: the everyday words that say nothing of it are refused."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, modules, tree

FOLDERS = ("services", "shared", "scenes", "local", "deploy", "training", "tests")

REFUSED = {
    *("take", "takes", "taken", "took", "taking", "tell", "tells", "told", "telling"),
    *("look", "looks", "looked", "looking", "keep", "keeps", "kept", "keeping", "keeper"),
    *("parts", "door", "doors", "shown", "showing", "way", "ways"),
}
"""Words of which no function, method, class or module has one in its name; docs/glossary.md has better ones.

The names of tests are sentences, which may have any word."""

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


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_name_has_a_word_that_says_nothing(folder):
    found = {str(path.relative_to(ROOT)): list(refused_names(path)) for path in modules(folder)}
    assert not {path: names for path, names in found.items() if names}


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
def test_a_refused_name_is_found(name, line, tmp_path):
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
def test_a_word_within_another_or_in_a_sentence_is_not(line, tmp_path):
    planted = tmp_path / "planted.py"
    planted.write_text(line)
    assert not list(refused_names(planted))
