"""A backup seals every key that a service reads from its environment; its keys open for one person and backup."""

import stat
import subprocess
from hashlib import sha256
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import SecretStr

from deploy.compose.make_env import complete
from local.backup.commands import backup_command
from local.backup.database import run_client
from local.backup.installation import SECRETS, installation, write_keys
from local.backup.manifest import BACKUP
from local.backup.recipient import make_recipient, opened, sealed
from local.backup.restoring import opened_keys
from local.export.commands import export_command
from local.stack.servers import ROOT
from services.registry import SPECS
from shared.core.errors import InternalFault
from shared.postgres.settings import DatabaseLink
from shared.testing import FakeObjects

KEYS = {"AUDIT_SIGNING_KEY": "secret", "INGEST__EVENT_MAC_KEY": "another"}

NO_KEYS = {
    "AUDIT_MAIL_URL",
    "AUDIT_NOTICE_SECRET",
    "AUDIT_NOTICE_TOKEN",
    "HOTLIST_MAIL_URL",
    "HOTLIST_NOTICE_SECRET",
    "HOTLIST_NOTICE_TOKEN",
    "IDENTITY_MAIL_URL",
    "KAFKA_SASL_PASSWORD",
}
"""Passwords for other systems, which a department makes anew."""


@pytest.mark.parametrize("command", [backup_command, export_command])
@pytest.mark.parametrize("before", ["", "BACKUP_RECIPIENT=", " BACKUP_RECIPIENT="])
def test_a_recipient_may_be_given_as_the_line_that_printed_it(command, before, tmp_path):
    public = make_recipient(tmp_path / "offline.key")
    [option] = [one for one in command.params if one.name == "recipient"]
    assert option.type(f"{before}{public}\n") == public


def secrets_of(spec):
    """Yield the settings of a service that are secrets, by their names in the environment."""
    for name, field in spec.settings_class().model_fields.items():
        if SecretStr.__name__ in str(field.annotation):
            yield name.upper()


def test_every_key_of_a_service_is_sealed():
    found = {name for spec in SPECS.values() for name in secrets_of(spec)}
    assert len(found) > 8, "found hardly any: the walk is broken"
    assert found - NO_KEYS <= set(SECRETS)


def test_the_keys_of_a_backup_open_with_the_offline_half_and_as_those_of_no_other(tmp_path):
    private = tmp_path / "offline"
    recipient = make_recipient(private)
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    body = sealed(KEYS, recipient, "20260601T120000Z")
    assert opened(body, private, "20260601T120000Z") == KEYS
    with pytest.raises(InternalFault, match="does not open the keys"):
        opened(body, private, "20260602T120000Z")
    with pytest.raises(FileExistsError):
        make_recipient(private)


async def test_the_keys_of_a_backup_become_files_and_yield_to_those_that_are_given(tmp_path):
    """A new MAC key is chosen after a theft, and the backup has the stolen one."""
    private, store = tmp_path / "offline", FakeObjects()
    name = "20260601T120000Z"
    body = sealed(KEYS, make_recipient(private), name)
    await store.put("backups/one/keys", body)
    manifest = SimpleNamespace(
        format=BACKUP.text,
        name=name,
        keys=SimpleNamespace(path="keys", recipient="", names=[]),
        files=[SimpleNamespace(path="keys", sha256=sha256(body).hexdigest())],
    )
    given = {"INGEST__EVENT_MAC_KEY": "new", "RELEASE__EVENT_MAC_KEY": "given"}

    async def keys_of(one, half):
        wanted = SimpleNamespace(private=half, keys_folder=tmp_path)
        return await opened_keys(store, "backups/one", one, given, wanted)

    assert await keys_of(manifest, None) == given
    assert not (tmp_path / "keys").exists()
    with pytest.raises(InternalFault, match=f"backup {name} has no keys"):
        await keys_of(SimpleNamespace(format=BACKUP.text, name=name, keys=None), private)
    assert await keys_of(manifest, private) == {**KEYS, **given}
    written = {path.name.upper(): path.read_text() for path in (tmp_path / "keys").iterdir()}
    assert written == KEYS


def test_restored_keys_are_the_owners_alone_and_replace_none(tmp_path):
    write_keys(tmp_path, KEYS)
    folder = tmp_path / "keys"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = {path.name.upper(): path for path in folder.iterdir()}
    assert {name: path.read_text() for name, path in files.items()} == KEYS
    assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}
    with pytest.raises(FileExistsError):
        write_keys(tmp_path, {"AUDIT_SIGNING_KEY": "other"})
    assert files["AUDIT_SIGNING_KEY"].read_text() == "secret"


def test_no_older_program_dumps_a_newer_server():
    link = DatabaseLink.at("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(InternalFault, match=r"the server is PostgreSQL 99; pg_dump there is: pg_d"):
        run_client("pg_dump", link, 99, [])


def test_the_keys_of_an_installation_are_those_in_the_environment_also_of_one_service(tmp_path):
    given = {
        "DATABASE_OWNER_URL": "postgresql://owner@127.0.0.1/plateward",
        "OBJECT_STORE_URL": tmp_path.as_uri(),
        "POLICY_FILE": str(ROOT / "policy.toml"),
        "AUDIT_SIGNING_KEY": "one",
        "INGEST__INGEST_ID_KEY": "two",
        "KAFKA_SASL_PASSWORD": "no key",
    }
    with installation(tmp_path, given) as source:
        assert source.keys == {"AUDIT_SIGNING_KEY": "one", "INGEST__INGEST_ID_KEY": "two"}
        assert source.kafka is None
    del given["OBJECT_STORE_URL"]
    with pytest.raises(InternalFault, match="set OBJECT_STORE_URL"), installation(tmp_path, given):
        pass


def test_the_keys_of_an_env_file_that_a_shell_has_read_are_those_that_the_containers_get(tmp_path):
    """As docs/operations/backup-and-restore.md says: the key of packages has several lines."""
    complete(tmp_path / ".env")
    script = "set -a; . ./.env; set +a; exec env --null"
    said = subprocess.run(
        ["/bin/sh", "-c", script], cwd=tmp_path, env={"PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    given = dict(line.split("=", 1) for line in said.split("\0") if line)
    given |= {
        "DATABASE_OWNER_URL": "postgresql://owner@127.0.0.1/plateward",
        "OBJECT_STORE_URL": tmp_path.as_uri(),
        "POLICY_FILE": str(ROOT / "policy.toml"),
    }
    with installation(tmp_path, given) as source:
        key = load_pem_private_key(source.keys["RETENTION_SIGNING_KEY"].encode(), None)
        assert isinstance(key, Ed25519PrivateKey)
        assert source.keys["AUDIT_SIGNING_KEY"] == given["AUDIT_SIGNING_KEY"]
