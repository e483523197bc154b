"""Runs the commands of a page of docs/operations, and does what its department does."""

import os
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from local.demo.story import StepFailed
from local.stack.servers import ROOT
from local.stack.services import APIS

BLOCK = re.compile(r"^ *```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
ALL_APIS = ["--port", "0", "--services", ",".join(APIS)]


@dataclass
class Page:
    """A page's commands, run in a folder of a machine that has a checkout."""

    folder: Path
    page: Path
    names: dict[str, str] = field(default_factory=dict)
    """What stands for the names of places and keys on the page."""
    ran: list[str] = field(default_factory=list)

    def __post_init__(self):
        (self.folder / ".venv").symlink_to(sys.prefix)
        self.blocks = BLOCK.findall(self.page.read_text())

    def run(self, words, **given):
        """Run the one block with these words; return what it prints."""
        [block] = [one for one in self.blocks if words in one]
        self.ran.append(block)
        commands = textwrap.dedent(block)
        for name, meant in self.names.items():
            commands = commands.replace(name, meant)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=self.folder,
            env={**os.environ, "POLICY_FILE": str(ROOT / "policy.toml"), **given},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{commands}\nended with {done.returncode}:\n{done.stdout}"
        return done.stdout


async def post(api, people, plate):
    """Post a read as a camera does."""
    device = people.devices[0]
    read = {
        "source_id": plate,
        "plate": plate,
        "region": "US-CA",
        "confidence": 0.93,
        "captured_at": datetime.now(UTC).isoformat(),
    }
    headers = {"Authorization": f"Bearer {device.credential}"}
    await api.must("ingest", "POST", "/v1/reads", json=[read], headers=headers)


async def signed_in(person):
    """Sign in; a code is accepted once, so this may have to wait for the next one."""
    try:
        await person.sign_in()
    except StepFailed:
        return False
    return True
