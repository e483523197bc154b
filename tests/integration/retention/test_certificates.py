"""An outsider verifies a certificate of destruction, and its purge list, offline."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.registry import SPECS
from services.retention.__main__ import COMMANDS
from services.retention.domain.signing import Signer, succession
from shared.core.signed_notes import Signer as NoteSigner
from shared.events import PurgeChanged
from shared.service.command import status_of
from tests.integration.retention.checkpoints import LOG_KEY, heard
from tests.integration.retention.conftest import a_read
from tests.integration.retention.holding import place
from tests.integration.retention.purging import DUE, purge

OTHER_LOG_KEY = NoteSigner("example.org/log", bytes(range(32))).verifier

pytestmark = pytest.mark.clause("468.3.1(f)/certificate-verified")


@pytest.fixture
async def issued(retention, tmp_path):
    """A certificate, the department's key, and a copy of the list's folder, as files."""
    await heard(retention, 9)
    await retention.store(*(a_read(f"7ABC12{n}", DUE - timedelta(days=3 + n)) for n in range(4)))
    await place(retention, plate="7ABC120")
    run = await purge(retention)
    answer = await retention.get(f"/v1/purge-runs/{run['run_id']}/certificate")
    (tmp_path / "certificate.json").write_bytes(answer.content)
    signer = await retention.running.keys.in_force()
    (tmp_path / "key.pem").write_text(signer.public_pem)
    for key, data in retention.objects.stored.items():
        if key.startswith("purges/"):
            path = tmp_path / "copy" / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return tmp_path, answer.json(), signer


@pytest.fixture
def verify(issued, capsys):
    """Run the command; return its exit status and what it printed."""
    folder = issued[0]

    async def run(*arguments, key="key.pem"):
        command = [
            "verify-certificate",
            str(folder / "certificate.json"),
            "--key",
            str(folder / key),
        ]
        status = await asyncio.to_thread(
            status_of, SPECS["retention"], COMMANDS, [*command, *arguments]
        )
        said = capsys.readouterr()
        return status, said.out + said.err

    return run


async def test_a_certificate_and_its_list_verify_with_public_keys_alone(issued, verify, retention):
    folder, certificate, _ = issued
    status, said = await verify("--vkey", LOG_KEY.vkey, "--list", str(folder / "copy"))
    assert status == 0, said
    assert "3 reads, 0 captures and 0 objects;\nholds kept 1 records." in said
    assert certificate["purge_list"]["purged_root"] in said
    assert "is that list, line by line" in said
    assert (
        f"first 9 entries of the audit log and is verified with the log's key {LOG_KEY.key_id}"
        in said
    )
    certified = (await retention.emitted(PurgeChanged))[-1]
    assert certified.details["certificate_sha256"] in said
    status, said = await verify("--json")
    assert (status, json.loads(said)["ok"]) == (0, True)
    status, said = await verify()
    assert (status, "it is NOT VERIFIED: give the log's public key" in said) == (0, True)


CHANGED = {
    "an earlier day": lambda c: {**c, "captured_before": "2020-01-01T00:00:00+00:00"},
    "fewer records": lambda c: {**c, "destroyed": {**c["destroyed"], "reads": 2}},
    "another list": lambda c: {**c, "purge_list": {**c["purge_list"], "purged_root": "0" * 64}},
    "another person": lambda c: {**c, "authorised": c["proposed"]},
    "a field more": lambda c: {**c, "note": "x"},
    "no signature": lambda c: {**c, "signature": {**c["signature"], "value": ""}},
}


async def test_a_changed_certificate_or_one_of_another_key_does_not_verify(issued, verify):
    folder, certificate, signer = issued
    (folder / "other.pem").write_text(Signer.new().public_pem)
    status, said = await verify(key="other.pem")
    assert (status, "is not the department's" in said) == (1, True)
    assert (await verify("--vkey", OTHER_LOG_KEY.vkey))[0] == 1
    assert (await verify("--vkey", "nonsense"))[0] == 2
    for what, change in CHANGED.items():
        (folder / "certificate.json").write_text(json.dumps(change(certificate)))
        status, said = await verify()
        assert (status, "the signature does not match" in said) == (1, True), what
    for text in ("", "[]", "{}", '{"certificate": "of birth"}', "\udcff"):
        (folder / "certificate.json").write_bytes(text.encode("utf-8", "surrogateescape"))
        assert (await verify())[0] == 2, text
    statement = succession(signer, signer, datetime(2026, 6, 1, tzinfo=UTC))
    (folder / "certificate.json").write_text(json.dumps(statement))
    assert (await verify())[0] == 2, "another document of the same key"


async def test_a_key_verifies_certificates_of_its_own_time_alone(issued, verify):
    folder, certificate, signer = issued
    at = datetime.fromisoformat(certificate["certified_at"])
    first = Signer.new()
    (folder / "first.pem").write_text(first.public_pem)
    for begins, status in ((at, 0), (at + timedelta(seconds=1), 1)):
        changes = {"changes": [succession(first, signer, begins)]}
        (folder / "keys.json").write_text(json.dumps(changes))
        assert (await verify("--changes", str(folder / "keys.json"), key="first.pem"))[0] == status


def without(path: Path) -> None:
    path.unlink()


def shorter(path: Path) -> None:
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[1:]))


async def test_a_list_that_is_not_the_certificates_is_a_fault(issued, verify):
    for name in ("manifest.json", "purged-000000.txt", "held-000000.txt"):
        [found] = (issued[0] / "copy").rglob(name)
        was = found.read_bytes()
        for change in (without, shorter):
            change(found)
            status, said = await verify("--list", str(issued[0] / "copy"))
            assert (status, "FAULT  the purge list of run" in said) == (1, True), said
            found.write_bytes(was)
