"""The program that reads crops: what its environment has."""

import shlex
import sys
from pathlib import Path

import pytest

from services.retention.actions.crop_engine import crop_engine

SAYS_ITS_ENVIRONMENT = """
import json, os
names = sorted(n for n in os.environ if n.startswith(("RECOGNITION", "POLICY", "DATABASE")))
print(json.dumps({"engine": " ".join(f"{n}={os.environ[n]}" for n in names)}), flush=True)
input()
"""


@pytest.mark.clause("468.4(c)/region-packs")
async def test_the_program_gets_recognitions_settings_and_the_policy_and_no_secret(monkeypatch):
    monkeypatch.setenv("RECOGNITION_DETECTOR_PX", "640")
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    command = shlex.join([sys.executable, "-c", SAYS_ITS_ENVIRONMENT])
    async with crop_engine(command, Path("/etc/policy.toml")) as engine:
        assert engine.engine == "POLICY_FILE=/etc/policy.toml RECOGNITION_DETECTOR_PX=640"
