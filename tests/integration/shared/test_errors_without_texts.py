"""Nothing that a process of ours writes has the text of another software's error, whichever way the error took.

Each way is taken by a process of its own, as services and commands run, and all that it writes is read.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from local.stack.process import free_port

PLATE = "7ABC123"

OUTSIDE = """
import asyncio, logging, threading, gc
from shared.core.logs import configure_logging
configure_logging({how!r})
plate = "7ABC" "123"
def fail(*given):
    raise ValueError(f"value {{plate}}")
"""

WAYS = {
    "the program": "fail()",
    "a thread": "one = threading.Thread(target=fail); one.start(); one.join()",
    "a clean-up": "made = type('Made', (), {'__del__': fail})(); del made",
    "a task": """
async def failing():
    fail()
async def main():
    task = asyncio.create_task(failing())
    await asyncio.wait([task])
    del task
    gc.collect()
asyncio.run(main())
""",
    "a callback": """
async def main():
    asyncio.get_running_loop().call_soon(fail, plate)
    await asyncio.sleep(0.1)
asyncio.run(main())
""",
    "a callback of uvloop": """
import uvloop
async def main():
    asyncio.get_running_loop().call_soon(fail, plate)
    await asyncio.sleep(0.1)
uvloop.run(main())
""",
    "an argument": """
try:
    fail()
except ValueError as exc:
    logging.getLogger("library").error("failed: %s", exc)
""",
    "a named argument": """
try:
    fail()
except ValueError as exc:
    logging.getLogger("library").error("failed: %(why)s", {"why": exc})
""",
    "a message": """
try:
    fail()
except ValueError as exc:
    logging.getLogger("library").error(exc)
""",
    "a message that does not fit": """
try:
    fail()
except ValueError as exc:
    logging.getLogger("library").error("ValueError %d", plate)
""",
}


def written_by(program: str, folder: Path) -> tuple[int, str]:
    """Run a program; return its exit status, and all that it wrote."""
    file = folder / "program.py"
    file.write_text(program)
    done = subprocess.run(
        [sys.executable, str(file)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={
            "PYTHONPATH": str(Path(__file__).parents[3]),
            "PORT": str(free_port()),
            "HOST": "127.0.0.1",
        },
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("how", ["text", "json"])
@pytest.mark.parametrize("way", WAYS)
def test_an_error_is_written_by_its_type_whichever_way_it_took(
    way: str, how: str, tmp_path: Path
) -> None:
    _, written = written_by(OUTSIDE.format(how=how) + WAYS[way], tmp_path)
    assert "ValueError" in written
    assert PLATE not in written


def test_before_logging_is_configured_an_error_is_written_by_its_type(tmp_path: Path) -> None:
    program = """
import logging, sys
import click
from services.registry import SPECS
from shared.service import command

@command.command("work")
def work():
    try:
        int("7ABC" "123")
    except ValueError:
        logging.getLogger("of a test").exception("failed")
    raise LookupError("7ABC" "123")

sys.exit(command.status_of(SPECS["audit"], command.by_name(work), ["work"]))
"""
    status, written = written_by(program, tmp_path)
    assert status == 2
    assert "builtins.ValueError" in written
    assert "builtins.LookupError" in written
    assert "program.py" in written, "where it came from is shown"
    assert PLATE not in written


def test_an_error_that_ends_a_process_of_a_service_is_written_by_its_type(tmp_path: Path) -> None:
    program = """
from shared.core.child_process import Child, ChildEnded

def work(pipe):
    raise ValueError("7ABC" "123")

if __name__ == "__main__":
    child = Child.spawn(work, name="worker of a test")
    try:
        child.receive(60)
    except ChildEnded as exc:
        print(exc)
"""
    _, written = written_by(program, tmp_path)
    assert "it ended with 1" in written
    assert "worker of a test" in written
    assert "builtins.ValueError" in written
    assert PLATE not in written


@pytest.mark.parametrize("when", ["start", "stop"])
def test_a_service_that_does_not_start_or_stop_names_the_error_by_its_type(
    tmp_path: Path, when: str
) -> None:
    program = f"""
import asyncio, os, signal
from contextlib import asynccontextmanager
from fastapi import FastAPI
from shared.core.errors import InternalFault
from shared.service.serve import serve
from shared.service.settings import CommonSettings
from shared.service.spec import ServiceSpec

@asynccontextmanager
async def lifespan(app):
    if {when!r} == "stop":
        asyncio.get_running_loop().call_later(0.5, os.kill, os.getpid(), signal.SIGTERM)
        yield
    try:
        raise ValueError("7ABC" "123")
    except ValueError as exc:
        raise InternalFault("the tables are odd") from exc
    yield

class Odd(ServiceSpec):
    def settings_class(self):
        return CommonSettings
    def build_app(self, settings):
        return FastAPI(lifespan=lifespan)

serve(Odd(name="odd", description=""))
"""
    _, written = written_by(program, tmp_path)
    assert "InternalFault: the tables are odd" in written
    assert "builtins.ValueError" in written
    assert PLATE not in written


def test_a_setting_that_is_refused_is_named_and_no_traceback_is_written(tmp_path: Path) -> None:
    program = """
import os, sys
from services.registry import SPECS
from shared.service import command

os.environ["PORT"] = "0"
sys.exit(command.status_of(SPECS["audit"], {}, []))
"""
    status, written = written_by(program, tmp_path)
    assert status == 2
    assert "audit: port: Input should be greater than or equal to 1" in written
    assert "Traceback" not in written
