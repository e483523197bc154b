"""A docstring's `Raises:` names exceptions that there are, and each that its function raises itself."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.architecture.exceptions import FOLDERS, exceptions, lineage
from tests.architecture.source import ROOT, modules, tree

_SECTION = re.compile(r"Raises(?: \([a-z ]+\))?:\s+(.*?)(?=\n\s*\n|\Z)", re.DOTALL)
_SENTENCE = re.compile(r"\.(?:\s|$)")
_NAMES = re.compile(r"_?[A-Z]\w+(?:(?:, or |, and |, | or | and )_?[A-Z]\w+)*")
_TWO_HUMPS = re.compile(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b")
_AS_ANOTHER = re.compile(r"(?:as|the (?:errors|faults)(?: of| that)) `\w+")
_QUOTED = re.compile(r"`[^`]*`")


def raised(body: Iterable[ast.AST], caught: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield the exceptions that statements raise by name, but not those that a handler around them catches."""
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                continue
            case ast.Raise(exc=ast.expr() as exc):
                name = last(exc.func if isinstance(exc, ast.Call) else exc)
                if name in exceptions() and not lineage(name) & caught:
                    yield name
            case ast.Try(body=tried, handlers=handlers, orelse=other, finalbody=final):
                yield from raised(tried, caught.union(*map(caught_by, handlers)))
                for handler in handlers:
                    yield from raised(handler.body, caught)
                yield from raised([*other, *final], caught)
            case _:
                yield from raised(ast.iter_child_nodes(node), caught)


def caught_by(handler: ast.ExceptHandler) -> set[str]:
    """The names of the exceptions that a handler catches; a bare one catches all."""
    match handler.type:
        case None:
            return {"BaseException"}
        case ast.Tuple(elts=kinds):
            return set(map(last, kinds))
        case kind:
            return {last(kind)}


def last(node: ast.expr) -> str:
    """The last part of a dotted name."""
    return ast.unparse(node).split(".")[-1]


def unnamed(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """What a function raises and its docstring's section does not name, by itself or by what it derives from."""
    sections = " ".join(_SECTION.findall(ast.get_docstring(function) or ""))
    named = set(re.findall(r"\w+", sections)) & exceptions()
    return {name for name in raised(function.body) if sections and not lineage(name) & named}


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
def test_every_name_in_a_raises_section_is_an_exception(folder):
    found = {
        f"{path.relative_to(ROOT)}:{line}": list(unknown(text))
        for path in modules(folder)
        for line, text in docstrings(path)
    }
    assert not {place: names for place, names in found.items() if names}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_raises_section_names_what_its_function_raises(folder):
    found = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": unnamed(node)
        for path in modules(folder)
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert not {place: names for place, names in found.items() if names}


@pytest.mark.parametrize(
    ("section", "body"),
    [
        ("InvalidInput for a purge too near.", "raise InternalFault('too near')"),
        ("Conflict, Unavailable.", "if not others:\n        raise InternalFault('none')"),
        ("Conflict.", "raise errors.NotFound(Code.HOLD_UNKNOWN) from None"),
        ("Conflict.", "with lock:\n        for one in some:\n            raise NotFound"),
        ("NotFound.", "raise AlprError('above what is named')"),
        (
            "NotFound.",
            "try:\n        f()\n    except NotFound:\n        raise ValueError from None",
        ),
        ("NotFound.", "match f():\n        case None:\n            raise ValueError"),
        ("as `own_form`.", "raise NotFound(Code.HOLD_UNKNOWN)"),
    ],
)
def test_an_exception_missing_from_a_raises_section_is_reported(section, body):
    text = f'def f():\n    """Do it.\n\n    Raises: {section}\n    """\n    {body}\n'
    assert unnamed(ast.parse(text).body[0])


@pytest.mark.parametrize(
    ("docstring", "body"),
    [
        ("Do it. Raises: AlprError.", "raise NotFound(Code.HOLD_UNKNOWN)"),
        ("Do it. Raises: NotFound; LookupError for a name.", "raise KeyError(name)"),
        ("Do it.", "raise NotFound"),
        (
            "Do it. Raises: NotFound.",
            "try:\n        raise KeyError\n    except LookupError:\n        raise NotFound",
        ),
        ("Do it. Raises: NotFound.", "def g():\n        raise KeyError"),
        ("Do it. Raises: NotFound.", "raise exc"),
    ],
)
def test_an_exception_named_in_a_raises_section_is_not_reported(docstring, body):
    assert not unnamed(ast.parse(f'def f():\n    """{docstring}"""\n    {body}\n').body[0])


def test_the_check_finds_raises_sections():
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
def test_an_unknown_exception_in_a_raises_section_is_reported(section, found):
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
def test_a_known_exception_is_not_reported(section):
    assert not list(unknown(section))
