"""A process that works for another one ends with it, even in the middle of its work."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from shared.core.child_process import Child, ChildEnded, begin_as_child
from shared.testing import eventually
from tests.processes import is_gone

ROOT = Path(__file__).parents[3]
AT_WORK = "at work"


def works(pipe):
    """Work as a child does, and take nothing from the pipe meanwhile."""
    begin_as_child()
    pipe.send(AT_WORK)
    time.sleep(600)


def answers(pipe):
    """Return each message."""
    begin_as_child()
    while True:
        pipe.send(pipe.recv())


PARENT = """
import sys, time
from shared.core.child_process import Child
from tests.unit.shared.test_child_process import works

if __name__ == "__main__":
    child = Child.spawn(works, name="worker")
    print(child.receive(60), child.pid, flush=True)
    time.sleep(600)
"""


async def test_a_child_at_work_ends_with_its_parent(tmp_path):
    (tmp_path / "parent.py").write_text(PARENT)
    command = [sys.executable, str(tmp_path / "parent.py")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        *at_work, pid = parent.stdout.readline().split()
        assert " ".join(at_work) == AT_WORK
        assert not is_gone(int(pid))
        parent.kill()
    await eventually(lambda: is_gone(int(pid)))


@pytest.fixture
def child():
    child = Child.spawn(answers, name="worker")
    yield child
    with suppress(ProcessLookupError):  # or it would be waited for, if the class did not kill it
        os.kill(child.pid, signal.SIGKILL)
    child.close()


def test_a_child_leaves_ctrl_c_to_its_parent(child):
    child.send("first", 10)
    assert child.receive(60) == "first"
    os.kill(child.pid, signal.SIGINT)
    child.send("second", 10)
    assert child.receive(10) == "second"


def test_a_child_that_gives_no_answer_in_time_is_killed(child):
    child.send("first", 10)
    assert child.receive(60) == "first"
    with pytest.raises(ChildEnded, match=r"it gave no answer within 0\.2 s"):
        child.receive(0.2)
    child._process.join(10)
    assert child._process.exitcode == -signal.SIGKILL
