"""Which exceptions there are, and what each derives from, by their names."""

import ast
import builtins
from functools import cache

from aiokafka.errors import KafkaError
from asyncpg.exceptions import UniqueViolationError
from sqlalchemy.exc import DBAPIError, NoResultFound

from tests.architecture.source import modules, tree

FOLDERS = ("plateward", "services", "shared", "scenes", "local", "deploy", "training")

OF_LIBRARIES = {
    one.__name__ for one in (DBAPIError, KafkaError, NoResultFound, UniqueViolationError)
}
"""Errors of libraries that functions let through."""


@cache
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


@cache
def lineage(name: str) -> frozenset[str]:
    """An exception and what it derives from, by their names."""
    one = vars(builtins).get(name)
    above = {base.__name__ for base in one.__mro__[1:]} if isinstance(one, type) else set()
    above |= bases().get(name, set()) - {name}
    return frozenset({name}).union(*map(lineage, above))
