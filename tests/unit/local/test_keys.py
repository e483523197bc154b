"""Keys of the embedded stack: drawn once, kept, never silently replaced."""

import stat
from pathlib import Path

import pytest

from deploy.compose.make_env import NEEDED
from deploy.local.keys import KEYS, REPLACEABLE, kept_keys
from deploy.local.process import LocalError


def test_keys_are_the_same_at_every_start_and_the_owners_alone(tmp_path: Path) -> None:
    first = kept_keys(tmp_path / "keys", {}, first_start=True)
    assert set(first) == {*KEYS, *REPLACEABLE}
    assert len(set(first.values())) == len(first)
    assert kept_keys(tmp_path / "keys", {}, first_start=False) == first
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert {stat.S_IMODE(f.stat().st_mode) for f in (tmp_path / "keys").iterdir()} == {0o600}


def test_a_key_that_is_given_is_not_drawn(tmp_path: Path) -> None:
    given = {"AUDIT_SIGNING_KEY": "from elsewhere"}
    assert "AUDIT_SIGNING_KEY" not in kept_keys(tmp_path, given, first_start=True)
    assert not (tmp_path / "audit_signing_key").exists()


def test_a_lost_key_is_named_rather_than_replaced(tmp_path: Path) -> None:
    kept_keys(tmp_path, {}, first_start=True)
    (tmp_path / "audit_signing_key").unlink()
    with pytest.raises(LocalError, match="audit_signing_key is gone"):
        kept_keys(tmp_path, {}, first_start=False)


def test_a_key_that_only_signs_people_out_is_drawn_anew(tmp_path: Path) -> None:
    first = kept_keys(tmp_path, {}, first_start=True)
    (tmp_path / "console_session_key").unlink()
    again = kept_keys(tmp_path, {}, first_start=False)
    assert again["CONSOLE_SESSION_KEY"] != first["CONSOLE_SESSION_KEY"]


def test_compose_draws_the_same_keys() -> None:
    assert (KEYS | REPLACEABLE).items() <= NEEDED.items()
