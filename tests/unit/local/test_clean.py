"""The files that `make clean` removes, and the reasons for which it refuses."""

from pathlib import Path

import pytest

from local.commands.clean import clean
from local.stack.process import Account, LocalError, held
from local.stack.reachable import placed


def test_clean_deletes_all_data_including_postgres_elsewhere(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    folder = closed / "var" / "postgres"
    folder.mkdir(parents=True)
    closed.chmod(0o700)
    state = tmp_path / "state"
    elsewhere = placed(folder / "data", Account(65534, 65534), state=state)
    elsewhere.mkdir()
    assert elsewhere.is_relative_to(state)
    clean(closed / "var", state=state)
    assert not (closed / "var").exists()
    assert list(state.iterdir()) == []


@pytest.mark.parametrize("part", [".", "demo/stack", "kafka"])
def test_clean_deletes_no_data_while_a_process_uses_the_folder(tmp_path: Path, part: str) -> None:
    kept = tmp_path / "var" / "keys"
    kept.mkdir(parents=True)
    with (
        held(tmp_path / "var" / part, "the stack"),
        pytest.raises(LocalError, match="already runs"),
    ):
        clean(tmp_path / "var", state=tmp_path / "state")
    assert kept.exists()


def test_data_that_could_not_all_be_removed_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "var" / "keys"
    kept.mkdir(parents=True)

    def refused(*_: object, **__: object) -> None:
        raise PermissionError("another account's")

    monkeypatch.setattr("os.rmdir", refused)
    with pytest.raises(LocalError, match=r"not all of .*var could be removed"):
        clean(tmp_path / "var", state=tmp_path / "state")
    assert kept.exists()


def test_clean_without_data_creates_and_deletes_no_file(tmp_path: Path) -> None:
    clean(tmp_path / "var", state=tmp_path / "state")
    assert list(tmp_path.iterdir()) == []
