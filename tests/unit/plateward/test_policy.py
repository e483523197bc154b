"""`plateward verify-policy`: the same answer as a service at its start, before it starts."""

import json

import pytest

from plateward.__main__ import status
from shared.core.policy import load_policy
from tests.architecture.source import ROOT

POLICY = ROOT / "policy.toml"


def test_a_policy_that_services_accept_is_shown_by_version_and_digest(capsys, monkeypatch):
    monkeypatch.setenv("POLICY_FILE", str(POLICY))
    assert status(["verify-policy", "--json"]) == 0
    policy = load_policy(POLICY)
    answer = json.loads(capsys.readouterr().out)
    assert answer == {"ok": True, "version": policy.version, "digest": policy.digest}


def test_the_digest_of_a_policy_is_of_what_it_says_and_not_of_how_it_is_written(tmp_path):
    """Services that read copies of one policy compare its digest, and stop if it differs."""
    [before, designee, after] = POLICY.read_text().partition("[designee]")
    end = after.index("[custodian]")
    moved = tmp_path / "moved.toml"
    moved.write_text(f"{before}{after[end:]}\n# moved\n{designee}{after[:end]}")
    changed = tmp_path / "changed.toml"
    changed.write_text(moved.read_text().replace("C. Records", "D. Records"))
    assert load_policy(moved).digest == load_policy(POLICY).digest
    assert load_policy(changed).digest != load_policy(POLICY).digest


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("lock_after_failures = 5", "lock_after_failures = 50", "$.accounts.lock_after_failures"),
        ("floor_days = 365", "floor_days = 30", "Government Code 34090.6"),
        ("[accounts]", "[accounts", "line"),
    ],
)
def test_the_fault_of_a_policy_is_named_and_the_status_is_1(tmp_path, capsys, old, new, named):
    path = tmp_path / "policy.toml"
    text = POLICY.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    assert status(["verify-policy", str(path)]) == 1
    said = capsys.readouterr().out
    assert said.startswith("services do not start with it: ")
    assert named in said


def test_a_policy_file_that_is_absent_is_named(tmp_path, capsys):
    path = tmp_path / "none.toml"
    assert status(["verify-policy", str(path), "--json"]) == 1
    answer = json.loads(capsys.readouterr().out)
    assert not answer["ok"]
    assert str(path) in answer["fault"]


def test_a_policy_file_in_another_encoding_is_named(tmp_path, capsys):
    path = tmp_path / "policy.toml"
    path.write_bytes(POLICY.read_text().encode("utf-16"))
    assert status(["verify-policy", str(path)]) == 1
    assert "save it as UTF-8" in capsys.readouterr().out
