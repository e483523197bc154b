"""The folder to which a source's extracts come: which files are complete, and where each goes then."""

import fcntl
import json
import os
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, BinaryIO

from shared.service.command import Unfinished

UNFINISHED_NAMES = (".part", ".partial", ".filepart", ".tmp")
"""Ends of names that programs give to a file until it is whole; they also begin such names with a dot."""

SECONDS_A_DAY = 86_400
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Waiting:
    """A complete file that waits for its delivery."""

    path: Path
    as_of: datetime | None
    """When the source made it; None if its name does not say so and has to."""

    @property
    def printable_name(self) -> str:
        """Its name, for lines of a terminal."""
        return "".join(one if one.isprintable() else "?" for one in self.path.name)


@dataclass(frozen=True)
class TimeInName:
    """The form of names that have the time of the extract."""

    form: str
    """As `strptime` reads the whole name, such as `svs_%Y%m%d%H%M.csv`."""

    zone: tzinfo

    def of(self, name: str) -> datetime | None:
        """Return the time in a name; None for a name of another form."""
        try:
            found = datetime.strptime(name, self.form)  # noqa: DTZ007 - the zone follows
        except ValueError:
            return None
        return found if found.tzinfo is not None else found.replace(tzinfo=self.zone)


class Inbox:
    """One folder, with `done` and `failed` in it, which one run at a time works on."""

    def __init__(self, folder: Path, *, steady_s: float, most_days: float) -> None:
        self._folder = folder
        self._steady_s = steady_s
        self._most_days = most_days

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs out. Raises: Unfinished while another run works on the folder; OSError."""
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise Unfinished(f"{self._folder}: another run works on this folder") from None
        finally:
            os.close(folder)

    def waiting(
        self, now_s: float, times: TimeInName | None, whole: Collection[str] = ()
    ) -> list[Waiting]:
        """Return the complete files by their time: those named in `whole`, and those last changed `steady_s` ago.

        The file system notes a change itself (`st_ctime`); no program can set that time, as it can the file's own.

        Raises: OSError.
        """
        found = []
        for path in self._folder.iterdir():
            known = path.lstat()
            named = path.name.startswith(".") or path.name.endswith(UNFINISHED_NAMES)
            if named or not stat.S_ISREG(known.st_mode):
                continue
            if path.name not in whole and now_s - known.st_ctime < self._steady_s:
                continue
            own = datetime.fromtimestamp(known.st_mtime, UTC)
            found.append(Waiting(path, own if times is None else times.of(path.name)))
        return sorted(found, key=lambda one: (one.as_of or _LAST, one.path.name))

    @contextmanager
    def put(self, name: str) -> Iterator[BinaryIO]:
        """Write a new file, which is complete and has its name when this ends without an error. Raises: OSError."""
        part = self._folder / f".{name}.part"
        try:
            with part.open("wb") as opened:
                yield opened
            part.replace(self._folder / name)
        finally:
            part.unlink(missing_ok=True)

    def done(self, one: Waiting, now: datetime) -> None:
        """Move a file that was delivered to `done`. Raises: OSError."""
        self._move(one, "done", now)

    def failed(self, one: Waiting, now: datetime, problem: Mapping[str, Any]) -> Path:
        """Move a file that was refused to `failed`; return the file beside it with the reason. Raises: OSError."""
        path = self._move(one, "failed", now)
        reason = path.with_name(f"{path.name}.reason.json")
        reason.write_text(json.dumps(problem, indent=1), encoding="utf-8")
        return reason

    def prune(self, now_s: float) -> None:
        """Delete files that were moved more than `most_days` ago: they have plates. Raises: OSError."""
        for name in ("done", "failed"):
            folder = self._folder / name
            for path in folder.iterdir() if _is_own(folder) else ():
                known = path.lstat()
                old = now_s - known.st_ctime > self._most_days * SECONDS_A_DAY
                if old and stat.S_ISREG(known.st_mode):
                    path.unlink()

    def _move(self, one: Waiting, name: str, now: datetime) -> Path:
        folder = self._folder / name
        folder.mkdir(mode=0o700, exist_ok=True)
        if not _is_own(folder):
            raise Unfinished(f"{folder} is a link: make it a folder")
        path = folder / f"{now:%Y%m%dT%H%M%S%f}-{one.path.name}"
        one.path.rename(path)
        return path


def _is_own(folder: Path) -> bool:
    """Whether a folder lies here, and not where who may write here lets it point."""
    return folder.is_dir() and not folder.is_symlink()
