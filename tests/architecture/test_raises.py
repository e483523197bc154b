"""A docstring's `Raises:` names exceptions that there are."""

import ast
import builtins
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError
from asyncpg.exceptions import UniqueViolationError
from sqlalchemy.exc import DBAPIError, NoResultFound

from tests.architecture.source import ROOT, modules, tree

FOLDERS = ("services", "shared", "scenes", "local", "deploy", "training")

OF_LIBRARIES = {
    one.__name__ for one in (DBAPIError, KafkaError, NoResultFound, UniqueViolationError)
}
"""Errors of libraries that functions let through."""

_SECTION = re.compile(r"Raises(?: \([a-z ]+\))?:\s+(.*?)(?=\n\s*\n|\Z)", re.DOTALL)
_SENTENCE = re.compile(r"\.(?:\s|$)")
_NAMES = re.compile(r"_?[A-Z]\w+(?:(?:, or |, and |, | or | and )_?[A-Z]\w+)*")
_TWO_HUMPS = re.compile(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b")
_AS_ANOTHER = re.compile(r"(?:as|the (?:errors|faults)(?: of| that)) `\w+")
_QUOTED = re.compile(r"`[^`]*`")


def bases() -> dict[str, set[str]]:
    """The bases of each class of the project, by their last names."""
    found: dict[str, set[str]] = {}
    for path in (path for folder in FOLDERS for path in modules(folder)):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                names = {ast.unparse(base).split(".")[-1] for base in node.bases}
                found.setdefault(node.name, set()).update(names)
    return found


@cache
def exceptions() -> frozenset[str]:
    """Names of exceptions: Python's, the named ones of libraries, and the project's classes that inherit from them."""
    found = {
        name
        for name, one in vars(builtins).items()
        if isinstance(one, type) and issubclass(one, BaseException)
    }
    found |= OF_LIBRARIES
    classes = bases()
    while more := {name for name, of in classes.items() if of & found} - found:
        found |= more
    return frozenset(found)


def unknown(docstring: str) -> Iterator[str]:
    """Yield what a docstring says is raised and is no exception."""
    for section in _SECTION.findall(docstring):
        [first, *_] = _SENTENCE.split(section, maxsplit=1)
        for number, item in enumerate(first.split(";")):
            text = " ".join(item.split()).removeprefix("and ").removeprefix("or ")
            named = _NAMES.match(text)
            if named is None:
                if number == 0 and not _AS_ANOTHER.match(text):
                    yield text
                continue
            names = {*re.findall(r"\w+", named[0]), *_TWO_HUMPS.findall(_QUOTED.sub("", text))}
            yield from sorted(names - {"or", "and"} - exceptions())


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield each docstring of a module, with the line of what it describes."""
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(tree(path)):
        if isinstance(node, kinds) and (text := ast.get_docstring(node)):
            yield getattr(node, "lineno", 1), text


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_a_docstring_says_is_raised_is_an_exception(folder):
    found = {
        f"{path.relative_to(ROOT)}:{line}": list(unknown(text))
        for path in modules(folder)
        for line, text in docstrings(path)
    }
    assert not {place: names for place, names in found.items() if names}


def test_sections_are_found():
    texts = [text for path in modules("services") for _, text in docstrings(path)]
    assert sum(bool(_SECTION.search(text)) for text in texts) > 200, "the walk is broken"


@pytest.mark.parametrize(
    ("section", "found"),
    [
        ("Raises: NoSuchError.", ["NoSuchError"]),
        ("Raises: NotFound; Conflicting if it exists.", ["Conflicting"]),
        ("Raises: NotFound, Malformd, Conflict.", ["Malformd"]),
        ("Raises: NotFound for none, InvalidImput for its place.", ["InvalidImput"]),
        ("Raises: Reading.", ["Reading"]),
        ("Raises: an error if the disk is full.", ["an error if the disk is full"]),
        ("Does it.\n\nRaises (in the route): NotPermitted;\n    NotFound.", ["NotPermitted"]),
    ],
)
def test_what_is_no_exception_is_found(section, found):
    assert list(unknown(section)) == found


@pytest.mark.parametrize(
    "section",
    [
        "Raises: NotFound; Conflict if it exists; ValueError for NUL. In all cases Postgres rolls back.",
        "Raises: DependencyDown if Kafka does not answer, Unavailable if Postgres does not.",
        "Raises: NotAuthenticated or NotAuthorised.",
        "Raises: Unavailable; the caller then releases no data.",
        "Raises: as `own_form`, before it reads any of the file.",
        "Raises: DBAPIError if `NoSuchError` is in `LIST`.",
        "Raises nothing.",
    ],
)
def test_an_exception_is_not(section):
    assert not list(unknown(section))
