"""The folders that an unprivileged account reaches, and the replacements for the others."""

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from local.stack.process import Account
from local.stack.reachable import copied, placed, reachable

STRANGER = Account(uid=4_000_000, gid=4_000_000)


@pytest.fixture
def closed(tmp_path: Path) -> Path:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    return folder


def test_a_closed_folder_is_unreachable_for_another_account(closed: Path) -> None:
    assert not reachable(closed / "data", STRANGER)


def test_an_account_reaches_its_own_folder_and_open_ones() -> None:
    assert reachable(Path("/usr/bin/env"), STRANGER)
    assert reachable(Path.home() / "data", Account(os.geteuid(), os.getegid()))


@pytest.mark.parametrize(("mode", "passes"), [(0o710, True), (0o701, False)])
def test_an_account_of_a_folders_group_has_the_groups_rights(mode: int, passes: bool) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(mode)
        member = Account(STRANGER.uid, folder.stat().st_gid)
        assert reachable(folder / "data", member) is passes


def test_unreachable_data_is_placed_elsewhere_and_linked(closed: Path, tmp_path: Path) -> None:
    target = placed(closed / "data", STRANGER, state=tmp_path / "state")
    target.mkdir()
    assert target.parent == tmp_path / "state"
    assert (closed / "data").resolve() == target
    assert placed(closed / "data", STRANGER, state=tmp_path / "state") == target


def test_two_folders_never_share_a_place(closed: Path, tmp_path: Path) -> None:
    (closed / "a").mkdir()
    (closed / "b").mkdir()
    places = {placed(closed / x / "data", STRANGER, state=tmp_path / "state") for x in "ab"}
    assert len(places) == 2


def test_removing_the_link_removes_the_data(closed: Path, tmp_path: Path) -> None:
    target = placed(closed / "data", STRANGER, state=tmp_path / "state")
    target.mkdir()
    (target / "old").touch()
    (closed / "data").unlink()
    assert placed(closed / "data", STRANGER, state=tmp_path / "state") == target
    assert not target.exists()


def test_the_substitute_of_a_removed_folder_is_deleted_when_another_is_placed(
    closed: Path, tmp_path: Path
) -> None:
    for name in ("gone", "kept"):
        (closed / name).mkdir()
    state = tmp_path / "state"
    gone, kept = (placed(closed / x / "data", STRANGER, state=state) for x in ("gone", "kept"))
    gone.mkdir()
    kept.mkdir()
    shutil.rmtree(closed / "gone")
    placed(closed / "data", STRANGER, state=state)
    assert not gone.exists()
    assert kept.exists()
    assert len(list(state.glob("*.stands-for"))) == 2


def test_a_substitute_that_another_stack_deletes_meanwhile_is_ignored(
    closed: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "data-1.stands-for").symlink_to(state / "gone")  # listed, and not there when read
    assert placed(closed / "data", STRANGER, state=state).parent == state


def test_an_unreachable_installation_is_copied_once(closed: Path, tmp_path: Path) -> None:
    tool = closed / "install" / "bin" / "tool"
    tool.parent.mkdir(parents=True)
    tool.write_text("x")
    tool.chmod(0o755)
    copy = copied(closed / "install", "install-1", STRANGER, state=tmp_path / "state")
    assert copy == tmp_path / "state" / "install-1"
    assert os.access(copy / "bin" / "tool", os.X_OK)
    tool.write_text("changed")
    again = copied(closed / "install", "install-1", STRANGER, state=tmp_path / "state")
    assert (again / "bin" / "tool").read_text() == "x"


def test_a_copy_of_an_installation_made_under_umask_077_is_open_to_read(
    closed: Path, tmp_path: Path
) -> None:
    tool, data = closed / "install" / "bin" / "tool", closed / "install" / "data"
    tool.parent.mkdir(parents=True)
    for path, mode in ((tool, 0o700), (data, 0o600)):
        path.touch(mode)
    for folder in (tool.parent, tool.parent.parent):
        folder.chmod(0o700)
    state = tmp_path / "state"
    for _ in range(2):  # an earlier version left a closed copy
        copy = copied(closed / "install", "install-1", STRANGER, state=state)
        modes = {path.name: path.stat().st_mode & 0o777 for path in (copy, *copy.rglob("*"))}
        assert modes == {"install-1": 0o755, "bin": 0o755, "tool": 0o755, "data": 0o644}
        for path in (copy, *copy.rglob("*")):
            path.chmod(path.stat().st_mode & 0o700)


def test_an_installation_whose_files_are_closed_is_copied(tmp_path: Path) -> None:
    opened = Path("/var/tmp")
    with TemporaryDirectory(dir=opened) as name:
        Path(name).chmod(0o755)
        folder = Path(name) / "install"
        folder.mkdir(mode=0o700)
        (folder / "tool").touch(0o700)
        copy = copied(folder, "install-1", STRANGER, state=tmp_path / "state")
        assert (copy / "tool").stat().st_mode & 0o777 == 0o755
        folder.chmod(0o755)
        (folder / "tool").chmod(0o755)
        assert copied(folder, "install-1", STRANGER, state=tmp_path / "state") == folder
