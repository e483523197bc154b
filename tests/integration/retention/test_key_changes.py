"""The key of packages changes on record; each key vouches for the next, within its time."""

import asyncio
import json
from datetime import UTC, datetime

import pytest

from services.retention.actions.signer import SigningKeys
from services.retention.domain.signing import Signer, follow, load_public, succession
from services.retention.domain.verifying import verify_package
from shared.core.errors import Unavailable
from shared.events import Actor, SigningKeyChanged
from shared.testing import mac_key_text
from tests.integration.locking import locked_while
from tests.integration.retention.conftest import ORI, rotate_command, verify_command
from tests.integration.retention.packaging import an_approval, build

WHO = ["--person-id", "adm-1", "--name", "A. Dmin", "--title", "Contractor", "--reason", "yearly"]


@pytest.fixture
def rotate(retention, settings, monkeypatch):
    """Change the key by the command, and give the service both."""

    async def call(new):
        old = await retention.running.keys.in_force()
        monkeypatch.setenv("EVENT_MAC_KEY", mac_key_text("retention"))
        monkeypatch.setenv("DATABASE_URL", settings.database_url)
        monkeypatch.setenv("POLICY_FILE", str(settings.policy_file))
        monkeypatch.setenv("ROOT_PUBLIC_KEYS", str(settings.model_dump()["root_public_keys"]))
        monkeypatch.setenv("RETENTION_SIGNING_KEY", old.private_pem)
        if new is None:
            monkeypatch.delenv("RETENTION_NEXT_SIGNING_KEY", raising=False)
        else:
            monkeypatch.setenv("RETENTION_NEXT_SIGNING_KEY", new.private_pem)
        status = await asyncio.to_thread(rotate_command, WHO)
        retention.running.keys._signers = [old, new or old]
        return status, old

    return call


@pytest.mark.clause("468.7/package")
async def test_packages_of_two_keys_verify_with_the_first_and_the_changes(
    retention, rotate, tmp_path, capsys
):
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    _, before = await build(retention, an_approval(), tmp_path / "old")
    new = Signer.new()
    status, old = await rotate(new)
    assert status == 0, capsys.readouterr()
    _, after = await build(retention, an_approval(), tmp_path / "new")
    answer = (await retention.client.get("/v1/signing-key")).json()
    assert (answer["key_id"], answer["earlier"][0]["key_id"]) == (new.key_id, old.key_id)
    assert answer["earlier"][0]["last_used_at"] is not None
    first = load_public(old.public_pem.encode())
    assert verify_package(before, first).holds
    assert not verify_package(after, first).holds
    (tmp_path / "first.pem").write_text(old.public_pem)
    (tmp_path / "keys.json").write_text(json.dumps(answer))
    call = [str(after), "--key", str(tmp_path / "first.pem")]
    assert verify_command(call) == 1
    # Made by the test's clock in June, and the key changed by today's: not in the new key's time.
    assert verify_command([*call, "--changes", str(tmp_path / "keys.json")]) == 1
    assert "bagging date" in capsys.readouterr().out
    june = succession(old, new, datetime(2026, 6, 1, tzinfo=UTC))
    (tmp_path / "keys.json").write_text(json.dumps({"changes": [june]}))
    assert verify_command([*call, "--changes", str(tmp_path / "keys.json")]) == 0
    late = [succession(old, new, datetime(2026, 5, 1, tzinfo=UTC))]
    assert verify_package(before, first, late).faults == [
        "bag-info.txt: the key did not sign on the package's bagging date"
    ]


async def test_the_change_is_an_audited_event_signed_by_the_old_key(retention, rotate):
    new = Signer.new()
    _, old = await rotate(new)
    [event] = await retention.emitted(SigningKeyChanged)
    assert (event.signs, event.actor.person_id, event.reason) == ("packages", "adm-1", "yearly")
    [_, following] = follow(load_public(event.old_key.encode()), [event.statement])
    assert following.key == load_public(new.public_pem.encode())
    assert event.old_key == old.public_pem
    changed = {**event.statement, "new_public_pem": Signer.new().public_pem}
    with pytest.raises(ValueError, match="not signed"):
        follow(load_public(old.public_pem.encode()), [changed])


@pytest.mark.clause("468.7/package")
async def test_the_key_of_the_last_of_several_changes_signs(retention, rotate, tmp_path):
    second, third = Signer.new(), Signer.new()
    _, first = await rotate(second)
    status, _ = await rotate(third)
    assert (status, (await retention.running.keys.in_force()).key_id) == (0, third.key_id)
    packaged, _ = await build(retention, an_approval(), tmp_path)
    assert packaged.manifest_signed_by == third.key_id
    answer = (await retention.client.get("/v1/signing-key")).json()
    assert answer["key_id"] == third.key_id
    chain = follow(load_public(first.public_pem.encode()), answer["changes"])
    keys = [load_public(one.public_pem.encode()) for one in (first, second, third)]
    assert [one.key for one in chain] == keys
    assert chain[1].since == chain[0].until < chain[2].since == chain[1].until


async def changed(retention, old, new):
    """Change the key as the command does; return the key that then signs, or why the change is refused."""
    db = retention.runtime.db
    person = Actor(person_id="adm-1", name="A. Dmin", title="Contractor", agency_ori=ORI)
    try:
        async with db.begin() as connection:
            keys = SigningKeys(db, [old, new])
            await keys.change(connection, "retention", person, "yearly", datetime.now(UTC))
    except Unavailable as exc:
        return exc.detail
    return new.key_id


@pytest.mark.clause("468.7/package")
async def test_of_two_changes_at_once_to_different_keys_one_is_refused(retention):
    """Two successors of one key would leave no chain that leads to the later one."""
    old = await retention.running.keys.in_force()
    one, other = Signer.new(), Signer.new()
    change, refusal = await locked_while(
        retention.runtime.db,
        "SELECT pg_advisory_xact_lock(hashtext('signing-key'), hashtext(current_schema()))",
        changed(retention, old, one),
        changed(retention, old, other),
    )
    assert (change, one.key_id in refusal) == (one.key_id, True)
    retention.running.keys._signers = [old, one]
    answer = (await retention.client.get("/v1/signing-key")).json()
    assert (answer["key_id"], len(answer["changes"])) == (one.key_id, 1)


async def test_a_key_change_needs_an_unused_key_and_signing_needs_the_current_key(
    retention, rotate, capsys
):
    assert (await rotate(None))[0] == 2
    assert "RETENTION_NEXT_SIGNING_KEY" in capsys.readouterr().err
    new = Signer.new()
    status, old = await rotate(new)
    assert status == 0
    assert (await rotate(old))[0] == 2
    without = SigningKeys(retention.runtime.db, [old])
    with pytest.raises(Unavailable, match=new.key_id):
        await without.in_force()
