"""Functions changed in place: every holder of one runs the changed code; other changes are reported."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.conformance.patching import NotInPlace, replace

BEFORE = """
import functools

LIMIT = 5

def decorated(function):
    @functools.wraps(function)
    def wrapper(*args):
        return ("wrapped", function(*args))
    return wrapper

@decorated
def shut(count):
    return count < LIMIT

class Gate:
    @property
    def width(self):
        return 2

    @staticmethod
    def made():
        return lambda: 7

    async def open(self):
        return 1

def counter():
    count = 0
    def more():
        nonlocal count
        count += 1
        return count
    return more

MORE = counter()
"""


@pytest.fixture
def module(tmp_path: Path) -> ModuleType:
    file = tmp_path / "gate_in_place.py"
    file.write_text(BEFORE)
    spec = importlib.util.spec_from_file_location("gate_in_place", file)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def change(module: ModuleType, find: str, put: str, ran: set[int] | None = None) -> int:
    assert BEFORE.count(find) == 1
    return replace(str(module.__file__), BEFORE, BEFORE.replace(find, put), ran or set())


def test_a_patch_of_a_decorated_function_reaches_existing_references(module):
    held = module.shut
    assert held(5) == ("wrapped", False)
    assert change(module, "count < LIMIT", "count <= LIMIT") == 1
    assert held(5) == ("wrapped", True)
    assert held is module.shut


def test_an_existing_wrapper_is_patched(module):
    change(module, '"wrapped"', '"changed"')
    assert module.shut(5) == ("changed", False)


def test_a_property_is_patched(module):
    gate = module.Gate()
    change(module, "        return 2", "\n        return 3")
    assert gate.width == 3


def test_a_patch_reaches_functions_that_the_patched_function_created(module):
    made = module.Gate.made()
    change(module, "lambda: 7", "lambda: 8")
    assert made() == 8
    assert module.Gate.made()() == 8


def test_a_patched_closure_keeps_its_variables(module):
    assert module.MORE() == 1
    change(module, "count += 1", "count += 10")
    assert module.MORE() == 11
    assert module.counter()() == 10


@pytest.mark.parametrize(
    ("find", "put"),
    [
        ("LIMIT = 5", "LIMIT = 6"),
        ("def shut(count)", "def shut(count, more=1)"),
        ("@decorated\n", ""),
        ("class Gate:", "class Gate(list):"),
        ("    @property\n", ""),
        ("    async def open", "    def open"),
        ("        nonlocal count\n        count += 1", "        count = 1"),
        ("        return 2", "        yield 2"),
    ],
)
def test_a_value_created_at_import_is_not_patched_in_place(module, find, put):
    with pytest.raises(NotInPlace):
        change(module, find, put)
    assert module.shut(5) == ("wrapped", False)
    assert module.Gate().width == 2


def test_code_that_ran_at_import_is_not_patched_in_place(module):
    with pytest.raises(NotInPlace, match="imports run"):
        change(module, "count < LIMIT", "count <= LIMIT", {14})


def test_a_function_of_another_file_is_not_patched(module, tmp_path):
    with pytest.raises(NotInPlace, match="no function"):
        replace(str(tmp_path / "other.py"), BEFORE, BEFORE.replace("return 2", "return 3"), set())
    assert "gate_in_place" not in sys.modules
    assert module.Gate().width == 2
