"""Folders that an unprivileged account can reach, for servers that refuse to run as root."""

import hashlib
import os
import shutil
import stat
from pathlib import Path

from local.stack.process import Account

STATE = Path("/var/lib/plateward")
"""Where root keeps what `nobody` must reach when the checkout is below a closed folder."""

_NOTE = ".stands-for"
"""Ending of the files that say which folder each of them stands for."""


def reachable(path: Path, account: Account) -> bool:
    """Tell whether the account may pass through every folder above `path`."""
    return all(_may_pass(folder.stat(), account) for folder in path.resolve().parents)


def _may_pass(status: os.stat_result, account: Account) -> bool:
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def pass_through(folder: Path) -> None:
    """Let other accounts pass through a folder of ours without listing it."""
    folder.chmod(folder.stat().st_mode | 0o111)


def placed(wanted: Path, account: Account, *, state: Path = STATE) -> Path:
    """Return `wanted` if the account can reach it, else a folder below `state` that stands for it.

    A link at `wanted` then leads there. When the link is gone (somebody removed the data folder),
    so is what it led to: a removed folder means removed data.
    """
    if wanted.is_symlink():
        return wanted.resolve()
    if wanted.exists() or reachable(wanted, account):
        return wanted
    forget_removed(_open_to_pass(state))
    name = f"{wanted.name}-{hashlib.sha256(os.fsencode(wanted.absolute())).hexdigest()[:16]}"
    target = state / name
    wanted.symlink_to(target)
    # After the link: whoever cleans up takes what has a note and no link.
    (state / f"{name}{_NOTE}").write_text(str(wanted.absolute()))
    return target


def forget_removed(state: Path) -> None:
    """Remove what stands for folders that are gone."""
    for note in state.glob(f"*{_NOTE}"):
        try:
            stood_for = Path(note.read_text())
        except FileNotFoundError:
            continue  # another stack that starts now cleans up too
        if not stood_for.is_symlink():
            shutil.rmtree(note.with_suffix(""), ignore_errors=True)
            note.unlink(missing_ok=True)


def copied(folder: Path, name: str, account: Account, *, state: Path = STATE) -> Path:
    """Return `folder` if the account can reach it, else a copy below `state` called `name`."""
    if reachable(folder, account):
        return folder
    target = _open_to_pass(state) / name
    if not target.exists():
        unfinished = target.with_name(f"{name}.{os.getpid()}")
        shutil.copytree(folder, unfinished, symlinks=True)
        unfinished.rename(target)
    return target


def _open_to_pass(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)
    return folder
