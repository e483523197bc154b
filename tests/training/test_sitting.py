"""A run goes on after any cut as if there had been none, but for the optimiser; it pauses for benches."""

import fcntl
import itertools
import json
import random
import threading
import time
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training import toy
from training import saved
from training.ahead import Ahead
from training.reader_net import ReaderNet
from training.rendering import HARD
from training.run import CannotRun
from training.samples import REGIONS
from training.saved import NotAWrite, Saved
from training.sitting import Sitting, alone
from training.tasks import Detecting, Naming, Reading


def lines(path):
    return path.read_text().splitlines()


def log(folder):
    return [json.loads(line) for line in lines(folder / "log.jsonl")]


@contextmanager
def killed(work, *arguments):
    """Do some work in a fork of this process until the end of the block, then kill it."""
    child = get_context("fork").Process(target=work, args=arguments)
    child.start()
    try:
        yield
    finally:
        child.kill()
        child.join()
        child.close()


def train(folder, trace):
    toy.sitting(folder, trace, slow_s=0.003).go_on()


def write_again_and_again(folder):
    for step in itertools.count(1):
        weights = {"a": np.full((600, 1000), step % 2000, np.float32), "b": np.full(7, step)}
        saved.write(folder, Saved(weights, step, 5))


def wait_for(condition, limit_s=120.0):
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def step_of(folder):
    before = saved.read(folder)
    return before.step if before else 0


@pytest.fixture(scope="module")
def uncut(tmp_path_factory):
    """Return the folder and the trace of a run without a cut."""
    here = tmp_path_factory.mktemp("uncut")
    toy.sitting(here / "toy", here / "trace").go_on()
    return here / "toy", here / "trace"


@pytest.fixture(scope="module")
def cut(tmp_path_factory):
    """Return the folder and the traces of a run that was killed once, and the step that it went on from."""
    here = tmp_path_factory.mktemp("cut")
    with killed(train, here / "toy", here / "first"):
        wait_for(lambda: step_of(here / "toy") > 5)
        time.sleep(random.uniform(0, 0.25))
    step = step_of(here / "toy")
    toy.sitting(here / "toy", here / "second").go_on()
    return here / "toy", here / "first", here / "second", step


def test_a_killed_run_sees_the_pictures_that_one_without_a_cut_sees(uncut, cut):
    _, whole = uncut
    _, first, second, step = cut
    assert 5 < step < toy.RUN.steps
    assert lines(first) == lines(whole)[: len(lines(first))]
    assert lines(second) == lines(whole)[2 * step :]


def test_a_kill_costs_no_more_than_a_cold_start_of_the_optimiser(cut, uncut, tmp_path):
    folder, _, _, step = cut
    toy.sitting(tmp_path / "toy", tmp_path / "trace").go_on(until=step)
    toy.sitting(tmp_path / "toy", tmp_path / "trace").go_on()
    killed, restarted = saved.read(folder), saved.read(tmp_path / "toy")
    assert killed.step == restarted.step == toy.RUN.steps
    assert killed.weights.keys() == restarted.weights.keys()
    for name, array in killed.weights.items():
        assert np.array_equal(array, restarted.weights[name]), name
    assert log(folder)[-1]["exact"] == pytest.approx(log(uncut[0])[-1]["exact"], abs=0.1)


def test_the_log_goes_on_after_a_kill_without_steps_that_are_lost(cut):
    folder, _, _, step = cut
    steps = [line["step"] for line in log(folder)]
    assert steps == sorted(set(steps))
    assert {line["sitting_from"] for line in log(folder) if line["step"] <= step} <= {0}
    last = log(folder)[-1]
    assert {"loss", "exact", "folded", "rate", "wall_s", "cpu_s", "paused_s"} <= set(last)
    assert last["sitting_from"] == step
    assert [line["wall_s"] for line in log(folder)] == sorted(
        line["wall_s"] for line in log(folder)
    )


def train_ahead(folder, trace):
    with closing(Ahead(partial(toy.Toy, trace), 1)) as ahead:
        toy.sitting(folder, trace, slow_s=0.003, threads=2, ahead=ahead).go_on()


