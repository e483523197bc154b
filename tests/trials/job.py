"""The demonstration's main job, on a stack that runs."""

import asyncio
import io
import json
import time
from pathlib import Path

from rich.console import Console

from local.demo.client import Api
from local.demo.department import Department
from local.demo.frames import rendered
from local.demo.steps import main_job
from tests.trials.transcript import Failed, Transcript

SEED = 468


async def do_main_job(
    api: Api, people: Department, out: Transcript, folder: Path, frames: int, hot_list: str
) -> None:
    """Do the main job with rendered frames; prints its figures under the folder's name. Raises: Failed, StepFailed."""
    folder.mkdir(exist_ok=True)
    seed = SEED + len(out.figures) * 1000
    posted = list(await asyncio.to_thread(lambda: [*rendered(frames, seed)]))
    began = time.monotonic()
    story = await main_job(
        api, people, folder, posted, "rendered", every_s=1.0,
        console=Console(file=io.StringIO()), hot_list=hot_list,
    )  # fmt: skip
    if story.audit is None or not story.audit.ok:
        raise Failed("the exported audit log does not verify")
    if not story.reads or not story.alerts or story.release is None:
        raise Failed("the main job gave no read, no hit or no release")
    said = story.summary() | {"seconds": round(time.monotonic() - began)}
    out.line(f"the main job: {json.dumps(said)}", **{folder.name: said})
