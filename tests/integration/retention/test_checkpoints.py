"""Packages and purge certificates carry the audit log's newest checkpoint and name the policy in force."""

import zipfile
from datetime import timedelta

import pytest

from services.retention.domain.verifying import verify_package
from services.retention.verify import verify_command
from shared.events import CheckpointSigned
from shared.notes import Checkpoint, Signer
from tests.integration.retention.conftest import a_read
from tests.integration.retention.test_packages import (
    NOON,
    a_pictured_read,
    an_approval,
    build,
    content,
)
from tests.integration.retention.test_purging import DUE, purge

pytestmark = pytest.mark.clause("wall/checkpoints")


def signed(size):
    note = Signer("example.org/log", bytes(32)).sign(
        Checkpoint("example.org/log", size, bytes(32)).text
    )
    return CheckpointSigned(
        occurred_at=NOON, origin="example.org/log", size=size, root_hash="", note=note
    )


async def heard(retention, size):
    event = signed(size)
    await retention.runtime.standing.learn([event])
    return event.note


async def test_a_package_carries_the_newest_checkpoint_and_the_verifier_prints_it(
    retention, tmp_path, capsys, policy
):
    await heard(retention, 7)
    note = await heard(retention, 9)
    await a_pictured_read(retention, "7ABC123")
    _, path = await build(retention, an_approval(), tmp_path)
    assert content(path, "data/audit-log-checkpoint.txt").decode() == note
    verdict = verify_package(path)
    assert (verdict.holds, verdict.checkpoint) == (True, note)
    info = content(path, "bag-info.txt").decode()
    assert f"Policy-Digest: {policy.digest}\n" in info
    assert f"Policy-Version: {policy.version}\n" in info
    key = tmp_path / "key.pem"
    key.write_bytes(content(path, "signing-key.pem"))
    assert verify_command([str(path), "--key", str(key)]) == 0
    assert note in capsys.readouterr().out


async def test_a_package_from_before_the_first_checkpoint_holds_without_one(retention, tmp_path):
    await a_pictured_read(retention, "7ABC123")
    _, path = await build(retention, an_approval(), tmp_path)
    verdict = verify_package(path)
    assert (verdict.holds, verdict.checkpoint) == (True, None)


async def test_what_is_no_checkpoint_is_a_fault_of_the_package(retention, tmp_path):
    retention.runtime.standing.checkpoint.note = "no checkpoint\n"
    await a_pictured_read(retention, "7ABC123")
    _, path = await build(retention, an_approval(), tmp_path)
    assert verify_package(path).faults == [
        "audit-log-checkpoint.txt is no checkpoint of an audit log"
    ]
    assert zipfile.is_zipfile(path)


async def test_a_purge_certificate_carries_it_and_names_the_policy(retention, policy):
    note = await heard(retention, 9)
    await retention.store(a_read("1OLD001", DUE - timedelta(days=1)))
    run = await purge(retention)
    certificate = (await retention.get(f"/v1/purge-runs/{run['run_id']}/certificate")).json()
    assert certificate["checkpoint"] == note
    assert certificate["policy"] == {"version": policy.version, "digest": policy.digest}
