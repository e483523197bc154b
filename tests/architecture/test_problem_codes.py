"""Each refusal names a code of the closed lists with that code's parameters, and each code is raised somewhere."""

import ast
import string
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from deploy import problems
from shared.core import errors
from shared.core.problem_codes import Common
from tests.architecture.source import ROOT, modules, tree

LISTS = problems.lists()
FREE = ("InternalFault", "DependencyDown")
"""Errors whose text is for operations; `shared/http` gives none of it to a caller."""

NO_PARAMETERS = {"field", "errors", "retry_after_s", "shuts"}
"""Keywords of errors that are no parameters of a code."""

PASSED_ON = {
    "shared/core/errors.py": ["self.problem"],
    "services/hotlist/domain/csv_import.py": ["problem"],
    "services/hotlist/domain/entries.py": ["exc.problem", "why"],
    "services/hotlist/domain/line_forms.py": ["why"],
    "services/ingest/actions/edge_reads.py": ["fault"],
    "services/ingest/domain/circumstances.py": ["fault"],
    "services/release/domain/requests.py": ["self.problem"],
}
"""Modules that pass a code on in a variable, whose type says that it is one, and the variable's name."""

PATHS = [*modules("shared"), *modules("services")]


@cache
def bases() -> dict[str, list[str]]:
    """The names of the base classes of each class."""
    return {
        node.name: [base.id for base in node.bases if isinstance(base, ast.Name)]
        for path in PATHS
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
    }


def ancestors(name: str) -> set[str]:
    """A class's name and those of all its bases."""
    return {name}.union(*(ancestors(base) for base in bases().get(name, ()) if base != name))


@cache
def refusals() -> set[str]:
    """The names of all errors that a caller may receive, and of those whose text they do not."""
    return {name for name in bases() if ancestors(name) & {"AlprError", "ValueRefused"}}


@cache
def coded() -> set[str]:
    """The names of the errors that need a code."""
    return {name for name in refusals() if not ancestors(name) & set(FREE)}


def called(node: ast.expr) -> str:
    """The name of the called or raised object; "" if it has no name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def code_of(argument: ast.expr) -> tuple[str, str] | None:
    """List and member that an argument names, such as ("Code", "USERNAME_TAKEN")."""
    if isinstance(argument, ast.Attribute) and called(argument.value) in ("Code", "Common"):
        return called(argument.value), argument.attr
    return None


def listed(path: Path, name: str) -> type[errors.ProblemCode] | None:
    """The list that `Code` or `Common` is in a module."""
    if name == "Common":
        return Common
    inside = path.relative_to(ROOT).parts if path.is_relative_to(ROOT) else ("services", "identity")
    return LISTS.get(inside[1]) if inside[0] == "services" else None


def faults(path: Path) -> Iterator[str]:
    """The faults of a module's refusals, each with its line."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Raise) and node.exc is not None and called(node.exc) in coded():
            yield f"{path.name}:{node.lineno} raises {called(node.exc)} without a code"
        is_refusal = isinstance(node, ast.Call) and called(node.func) in coded()
        if is_refusal and (fault := fault_of(path, node)) is not None:
            yield f"{path.name}:{node.lineno} {fault}"


def passes_a_code_on(path: Path, call: ast.Call) -> bool:
    """Whether a refusal is of a code that was named elsewhere, in a module that may do so."""
    where = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else ""
    return where in PASSED_ON and any(ast.unparse(one) in PASSED_ON[where] for one in call.args)


def fault_of(path: Path, call: ast.Call) -> str | None:
    """The fault of one refusal, or None."""
    name = called(call.func)
    if isinstance(call.func, ast.Attribute) and called(call.func.value) in refusals():
        return None  # a method of the class, not the class
    named = [found for one in call.args if (found := code_of(one)) is not None]
    if not named:
        return None if passes_a_code_on(path, call) else f"{name} names no code"
    [(which, member)] = named
    codes = listed(path, which)
    if codes is None or member not in codes.__members__:
        return f"{which}.{member} is on no list of this module"
    problem = codes[member]
    if "ValueRefused" not in ancestors(name) and problem.error.__name__ not in ancestors(name):
        return f"{problem.code} is no {name}"
    given = {one.arg for one in call.keywords} - NO_PARAMETERS
    if None not in given and given != set(problem.params):
        return f"{problem.code} has the parameters {problem.params}, not {sorted(map(str, given))}"
    return None


def test_every_refusal_names_a_code_with_its_parameters():
    assert len(coded()) >= 12
    assert [fault for path in PATHS for fault in faults(path)] == []


@pytest.mark.parametrize(
    "planted",
    [
        'raise Conflict("this username is taken")',
        'raise Conflict(f"{name} is taken", field="username")',
        "raise Conflict(name)",
        "raise NotFound",
        "raise NotAuthenticated()",
        "raise Conflict(Code.NEVER_HEARD_OF)",
        "raise NotFound(Code.USERNAME_TAKEN)",
        'raise InvalidInput(Code.PASSWORD_TOO_SHORT, field="password")',
        "raise InvalidInput(Code.PASSWORD_REPEATS, password=password)",
        'return TooManyRequests("too many people sign in at once", retry_after_s=2)',
        'raise ValueRefused("has control characters")',
    ],
)
def test_a_planted_refusal_without_its_code_is_found(tmp_path, planted):
    path = tmp_path / "planted.py"
    path.write_text(f"def planted(name, password):\n    {planted}\n")
    assert len(list(faults(path))) == 1


def used() -> set[tuple[str, str]]:
    """Each code that a module names outside of the lists, as (list, member)."""
    found = set()
    for path in PATHS:
        inside = path.relative_to(ROOT).parts
        if path.name == "problem_codes.py":
            continue
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Attribute) and (named := code_of(node)) is not None:
                which, member = named
                found.add(("every service" if which == "Common" else inside[1], member))
    return found


def test_every_code_is_raised_somewhere():
    of_lists = {(name, one.name) for name, codes in LISTS.items() for one in codes}
    assert len(of_lists) >= 200
    assert of_lists - used() == set()


def test_a_code_is_on_one_list_and_its_text_is_its_own():
    codes = [one.code for found in LISTS.values() for one in found]
    assert len(codes) == len(set(codes))
    for found in LISTS.values():
        assert len(found.__members__) == len(found)  # two of the same text and class would be one


def test_a_template_has_plain_parameters_that_are_all_listed():
    for one in (one for found in LISTS.values() for one in found):
        check_template(one)


def check_template(one):
    names = [name for _, name, _, _ in string.Formatter().parse(one.text) if name is not None]
    assert all(name.isidentifier() for name in names)
    assert set(names) <= set(one.params)
    assert not set(one.params) & NO_PARAMETERS
    assert len(one.params) == len(set(one.params))
    assert issubclass(one.error, errors.AlprError)


def test_validators_of_requests_refuse_by_code():
    paths = [path for path in PATHS if path.parent.name in ("api", "http")]
    plain = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in paths
        if "console" not in path.relative_to(ROOT).parts
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and called(node.exc.func) in ("ValueError", "HTTPException", "AssertionError")
    ]
    # One that its own function catches and turns into a code.
    assert [place.partition(":")[0] for place in plain] == ["shared/http/models.py"]


def test_the_page_of_problems_matches_the_code():
    assert problems.PAGE.read_text() == problems.text(), "run `make problems`"