def test_pictures_rendered_ahead_and_learnt_in_threads_are_the_same(uncut, tmp_path):
    train_ahead(tmp_path / "toy", tmp_path / "trace")
    seen, whole = lines(tmp_path / "trace"), lines(uncut[1])
    steps = range(0, len(whole), 2)
    assert len(seen) == len(whole)
    assert [set(seen[at : at + 2]) for at in steps] == [set(whole[at : at + 2]) for at in steps]
    assert log(tmp_path / "toy")[-1]["exact"] > 0.8


def test_processes_that_render_end_when_the_run_is_killed(tmp_path):
    def renderers():
        mine = f"PLATEWARD_TOY={tmp_path}".encode()
        return [
            pid
            for pid in (int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit())
            if mine in environment(pid) and b"spawn_main" in command(pid)
        ]

    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PLATEWARD_TOY", str(tmp_path))
        with killed(train_ahead, tmp_path / "toy", tmp_path / "trace"):
            wait_for((tmp_path / "trace").exists)
            assert len(renderers()) == 1
    wait_for(lambda: not renderers(), 20)


def environment(pid):
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def command(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_the_run_learns(uncut):
    figures = [line["exact"] for line in log(uncut[0])]
    assert figures[-1] > 0.8


@pytest.mark.parametrize("after_s", [0.0, 0.02, 0.05])
def test_a_kill_while_it_is_written_leaves_a_whole_file(after_s, tmp_path):
    with killed(write_again_and_again, tmp_path):
        wait_for((tmp_path / "last").exists)
        time.sleep(after_s + random.uniform(0, 0.03))
    found = saved.read(tmp_path)
    assert found.seed == 5
    assert (found.weights["a"] == found.step % 2000).all()
    assert (found.weights["b"] == found.step).all()


def test_a_torn_file_is_refused(tmp_path):
    saved.write(tmp_path, Saved({"a": np.ones((40, 40), np.float32)}, 7, 1))
    whole = (tmp_path / "last").read_bytes()
    (tmp_path / "last").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(NotAWrite, match="damaged"):
        saved.read(tmp_path)
    changed = bytearray(whole)
    changed[400] ^= 1
    (tmp_path / "last").write_bytes(changed)
    with pytest.raises(NotAWrite):
        saved.read(tmp_path)


def test_matrices_are_stored_in_16_bits_and_vectors_in_32(tmp_path):
    weights = {
        "matrix": np.ones((3, 3), np.float32),
        "vector": np.ones(3, np.float32),
        "count": np.array(4),
    }
    saved.write(tmp_path, Saved(weights, 1, 1))
    found = saved.read(tmp_path).weights
    assert [found[name].dtype for name in weights] == [np.float16, np.float32, np.int64]


def test_a_held_lock_pauses_training_within_a_second(tmp_path):
    lock, trace = tmp_path / "lock", tmp_path / "trace"
    sitting = toy.sitting(tmp_path / "toy", trace, locks=(lock,), slow_s=0.01, steps=100_000)
    training = threading.Thread(target=sitting.go_on)
    training.start()
    try:
        wait_for(trace.exists)
        with lock.open("w") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX)
            time.sleep(1)
            paused = len(lines(trace))
            time.sleep(0.5)
            assert len(lines(trace)) == paused
        wait_for(lambda: len(lines(trace)) > paused)
    finally:
        sitting._pause.is_over = True
        training.join()
    assert sitting._pause.s > 1
    assert step_of(tmp_path / "toy") == sitting.step


def test_a_paused_run_ends_at_once_and_writes_its_step(tmp_path):
    lock, trace = tmp_path / "lock", tmp_path / "trace"
    sitting = toy.sitting(tmp_path / "toy", trace, locks=(lock,), slow_s=0.01, every_s=9e9)
    training = threading.Thread(target=sitting.go_on)
    training.start()
    wait_for(lambda: sitting.step > 3)
    with lock.open("w") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        time.sleep(0.4)
        sitting._pause.is_over = True
        training.join(30)
        assert not training.is_alive()
    assert step_of(tmp_path / "toy") == sitting.step > 3


