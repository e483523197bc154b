"""Keys of the embedded stack: drawn once, stored, never silently replaced."""

import errno
import json
import stat
from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.compose.make_env import NEEDED
from local.stack.key_material import CERTIFIED, MAC_KEYS, certified
from local.stack.keys import (
    ADDED,
    KEYS,
    RENEWED_BEFORE,
    REPLACEABLE,
    UNDER_THE_ROOT,
    root_file,
    stored_keys,
)
from local.stack.process import LocalError


def test_keys_are_the_same_at_every_start_and_the_owners_alone(tmp_path: Path) -> None:
    first = stored_keys(tmp_path / "keys", {}, first_start=True)
    assert set(first) == {*KEYS, *REPLACEABLE, *ADDED, *UNDER_THE_ROOT}
    assert len(set(first.values())) == len(first)
    assert stored_keys(tmp_path / "keys", {}, first_start=False) == first
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert {stat.S_IMODE(f.stat().st_mode) for f in (tmp_path / "keys").iterdir()} == {0o600}


def test_a_data_folder_of_an_earlier_version_gets_missing_keys(tmp_path: Path) -> None:
    stored_keys(tmp_path, {}, first_start=True)
    for name in ADDED:
        (tmp_path / name.lower()).unlink()
    again = stored_keys(tmp_path, {}, first_start=False)
    assert set(ADDED) <= set(again)
    assert stored_keys(tmp_path, {}, first_start=False) == again


def test_a_key_that_is_given_is_not_drawn(tmp_path: Path) -> None:
    given = {"AUDIT_SIGNING_KEY": "from elsewhere"}
    assert "AUDIT_SIGNING_KEY" not in stored_keys(tmp_path, given, first_start=True)
    assert not (tmp_path / "audit_signing_key").exists()


@pytest.mark.parametrize("name", ["audit_signing_key", "ingest__event_mac_key"])
def test_a_lost_key_is_named_rather_than_replaced(name: str, tmp_path: Path) -> None:
    stored_keys(tmp_path, {}, first_start=True)
    (tmp_path / name).unlink()
    with pytest.raises(LocalError, match=f"{name} is gone"):
        stored_keys(tmp_path, {}, first_start=False)


def test_data_from_before_there_were_mac_keys_gets_them(tmp_path: Path) -> None:
    stored_keys(tmp_path, {}, first_start=True)
    for name in MAC_KEYS:
        (tmp_path / name.lower()).unlink()
    assert set(MAC_KEYS) <= stored_keys(tmp_path, {}, first_start=False).keys()


def test_a_lost_session_key_is_generated_again(tmp_path: Path) -> None:
    first = stored_keys(tmp_path, {}, first_start=True)
    (tmp_path / "console_session_key").unlink()
    again = stored_keys(tmp_path, {}, first_start=False)
    assert again["CONSOLE_SESSION_KEY"] != first["CONSOLE_SESSION_KEY"]


def test_the_private_root_is_kept_in_the_folder_and_is_no_setting(tmp_path: Path) -> None:
    kept = stored_keys(tmp_path, {}, first_start=True)
    assert root_file(tmp_path).exists()
    assert root_file(tmp_path).read_text().strip() not in kept.values()


def test_data_from_before_there_was_a_root_gets_one(tmp_path: Path) -> None:
    for name, draw in KEYS.items():
        (tmp_path / name.lower()).write_text(draw())
    kept = stored_keys(tmp_path, {}, first_start=False)
    assert set(UNDER_THE_ROOT) <= set(kept)


def test_keys_persist_without_the_root_and_a_lost_key_is_named(tmp_path: Path) -> None:
    first = stored_keys(tmp_path, {}, first_start=True)
    root_file(tmp_path).unlink()
    assert stored_keys(tmp_path, {}, first_start=False) == first
    (tmp_path / "identity_issuer_key").unlink()
    with pytest.raises(LocalError, match="IDENTITY_ISSUER"):
        stored_keys(tmp_path, {}, first_start=False)


@pytest.mark.parametrize(("left_days", "renewed"), [(59, True), (61, False)])
def test_a_certificate_that_ends_soon_is_renewed_with_its_key(
    left_days: int, renewed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = stored_keys(tmp_path, {}, first_start=True)
    later = datetime.now(UTC) + timedelta(days=400 - left_days)
    monkeypatch.setattr("local.stack.keys._soon", lambda: later + RENEWED_BEFORE)
    again = stored_keys(tmp_path, {}, first_start=False)
    assert again["ROOT_PUBLIC_KEYS"] == first["ROOT_PUBLIC_KEYS"]
    for part in ("KEY", "CERTIFICATE"):
        name = f"IDENTITY_ISSUER_{part}"
        assert (again[name] != first[name]) is renewed


def test_compose_draws_the_same_keys() -> None:
    assert (KEYS | REPLACEABLE | ADDED).items() <= NEEDED.items()


def test_certificates_hold_at_once_each_with_a_serial_of_its_own() -> None:
    now = datetime.now(UTC)
    fields = []
    for index, usage in enumerate(CERTIFIED.values()):
        body, _, _ = certified(bytes(32), usage, index)[1].partition(".")
        fields.append(json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4))))
    assert [one["usage"] for one in fields] == list(CERTIFIED.values())
    assert len({one["serial"] for one in fields}) == len(fields)
    for one in fields:
        begins, ends = (datetime.fromisoformat(one[name]) for name in ("not_before", "not_after"))
        assert begins <= now < ends <= now + timedelta(days=400)


def test_a_full_disk_leaves_no_half_key_that_a_later_start_takes_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            stored_keys(tmp_path, {}, first_start=True)
    keys = stored_keys(tmp_path, {}, first_start=True)
    assert all(keys.values())
    assert stored_keys(tmp_path, {}, first_start=False) == keys
    assert not list(tmp_path.glob("*.new"))
