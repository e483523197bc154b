"""CPU by part: a part includes all processes that it started, each counted once."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from local.commands.cpu import between, used_s, wakes
from local.stack.state_file import Running

BURN = "import time; end = time.process_time() + 0.3\nwhile time.process_time() < end: pass\n"
WAITS = (
    "import sys, threading, time\n"
    "def wait():\n"
    "    for _ in range(200): time.sleep(0.001)\n"  # each is a wait, and so a wake, of that thread
    "    print('done', flush=True)\n"
    "    sys.stdin.read()\n"
    "threading.Thread(target=wait).start()"
)
WITH_CHILDREN = (
    "import subprocess, sys\n"
    f"subprocess.run([sys.executable, '-c', {BURN!r}])\n"  # has ended by the time of the measurement
    f"{BURN}print('done', flush=True); sys.stdin.read()"
)


@pytest.fixture
def part() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", WITH_CHILDREN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
        yield process
        process.kill()


def test_a_part_is_counted_with_its_children_alive_or_dead(part: subprocess.Popen[str]) -> None:
    used = used_s(Running(os.getpid(), {}, {"part": part.pid}))
    assert 0.5 < used["part"] < 2


def test_a_process_below_another_is_not_counted_twice(part: subprocess.Popen[str]) -> None:
    both = used_s(Running(os.getpid(), {}, {"part": part.pid}))
    alone = used_s(Running(os.getpid(), {}, {}))
    assert alone["supervisor"] - both["supervisor"] == pytest.approx(both["part"], abs=0.1)


def test_cpu_use_between_two_measurements_is_their_difference() -> None:
    running = Running(os.getpid(), {}, {})
    before = used_s(running)
    end = time.process_time() + 0.2
    while time.process_time() < end:
        pass
    spent = between(before, used_s(running))
    assert 0.15 < spent["supervisor"] < 1
    assert spent["total"] == spent["supervisor"]


def test_an_ended_process_counts_as_zero_cpu() -> None:
    assert used_s(Running(os.getpid(), {}, {"gone": 2**22 + 1}))["gone"] == 0


def test_wakes_are_counted_over_all_threads_of_a_part() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WAITS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as part:
        assert part.stdout is not None
        assert part.stdout.readline() == "done\n"
        woken = wakes(Running(os.getpid(), {}, {"part": part.pid, "gone": 2**22 + 1}))
        part.kill()
    assert 200 <= woken["part"] < 1000
    assert woken["gone"] == 0
