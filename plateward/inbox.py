"""A folder to which files come, extracts or pictures: which of them are complete, and where each goes then."""

import fcntl
import json
import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared.service.command import Unfinished

UNFINISHED_NAMES = (".part", ".partial", ".filepart", ".tmp")
"""Ends of names that programs give to a file until it is whole; they also begin such names with a dot."""

SECONDS_A_DAY = 86_400
MOVED = ("done", "failed")
"""Folders of files that were dealt with."""

_DIRECTIVE = re.compile("%[a-zA-Z]")
_PIECES = re.compile(r"%[a-zA-Z]|.", re.DOTALL)
_TWO_DIGITS = r"\d{2}"
_DIGITS = {"%Y": r"\d{4}", "%j": r"\d{3}", "%f": r"\d{1,6}"}
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Waiting:
    """A complete file that waits for its delivery."""

    path: Path
    as_of: datetime | None
    """When its source made it; None if its name does not say so and has to."""

    version: tuple[int, int, int]
    """Tells it from a file that its sender writes to the same name later: number, size and time of the change."""

    def is_unchanged(self) -> bool:
        """Whether it is the file that was found. Raises: OSError."""
        try:
            return _version_of(self.path.lstat()) == self.version
        except FileNotFoundError:
            return False

    @property
    def printable_name(self) -> str:
        """Its name, for lines of a terminal."""
        return "".join(one if one.isprintable() else "?" for one in self.path.name)


class TimeInName:
    """The form of names that have the time of what is in the file."""

    def __init__(self, form: str, zone: tzinfo) -> None:
        """Take a form.

        Args:
            form: as `strptime` reads a whole name, such as `svs_%Y%m%d%H%M.csv`; `*` stands for any characters.
            zone: where the clock that named the files stands.
        """
        self._form = form
        self._zone = zone
        self._pattern = None
        if "*" in form:
            self._pattern = re.compile("".join(map(_pattern_of, _PIECES.findall(form))))
            self._form = " ".join(_DIRECTIVE.findall(form))

    def of(self, name: str) -> datetime | None:
        """Return the time in a name; None for a name of another form."""
        if self._pattern is not None:
            if (matched := self._pattern.fullmatch(name)) is None:
                return None
            name = " ".join(matched.groups())
        try:
            found = datetime.strptime(name, self._form)  # noqa: DTZ007 - the zone follows
        except ValueError:
            return None
        return found if found.tzinfo is not None else found.replace(tzinfo=self._zone)


def zone_of(name: str) -> ZoneInfo:
    """Return a zone of times in names. Raises: ValueError, with what is allowed."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("give a name such as America/Los_Angeles") from None


class Inbox:
    """One folder, with `done` and `failed` in it, which one run at a time works on."""

    def __init__(
        self,
        folder: Path,
        *,
        steady_s: float,
        most_days: float,
        below: bool = False,
        ends: tuple[str, ...] = (),
    ) -> None:
        """Work on a folder.

        Args:
            folder: where files come.
            steady_s: how long a file must be unchanged to be complete.
            most_days: how long files stay in `done` and `failed`.
            below: whether files come to folders below it, too.
            ends: ends of names, in small letters; files with others are not its business. Empty: all are.
        """
        self._folder = folder
        self._steady_s = steady_s
        self._most_days = most_days
        self._below = below
        self._ends = ends

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
        for path in self._paths():
            try:
                known = path.lstat()
            except FileNotFoundError:  # its sender has renamed or deleted it
                continue
            if not stat.S_ISREG(known.st_mode):
                continue
            if path.name not in whole and now_s - known.st_ctime < self._steady_s:
                continue
            own = datetime.fromtimestamp(known.st_mtime, UTC)
            as_of = own if times is None else times.of(path.name)
            found.append(Waiting(path, as_of, _version_of(known)))
        return sorted(found, key=lambda one: (one.as_of or _LAST, one.path.name))

    def _paths(self) -> Iterator[Path]:
        """Yield the files whose names say that they are complete. Raises: OSError."""
        for folder, below, names in os.walk(self._folder, onerror=_raised):
            at_top = folder == os.fspath(self._folder)
            below[:] = [
                one
                for one in below
                if self._below and not one.startswith(".") and not (at_top and one in MOVED)
            ]
            for name in names:
                unfinished = name.startswith(".") or name.endswith(UNFINISHED_NAMES)
                if not unfinished and name.lower().endswith(self._ends or ""):
                    yield Path(folder, name)

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

    def delete(self, one: Waiting) -> None:
        """Delete a file, unless its sender has written it anew since it was found. Raises: OSError."""
        if one.is_unchanged():
            one.path.unlink(missing_ok=True)

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
        for name in MOVED:
            folder = self._folder / name
            for path in folder.iterdir() if _is_own(folder) else ():
                known = path.lstat()
                old = now_s - known.st_ctime > self._most_days * SECONDS_A_DAY
                if old and stat.S_ISREG(known.st_mode):
                    path.unlink()

    def prune_folders(self, now_s: float) -> None:
        """Delete folders below that are empty for more than a day, such as those that cameras make for each day."""
        for folder, _, _ in os.walk(self._folder, topdown=False):
            path = Path(folder)
            if path == self._folder or (path.parent == self._folder and path.name in MOVED):
                continue
            with suppress(OSError):  # it is not empty, or its owner's alone
                if now_s - path.lstat().st_mtime > SECONDS_A_DAY:
                    path.rmdir()

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


def _pattern_of(piece: str) -> str:
    """Return the pattern of a directive, of `*` or of another character in the form of a name."""
    if piece == "*":
        return ".*?"
    if _DIRECTIVE.fullmatch(piece):
        return f"({_DIGITS.get(piece, _TWO_DIGITS)})"
    return re.escape(piece)


def _version_of(known: os.stat_result) -> tuple[int, int, int]:
    return known.st_ino, known.st_size, known.st_mtime_ns


def _raised(error: OSError) -> None:
    raise error