def test_a_second_sitting_of_a_run_is_refused(tmp_path):
    with alone(tmp_path), pytest.raises(CannotRun, match="in use"), alone(tmp_path):
        raise AssertionError
    with alone(tmp_path):
        pass


def test_another_seed_is_refused(tmp_path):
    toy.sitting(tmp_path, tmp_path / "trace", steps=2).go_on()
    run = replace(toy.RUN, seed=4)
    with pytest.raises(CannotRun, match="seed 3"):
        Sitting(tmp_path, run, toy.Toy(tmp_path / "trace"), toy.Pause(()), 1.0)


def test_a_run_has_a_reader_of_its_widths(tmp_path):
    widths = (8, 12, 16, 24, 32)
    run = replace(toy.RUN, batch=4, gap=1, held_out=4, steps=1, rate=1e-3, widths=widths)
    Sitting(tmp_path, run, Reading(run), toy.Pause(()), 9e9).go_on()
    weights = saved.read(tmp_path).tensors()
    read = ReaderNet.of(weights)
    assert [len(weights[f"body.{number}.0.weight"]) for number in (0, 1, 3, 5, 8)] == [*widths]
    assert read.state_dict().keys() == weights.keys()
    assert all(torch.equal(read.state_dict()[name], weights[name]) for name in weights)


TINY = (8, 12, 16, 24, 32)


def run_with_a_teacher(file):
    return replace(
        toy.RUN, batch=4, gap=1, held_out=4, steps=1, rate=1e-3, widths=TINY, teachers=(str(file),)
    )


def test_a_run_learns_from_its_teachers(tmp_path):
    torch.save(ReaderNet(len(REGIONS), TINY).state_dict(), tmp_path / "teacher.pt")
    run = run_with_a_teacher(tmp_path / "teacher.pt")
    losses = []
    for one in (run, replace(run, teachers=())):
        folder = tmp_path / str(len(losses))
        folder.mkdir()
        Sitting(folder, one, Reading(one), toy.Pause(()), 9e9).go_on()
        losses.append(log(folder)[-1]["loss"])
    assert losses[0] > losses[1]


def test_a_run_whose_teacher_is_missing_does_not_begin(tmp_path):
    with pytest.raises(CannotRun, match=r"nothing\.pt"):
        Reading(run_with_a_teacher(tmp_path / "nothing.pt"))


@pytest.mark.parametrize("net", ["reader", "detector", "states"])
def test_the_networks_train_in_two_sittings(net, tmp_path):
    run = replace(toy.RUN, net=net, batch=4, gap=1, held_out=4, steps=2, rate=1e-3)
    pause = toy.Pause(())
    task = {
        "reader": partial(Reading, run),
        "detector": partial(Detecting, run, tmp_path / "cache", None, pause, scenes=1),
        "states": partial(Naming, run),
    }[net]()
    Sitting(tmp_path, run, task, pause, 9e9).go_on(until=1)
    Sitting(tmp_path, run, task, pause, 9e9).go_on()
    assert [line["step"] for line in log(tmp_path)] == [1, 2]
    figure = {"reader": "folded", "detector": "recall", "states": "told_right"}[net]
    assert figure in log(tmp_path)[-1]
    most = {"reader": 4e6, "detector": 1.2e6, "states": 1.2e6}[net]
    assert (tmp_path / "last").stat().st_size < most


def test_a_detector_whose_dashcam_is_missing_is_refused(tmp_path):
    run = replace(toy.RUN, net="detector", dashcam=534)
    with pytest.raises(CannotRun, match="534 dashcam frames and found 0"):
        Detecting(run, tmp_path / "cache", None, toy.Pause(()), scenes=1)


def test_a_runs_configuration_excludes_typefaces_of_its_validation():
    assert not set(HARD.typefaces) & set(toy.RUN.validation.typefaces)
