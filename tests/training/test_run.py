"""A run is described by `run.toml`, and goes on with the code of its commit alone."""

import subprocess
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from tests.training.toy import RUN
from training import run as runs
from training.fresh import Fresh, augmenting
from training.run import CannotRun


@pytest.fixture
def checkout(tmp_path):
    """Return a repository with some code, and a run of its commit."""
    for name in ("training/a.py", "scenes/b.py", "services/audit/c.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one\n")
    git(tmp_path, "init", "-q")
    commit(tmp_path)
    return tmp_path, replace(RUN, commit=runs.head(tmp_path))


def git(root, *arguments):
    names = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    subprocess.run(["git", "-C", str(root), *names, *arguments], check=True, capture_output=True)


def commit(root):
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "code")


def test_a_run_goes_on_with_other_runs_and_other_code_beside_it(checkout):
    root, run = checkout
    (root / "training/runs/toy").mkdir(parents=True)
    (root / "training/runs/toy/last").write_text("weights")
    (root / "services/audit/c.py").write_text("two\n")
    runs.check(root, run)
    commit(root)
    runs.check(root, run)


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("name", ["training/a.py", "scenes/b.py", "training/new.py"])
def test_a_run_of_another_commit_is_refused_with_what_to_do(name, committed, checkout):
    root, run = checkout
    (root / name).write_text("two\n")
    if committed:
        commit(root)
    with pytest.raises(CannotRun) as refused:
        runs.check(root, run)
    assert name in str(refused.value)
    assert f"git worktree add --detach ../run-toy {run.commit[:12]}" in str(refused.value)


def test_a_new_run_needs_committed_code(checkout):
    root, _ = checkout
    (root / "training/a.py").write_text("two\n")
    with pytest.raises(CannotRun, match="Commit the code first"):
        runs.head(root)


def test_the_description_of_a_run_is_read_as_it_was_written(tmp_path):
    (tmp_path / "run.toml").write_text(runs.text_of(RUN))
    assert runs.read(tmp_path) == RUN


def test_a_description_without_a_value_is_refused(tmp_path):
    text = runs.text_of(RUN).replace("steps = 160\n", "")
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(CannotRun, match="steps"):
        runs.read(tmp_path)


@pytest.mark.parametrize("name", ["", "../x", "A", "a/b", "a" * 81])
def test_a_name_that_is_no_folder_is_refused(name):
    with pytest.raises(CannotRun):
        runs.named(name)


def drawn(key):
    return float(np.random.default_rng(key).random())


def test_the_pictures_of_a_step_follow_from_its_number_and_the_seed():
    def fresh(seed):
        return Fresh(lambda key: partial(drawn, key), seed, reuse=3, gap=4)

    whole, late, other = fresh(1), fresh(1), fresh(2)
    steps = [whole.of(step) for step in range(1, 30)]
    assert [late.of(step) for step in range(20, 30)] == steps[19:]
    assert other.of(1) != steps[0]
    assert steps[8] == [steps[8][0], steps[4][0], steps[0][0]]
    assert len({group for step in steps for group in step}) == 29 + 8
    assert len(np.unique(steps[0])) == 3


def test_the_pictures_of_the_next_steps_are_begun_early_and_once_and_are_the_same():
    begun = []

    def begin(key):
        begun.append(key)
        return partial(drawn, key)

    ahead = Fresh(begin, 1, reuse=3, gap=4, ahead=2)
    first = ahead.of(1)
    assert len(begun) == 3 + 2
    usual = Fresh(lambda key: partial(drawn, key), 1, reuse=3, gap=4)
    assert [first, *map(ahead.of, range(2, 30))] == [usual.of(step) for step in range(1, 30)]
    assert len(set(begun)) == len(begun) == 29 + 8 + 2


def test_the_shares_of_a_step_are_augmented_differently_and_the_same_again():
    one, other = augmenting(3, 5, 2)
    again = [rng.random() for rng in augmenting(3, 5, 2)]
    assert [one.random(), other.random()] == again
    assert again[0] != again[1]
    assert augmenting(3, 6, 1)[0].random() != augmenting(3, 5, 1)[0].random()


@pytest.mark.parametrize("name", ["widths", "teachers"])
def test_a_list_that_the_first_runs_did_not_write_is_empty(name, tmp_path):
    text = runs.text_of(RUN)
    assert f"{name} = []\n" in text
    (tmp_path / "run.toml").write_text(text.replace(f"{name} = []\n", ""))
    assert runs.read(tmp_path) == RUN


def test_a_run_keeps_the_names_of_its_teachers(tmp_path):
    run = replace(RUN, teachers=("training/runs/a/last", "training/runs/b/last"))
    (tmp_path / "run.toml").write_text(runs.text_of(run))
    assert runs.read(tmp_path) == run
