"""The machine of one process as it sees it: a disk that is full or slow, a clock that is off.

`machine.c` is preloaded into the process and reads its state from a file, so this needs a C compiler and no rights.
What it does not reach: writes through a memory map (Kafka's indexes), and a process linked without a C library.
"""

import mmap
import shutil
import struct
import subprocess
from pathlib import Path

from local.stack.process import LocalError

_SOURCE = Path(__file__).with_name("machine.c")
_STATE = struct.Struct("<qii")


def build(folder: Path) -> Path:
    """Compile the library into `folder`; returns its path. Raises: LocalError."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise LocalError("this needs a C compiler: apt-get install gcc libc6-dev")
    library = folder / "machine.so"
    command = [compiler, "-shared", "-fPIC", "-O2", "-Wall", "-o", str(library), str(_SOURCE)]
    done = subprocess.run([*command, "-ldl"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LocalError(f"{_SOURCE.name} does not compile: {done.stderr[-1000:]}")
    return library


class Machine:
    """The state of one process's machine; the file lies on the disk that it is about."""

    def __init__(self, library: Path, path: Path) -> None:
        self._library = library
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(_STATE.size))
        path.chmod(0o644)
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _STATE.size)
        self._clock_s, self._full, self._slow_s = 0.0, False, 0.0

    def environment(self) -> dict[str, str]:
        """Return the variables of a process on this machine."""
        return {"LD_PRELOAD": str(self._library), "CHAOS_MACHINE": str(self._path)}

    def step_clock(self, seconds: float) -> None:
        """Set the clock so far off the right time; 0 sets it right."""
        self._clock_s = seconds
        self._write()

    def fill_disk(self, full: bool) -> None:
        """Make each write fail that would need more disk."""
        self._full = full
        self._write()

    def slow_disk(self, seconds: float) -> None:
        """Let each sync take this much longer, and each write a tenth of it."""
        self._slow_s = seconds
        self._write()

    def _write(self) -> None:
        self._map[:] = _STATE.pack(
            round(self._clock_s * 1e9), int(self._full), round(self._slow_s * 1e6)
        )
