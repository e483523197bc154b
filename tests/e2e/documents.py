"""Runs the commands of a document in one shell, as written, and compares what they print with what it shows.

A block fenced as `sh` is run; a block fenced as `text` right after it is what it prints, where `…` is any text. Other
blocks are not run.
"""

import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ANY = "…"


class NotAsWritten(AssertionError):
    """A document's command failed, or printed something else."""


@dataclass(frozen=True)
class Block:
    """Commands, and what they print; None if the document does not show it."""

    place: str
    """The document and the line of the first command."""

    commands: str
    printed: str | None


def blocks(path: Path) -> Iterator[Block]:
    """Yield a document's commands in order."""
    text = path.read_text()
    fences = list(FENCE.finditer(text))
    for number, fence in enumerate(fences):
        if fence[1] != "sh":
            continue
        after = fences[number + 1] if number + 1 < len(fences) else None
        shown = (
            after is not None
            and after[1] == "text"
            and not text[fence.end() : after.start()].strip()
        )
        line = text.count("\n", 0, fence.start()) + 2
        yield Block(f"{path.name}:{line}", fence[2], after[2] if shown and after else None)


def run(
    paths: Sequence[Path],
    *,
    folder: Path,
    scratch: Path,
    environment: Mapping[str, str],
    within_s: float,
) -> int:
    """Run the commands of documents, one after another in one shell; returns the number of blocks.

    Args:
        folder: where the commands run.
        scratch: a folder for what each block prints.
        environment: all variables of the shell.

    Raises: NotAsWritten.
    """
    found = [block for path in paths for block in blocks(path)]
    script = ["set -euo pipefail", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    for number, block in enumerate(found):
        script += [f"exec >'{scratch}/{number}'", block.commands]
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=folder, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=within_s,
    )  # fmt: skip
    for number, block in enumerate(found):
        printed = scratch / str(number)
        next_began = (scratch / str(number + 1)).exists()
        if not printed.exists() or (done.returncode != 0 and not next_began):
            text = printed.read_text() if printed.exists() else ""
            raise NotAsWritten(
                f"{block.place} ended with {done.returncode}:\n{done.stderr[-3000:]}\n{text[-3000:]}"
            )
        if block.printed is not None and not _agree(block.printed, text := printed.read_text()):
            raise NotAsWritten(
                f"{block.place} printed\n{text}\nand the document shows\n{block.printed}\n{done.stderr}"
            )
    return len(found)


def _agree(shown: str, printed: str) -> bool:
    wanted = ".*".join(re.escape(part) for part in shown.strip().split(ANY))
    return re.fullmatch(wanted, printed.strip(), re.DOTALL) is not None
