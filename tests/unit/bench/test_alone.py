"""Every `make bench-…` holds the lock that training watches."""

import os
import re
import sys
from pathlib import Path

import pytest

from tests.bench import alone
from training.pausing import is_held, locks


class Replaced(Exception):
    """This process would be the bench now."""


@pytest.fixture
def bench(monkeypatch, tmp_path):
    """Give the command of the bench that would run, and close its lock at the end."""
    monkeypatch.setenv("BENCH_LOCKS", f"{tmp_path}/own{os.pathsep}{tmp_path}/other")
    inherited, commands = [], []

    def become(_, command):
        commands.append(command)
        raise Replaced

    monkeypatch.setattr(os, "set_inheritable", lambda descriptor, _: inherited.append(descriptor))
    monkeypatch.setattr(os, "execv", become)
    yield commands
    for descriptor in inherited:
        os.close(descriptor)


def test_a_bench_holds_its_lock_alone(bench):
    own, other = locks()
    assert not is_held(own)
    with pytest.raises(Replaced):
        alone.main(["reads", "--kafka", "apache"])
    assert bench == [[sys.executable, "-m", "tests.bench.reads", "--kafka", "apache"]]
    assert is_held(own)
    assert not is_held(other)


def test_every_bench_of_the_makefile_holds_the_lock():
    text = (Path(__file__).parents[3] / "Makefile").read_text()
    targets = re.findall(r"^bench-\w+:.*\n((?:\t.*\n)+)", text, re.MULTILINE)
    assert len(targets) > 10
    assert all(recipe.count("$(BENCH) ") == 1 for recipe in targets)
    for other in ("tests.bench.alone", "tests.bench.plot_searches"):  # no benches
        text = text.replace(other, "")
    assert "tests.bench." not in text
