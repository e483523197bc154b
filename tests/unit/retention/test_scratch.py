"""The folder in which packages are built is empty again after an error and after a kill."""

import os
import tempfile

import pytest

from services.retention.actions.scratch import PREFIX, scratch, sweep

LONG_AGO = 1_000_000_000


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """A temporary folder of the test's own."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def aged(folder):
    os.utime(folder, (LONG_AGO, LONG_AGO))
    return folder


def test_a_scratch_folder_is_deleted_even_after_an_error(temporary):
    with scratch() as folder:
        (folder / "records.jsonl").write_text("a record")
        assert folder.parent == temporary
    with pytest.raises(RuntimeError), scratch():
        raise RuntimeError
    assert list(temporary.iterdir()) == []


def test_leftovers_of_a_killed_process_are_deleted(temporary):
    left = temporary / f"{PREFIX}left"
    left.mkdir()
    (left / "package.zip").write_bytes(b"half a package")
    aged(left)
    sweep()
    assert list(temporary.iterdir()) == []


def test_folders_in_use_or_new_or_not_ours_are_kept(temporary):
    young = temporary / f"{PREFIX}young"
    young.mkdir()
    other = aged(make(temporary / "other"))
    target = aged(make(temporary / "elsewhere"))
    link = temporary / f"{PREFIX}link"
    link.symlink_to(target)
    with scratch() as folder:
        aged(folder)
        sweep()
        assert all(path.exists() for path in (folder, young, other, target, link))


def make(folder):
    folder.mkdir()
    return folder
