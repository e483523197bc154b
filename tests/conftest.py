"""Fixtures of all tests. Sockets are blocked outside integration, e2e and bench (pytest-socket)."""

import contextvars
import functools
import inspect
import logging
import os
from pathlib import Path

import pytest
from pytest_socket import disable_socket, enable_socket

from shared.core.collector import spare_collector

os.environ.setdefault("KAFKA_ALLOW_ONE_COPY", "true")  # the brokers of tests have no others

WITH_SOCKETS = {"integration", "e2e", "bench", "browser", "chaos", "conformance"}


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Collect garbage as seldom as services do: a twentieth of the time."""
    spare_collector()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function):
    """Run each test in a context of its own: the trace or the request that one sets is not that of the next."""
    test = pyfuncitem.obj
    if inspect.iscoroutinefunction(test):
        return (yield)
    pyfuncitem.obj = functools.partial(contextvars.copy_context().run, test)
    try:
        return (yield)
    finally:
        pyfuncitem.obj = test


@pytest.fixture(autouse=True)
def _sockets(request: pytest.FixtureRequest):
    """Only tests that need a server may open one."""
    level = request.path.relative_to(Path(__file__).parent).parts[0]
    if level in WITH_SOCKETS:
        enable_socket()
    else:
        disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


@pytest.fixture(autouse=True)
def _logs():
    """End what a test set up to log: its stream is closed afterwards, and a later line would fail on it."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    for handler in root.handlers[:]:
        if type(handler) is logging.StreamHandler and handler not in before:
            root.removeHandler(handler)
    root.setLevel(level)
