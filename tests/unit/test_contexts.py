"""The context of each test is its own (tests/conftest.py)."""

from contextvars import ContextVar

import pytest

LEFT = ContextVar("LEFT", default="")


def called(request, test):
    """Run a function as pytest runs a test."""
    item = pytest.Function.from_parent(request.node.parent, name="called", callobj=test)
    try:
        request.config.hook.pytest_pyfunc_call(pyfuncitem=item)
    finally:
        assert item.obj is test, "its own function again"


def test_what_a_test_sets_in_its_context_is_gone_after_it(request):
    seen = []

    def sets_it():
        LEFT.set("left by a test")
        seen.append(LEFT.get())

    called(request, sets_it)
    assert seen == ["left by a test"]
    assert LEFT.get() == ""


def test_a_test_has_the_context_of_its_fixtures(request):
    seen = []
    LEFT.set("set by a fixture")
    called(request, lambda: seen.append(LEFT.get()))
    assert seen == ["set by a fixture"]


def test_what_a_test_sets_is_gone_though_it_fails(request):
    def fails():
        LEFT.set("left by a test")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        called(request, fails)
    assert LEFT.get() == ""
