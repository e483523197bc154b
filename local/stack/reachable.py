"""Folders that an unprivileged account can reach, for servers that refuse to run as root."""

import hashlib
import os
import shutil
import stat
from pathlib import Path

from local.stack.process import Account

STATE = Path("/var/lib/plateward")
"""Folder for data that `nobody` must reach when the checkout is below a closed folder and this process is root."""

_NOTE = ".stands-for"
"""Suffix of the files that record which folder each target replaces."""


def reachable(path: Path, account: Account) -> bool:
    """Whether the account may traverse every folder above `path`."""
    return all(_may_pass(folder.stat(), account) for folder in path.resolve().parents)


def _may_pass(status: os.stat_result, account: Account) -> bool:
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def pass_through(folder: Path) -> None:
    """Let other accounts traverse a folder without listing it."""
    folder.chmod(folder.stat().st_mode | 0o111)


def placed(wanted: Path, account: Account, *, state: Path = STATE) -> Path:
    """Return `wanted` if the account can reach it, else a folder below `state` that replaces it.

    `wanted` then is a link to that folder. If an operator removes the link with the data folder, `forget_removed`
    deletes its target too: a removed folder means removed data.
    """
    if wanted.is_symlink():
        return wanted.resolve()
    if wanted.exists() or reachable(wanted, account):
        return wanted
    forget_removed(_open_to_pass(state))
    name = f"{wanted.name}-{hashlib.sha256(os.fsencode(wanted.absolute())).hexdigest()[:16]}"
    target = state / name
    wanted.symlink_to(target)
    # Written after the link: `forget_removed` deletes a target that has a note and no link.
    (state / f"{name}{_NOTE}").write_text(str(wanted.absolute()))
    return target


def forget_removed(state: Path) -> None:
    """Remove the targets of folders that no longer exist."""
    for note in state.glob(f"*{_NOTE}"):
        try:
            stood_for = Path(note.read_text())
        except FileNotFoundError:
            continue  # another stack that is starting cleans up too
        if not stood_for.is_symlink():
            shutil.rmtree(note.with_suffix(""), ignore_errors=True)
            note.unlink(missing_ok=True)


def copied(folder: Path, name: str, account: Account, *, state: Path = STATE) -> Path:
    """Return `folder` if the account can reach and read it, else a copy below `state` called `name`.

    An installation made under umask 077 is closed to every other account, and so would its copy be.
    """
    if reachable(folder, account) and _is_open_to_read(folder):
        return folder
    target = _open_to_pass(state) / name
    if not target.exists():
        unfinished = target.with_name(f"{name}.{os.getpid()}")
        shutil.copytree(folder, unfinished, symlinks=True)
        _open_to_read(unfinished)
        unfinished.rename(target)
    elif not _is_open_to_read(target):
        _open_to_read(target)
    return target


def _is_open_to_read(folder: Path) -> bool:
    """Whether all accounts may list a folder, pass through it, and read every file below it."""
    return all(
        path.is_symlink() or path.stat().st_mode & _to_read(path) == _to_read(path)
        for path in (folder, *folder.rglob("*"))
    )


def _open_to_read(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | _to_read(path))


def _to_read(path: Path) -> int:
    """Return the bits of mode that let all accounts read a file, run a program and list a folder."""
    runs = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
    return 0o555 if runs else 0o444


def _open_to_pass(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)
    return folder
