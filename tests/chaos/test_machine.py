"""A preloaded process sees a full or slow disk and another clock, and others do not."""

import json
import os
import subprocess
import sys
import time

import pytest

from tests.chaos.machine import Machine, build

pytestmark = pytest.mark.chaos

PROGRAM = """
import json, os, sys, time
seen = {"clock": time.time()}
try:
    with open(sys.argv[1], "r+b") as file:
        file.write(bytes(4096))
        file.flush()
        seen["over"] = True
        file.seek(0, 2)
        file.write(bytes(4096))
        file.flush()
except OSError as exc:
    seen["error"] = exc.errno
began = time.monotonic()
with open(sys.argv[1], "rb") as file:
    os.fsync(file.fileno())
seen["sync_s"] = time.monotonic() - began
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return build(tmp_path_factory.mktemp("library"))


@pytest.fixture
def machine(library, tmp_path):
    return Machine(library, tmp_path / "machine")


def seen_on(machine, tmp_path):
    file = tmp_path / "data"
    file.write_bytes(bytes(4096))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(file)],
        env={**os.environ, **machine.environment()},
        capture_output=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_a_machine_in_order_changes_nothing(machine, tmp_path):
    seen = seen_on(machine, tmp_path)
    assert abs(seen["clock"] - time.time()) < 5
    assert "error" not in seen
    assert seen["sync_s"] < 0.2


def test_on_a_full_disk_a_file_can_be_overwritten_but_not_made_longer(machine, tmp_path):
    machine.fill_disk(full=True)
    seen = seen_on(machine, tmp_path)
    assert (seen["over"], seen["error"]) == (True, 28)
    machine.fill_disk(full=False)
    assert "error" not in seen_on(machine, tmp_path)


def test_on_a_slow_disk_a_sync_takes_longer(machine, tmp_path):
    machine.slow_disk(0.3)
    assert seen_on(machine, tmp_path)["sync_s"] >= 0.3


@pytest.mark.parametrize("step_s", [-200.0, -0.75, 0.25, 60.0])
def test_a_clock_steps_for_its_process_alone(machine, tmp_path, step_s):
    machine.step_clock(step_s)
    off_s = seen_on(machine, tmp_path)["clock"] - time.time()
    assert step_s - 5 < off_s <= step_s
