"""Packages and purge certificates carry the audit log's newest checkpoint and name the policy in force."""

import zipfile
from base64 import b64encode
from datetime import timedelta
from hashlib import sha256

import pytest

from services.retention.domain.signing import load_public
from services.retention.domain.verifying import verify_package
from shared.core.signed_notes import Checkpoint, Signer
from tests.integration.retention.checkpoints import LOG_KEY, heard
from tests.integration.retention.conftest import a_read, verify_command
from tests.integration.retention.packaging import (
    NOON,
    a_pictured_read,
    an_approval,
    build,
    content,
)
from tests.integration.retention.purging import DUE, purge

pytestmark = pytest.mark.clause("wall/checkpoints")


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


async def test_an_invalid_checkpoint_is_reported_as_a_fault_of_the_package(retention, tmp_path):
    retention.runtime.agreement.checkpoint.note = "no checkpoint\n"
    await a_pictured_read(retention, "7ABC123")
    _, path = await build(retention, an_approval(), tmp_path)
    assert verify_package(path).faults == [
        "audit-log-checkpoint.txt is not a checkpoint of an audit log"
    ]
    assert zipfile.is_zipfile(path)


@pytest.fixture
async def carrying(retention, tmp_path):
    """A package with a checkpoint of 9 entries, and the department's public key beside it."""
    await heard(retention, 9)
    await a_pictured_read(retention, "7ABC123")
    _, path = await build(retention, an_approval(), tmp_path)
    key = tmp_path / "key.pem"
    key.write_bytes(content(path, "signing-key.pem"))
    return path, key


async def test_the_logs_public_key_verifies_the_checkpoint_offline_and_prints_its_size_and_time(
    carrying, capsys
):
    path, key = carrying
    later = Signer("example.org/log", bytes(range(32))).verifier
    command = [str(path), "--key", str(key)]
    assert verify_command([*command, "--vkey", later.vkey, "--vkey", LOG_KEY.vkey]) == 0
    said = capsys.readouterr().out
    assert (
        f"It covers the log's first 9 entries and was signed at {NOON.isoformat()}.\n"
        f"It is verified with the log's key {LOG_KEY.key_id}.\n"
    ) in said
    assert verify_command(command) == 0
    assert "It is NOT VERIFIED" in capsys.readouterr().out
    assert verify_command([*command, "--vkey", later.vkey]) == 1
    assert "none of the given keys" in capsys.readouterr().out
    assert verify_command([*command, "--vkey", "nonsense"]) == 2


def other_root(note):
    lines = note.split("\n")
    lines[2] = b64encode(b"r" * 32).decode()
    return "\n".join(lines)


def by(seed, origin="example.org/log", name="example.org/log", size=9):
    return Signer(name, seed).sign(Checkpoint(origin, size, bytes(32)).text)


def other_signature(note):
    head, _, tail = note.rpartition(" ")
    place = 20
    return f"{head} {tail[:place]}{'A' if tail[place] != 'A' else 'B'}{tail[place + 1 :]}"


FORGED = {
    "a larger size": lambda note: note.replace("\n9\n", "\n99\n"),
    "another root": other_root,
    "another signature": other_signature,
    "a stranger's signature": lambda _: by(bytes(range(32))),
    "of another log, by the log's own key": lambda _: by(bytes(32), origin="example.org/other"),
    "a second signature": lambda note: note + by(bytes(range(32))).rpartition("\n\n")[2],
    "an older one than the package says": lambda _: by(bytes(32), size=7),
    "none": lambda _: None,
}


@pytest.mark.parametrize("what", FORGED)
async def test_a_false_checkpoint_is_detected_despite_the_departments_signature(
    carrying, retention, tmp_path, what
):
    """The department itself could make such a package; it cannot forge the signature of the log's key."""
    path, key = carrying
    public = load_public(key.read_bytes())
    assert verify_package(path, public, log_keys=[LOG_KEY]).holds
    signer = await retention.running.keys.in_force()
    forged = resigned(path, FORGED[what], signer)
    assert verify_package(forged, public).faults in ([], [AGREES_NOT])
    found = verify_package(forged, public, log_keys=[LOG_KEY])
    assert not found.holds
    assert all("audit-log-checkpoint.txt" in fault for fault in found.faults)
    assert verify_command([str(forged), "--key", str(key), "--vkey", LOG_KEY.vkey]) == 1


AGREES_NOT = "bag-info.txt: Audit-Log-Size 9 is not that of audit-log-checkpoint.txt"


def resigned(path, change, signer):
    """Return the package with another checkpoint or none, and manifests and signature made anew."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    top = next(iter(files)).split("/", 1)[0]
    name = f"{top}/data/audit-log-checkpoint.txt"
    note = change(files.pop(name).decode())
    if note is not None:
        files[name] = note.encode()
    for manifest, of_data in (("manifest-sha256.txt", True), ("tagmanifest-sha256.txt", False)):
        named = sorted(
            n.removeprefix(f"{top}/")
            for n in files
            if n.startswith(f"{top}/data/") == of_data and "tagmanifest" not in n
        )
        files[f"{top}/{manifest}"] = b"".join(
            f"{sha256(files[f'{top}/{n}']).hexdigest()}  {n}\n".encode() for n in named
        )
    tags = f"{top}/tagmanifest-sha256.txt"
    files[f"{tags}.sig"] = signer.sign(files[tags])
    changed = path.with_name("changed.zip")
    with zipfile.ZipFile(changed, "w") as archive:
        for file, data in files.items():
            archive.writestr(file, data)
    return changed


async def test_a_purge_certificate_carries_it_and_names_the_policy(retention, policy):
    note = await heard(retention, 9)
    await retention.store(a_read("1OLD001", DUE - timedelta(days=1)))
    run = await purge(retention)
    certificate = (await retention.get(f"/v1/purge-runs/{run['run_id']}/certificate")).json()
    assert certificate["checkpoint"] == note
    assert certificate["policy"] == {"version": policy.version, "digest": policy.digest}
