"""A run of a minute keeps all that it acknowledged, and says so in one line."""

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.chaos


def test_a_short_run_loses_and_doubles_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", "--seed", "1", "--keep", str(tmp_path / "run")],
        env={**os.environ, "SMOKE": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    figures = json.loads(done.stdout.splitlines()[-1])
    assert (figures["lost"], figures["doubled"], figures["unrecorded"]) == (0, 0, 0), figures
    assert figures["faults"] > 3
    assert figures["acknowledged"] > 500
    assert done.returncode == 0, figures
