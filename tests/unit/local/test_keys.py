"""Keys of the embedded stack: drawn once, kept, never silently replaced."""

import base64
import stat
from pathlib import Path

import pytest

from deploy.local.keys import KEY_BYTES, kept_key
from deploy.local.process import LocalError


def test_a_key_is_the_same_at_every_start_and_the_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "identity.key"
    key = kept_key(file, first_start=True)
    assert len(base64.b64decode(key, validate=True)) == KEY_BYTES
    assert kept_key(file, first_start=False) == key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_two_stacks_have_different_keys(tmp_path: Path) -> None:
    keys = {kept_key(tmp_path / name, first_start=True) for name in ("a.key", "b.key")}
    assert len(keys) == 2


def test_a_lost_key_is_named_rather_than_replaced(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"identity\.key is gone"):
        kept_key(tmp_path / "identity.key", first_start=False)
