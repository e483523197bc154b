"""Measures the CPU of a running stack by part, from /proc: `python -m local.commands.cpu --seconds 30`.

Also counts wakes: how often a thread that waited ran again. An idle stack's wakes are the same on every machine; their
CPU is not: it doubles where other guests of a virtual machine's host empty its caches between two wakes.

Each part includes its child processes, also those that ended: the kernel adds their time to the parent when the
parent waits for them.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from local.stack.state_file import Running, StateFile

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PARENT, _USED = 1, slice(11, 15)  # proc(5), fields counted after the name: ppid; utime to cstime


def used_s(running: Running) -> dict[str, float]:
    """Return the CPU seconds, user and system, of each part; `supervisor` is the stack's own process."""
    return _by_part(running, _processes())


def wakes(running: Running) -> dict[str, float]:
    """Return how often the threads of each part that run now have waited for something and run again."""
    processes = {pid: (parent, _wakes(pid)) for pid, (parent, _) in _processes().items()}
    return _by_part(running, processes)


def between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return the difference of two calls of `used_s`, or of `wakes`, by part and as `total`."""
    spent = {name: after[name] - before.get(name, 0.0) for name in after}
    return {**spent, "total": sum(spent.values())}


def _processes() -> dict[int, tuple[int, float]]:
    """Return the parent and the CPU seconds of every process."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except (FileNotFoundError, ProcessLookupError):  # it ended in the meantime
            continue
        fields = text.rpartition(")")[2].split()
        used = sum(map(int, fields[_USED])) / _TICKS_PER_S
        found[int(stat.parent.name)] = (int(fields[_PARENT]), used)
    return found


def _wakes(pid: int) -> float:
    """Return the voluntary context switches of a process's threads; 0 if it ended in the meantime."""
    counted = 0.0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        with suppress(FileNotFoundError, ProcessLookupError):
            counted += int(status.read_text().partition("\nvoluntary_ctxt_switches:")[2].split()[0])
    return counted


def _by_part(running: Running, processes: Mapping[int, tuple[int, float]]) -> dict[str, float]:
    pids = {"supervisor": running.pid, **running.processes}
    roots = set(pids.values())
    return {name: _sum(pid, processes, roots) for name, pid in pids.items()}


def _sum(pid: int, processes: Mapping[int, tuple[int, float]], roots: set[int]) -> float:
    """Return the figure of a part: its process and its descendants, without other parts."""
    below = [p for p, (parent, _) in processes.items() if parent == pid and p not in roots]
    own = processes[pid][1] if pid in processes else 0.0
    return own + sum(_sum(p, processes, roots) for p in below)


def main() -> int:
    """Print the share of one core that each part uses, then the same as JSON."""
    parser = argparse.ArgumentParser(prog="python -m local.commands.cpu", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("var"))
    parser.add_argument("--seconds", type=float, default=30.0)
    options = parser.parse_args()
    running = StateFile(options.folder / "stack.json").read()
    if running is None:
        print(f"no stack is up on {options.folder}", file=sys.stderr)
        return 1
    before, woken, began = used_s(running), wakes(running), time.monotonic()
    time.sleep(options.seconds)
    spent, wakes_more = between(before, used_s(running)), between(woken, wakes(running))
    wall_s = time.monotonic() - began
    percent = {name: round(100 * value / wall_s, 2) for name, value in spent.items()}
    per_s = {name: round(value / wall_s, 1) for name, value in wakes_more.items()}
    for name, value in percent.items():
        print(f"{name:12} {value:6.2f} % of a core, {per_s[name]:6.1f} wakes/s")
    print(
        json.dumps(
            {"seconds": round(wall_s, 1), "percent_of_a_core": percent, "wakes_per_s": per_s}
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
