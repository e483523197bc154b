"""The key-encryption key changes while the service runs: no request fails, and the log records it."""

import asyncio
import base64
import logging
import os
from collections import Counter
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr
from sqlalchemy import text

from services.identity.__main__ import COMMANDS
from services.identity.actions import keys, rewrap
from services.identity.actions.enrolment import totp_place
from services.identity.actions.keys import signing_key_place
from services.identity.main import build_app
from services.identity.service import IdentityService
from services.identity.spec import SPEC
from services.identity.store.sealed import Sealed
from services.registry import SPECS
from shared.core.errors import InternalFault
from shared.core.vault import MARK, Vault, VaultFault, key_id
from shared.events import Actor, SecretsRewrapped
from shared.service.api_runtime import ApiRuntime
from shared.service.command import status_of
from shared.service.running import service_of
from shared.testing import eventually
from tests.integration.identity.conftest import QuickSettings, certified_environment

OLD, NEW = bytes(range(32)), bytes(range(100, 132))
SERGEANT = Actor(
    person_id="00000000-0000-4000-8000-000000000301",
    name="Ada Min",
    title="Administration Sergeant",
    agency_ori="CA0520100",
)


def in_base64(*keys_):
    return " ".join(base64.b64encode(key).decode() for key in keys_)


def restart_with(identity, vault):
    """Let the running service go on with other keys, as after a restart."""
    object.__setattr__(identity, "vault", vault)


@pytest.fixture
def changed(identity):
    """Identity as it runs once the new key seals and the old one only opens."""
    restart_with(identity, Vault(NEW, [OLD]))
    identity.private_keys.clear()
    return identity


@pytest.fixture
def sealed(identity):
    """Return the sealed values, by row."""

    async def read():
        async with identity.begin() as unit:
            rows = await unit.connection.execute(
                text(
                    "SELECT kid AS row_id, sealed FROM signing_keys UNION ALL"
                    " SELECT CAST(account_id AS text), totp_sealed FROM credentials"
                )
            )
            return {row.row_id: bytes(row.sealed) for row in rows}

    return read


def names(key, secret):
    return secret.startswith(MARK + bytes.fromhex(key_id(key)))


async def test_a_rewrap_seals_every_secret_under_the_new_key_while_people_sign_in(
    hire, changed, published, sealed, client
):
    restart_with(changed, Vault(OLD))
    people = [await hire(f"o.{name}", "officer") for name in ("seven", "eight", "nine")]
    await keys.rotate(changed)
    before = await sealed()
    assert all(names(OLD, secret) for secret in before.values())
    restart_with(changed, Vault(NEW, [OLD]))
    done = await rewrap.rewrap(changed, SERGEANT, "yearly change")
    after = await sealed()
    assert after.keys() == before.keys()
    assert all(names(NEW, secret) for secret in after.values())
    factors = len(before) - 2
    assert done.counts == {"signing_key": 2, "second_factor": factors}
    restart_with(changed, Vault(NEW))
    changed.private_keys.clear()
    for person in people:
        await person.sign_in()
        assert (await person.get("/v1/me")).status_code == 200
    first, second = await published(SecretsRewrapped)
    assert (first.kind, first.count, first.left) == ("signing_key", 2, factors)
    assert (second.kind, second.count, second.left) == ("second_factor", factors, 0)
    for event in (first, second):
        assert event.actor == SERGEANT
        assert event.reason == "yearly change"
        assert (event.to_key, event.from_keys) == (key_id(NEW), {key_id(OLD): event.count})


async def test_an_interrupted_rewrap_continues_where_it_stopped(
    hire, changed, published, sealed, monkeypatch
):
    restart_with(changed, Vault(OLD))
    for number in range(5):
        await hire(f"o.{number}", "officer")
    total = len(await sealed())
    monkeypatch.setattr(rewrap, "BATCH", 2)

    class Killed(Exception):
        """Stops the running transaction like a kill."""

    class Breaking(Vault):
        left = 4

        def seal(self, secret, place):
            self.left -= 1
            if self.left < 0:
                raise Killed
            return super().seal(secret, place)

    restart_with(changed, Breaking(NEW, [OLD]))
    with pytest.raises(Killed):
        await rewrap.rewrap(changed, SERGEANT, "yearly change")
    by_key = Counter(names(NEW, secret) for secret in (await sealed()).values())
    told = sum(event.count for event in await published(SecretsRewrapped))
    assert by_key[True] == told == 3  # the signing key, and one batch of two whole
    restart_with(changed, Vault(NEW, [OLD]))
    done = await rewrap.rewrap(changed, SERGEANT, "yearly change")
    assert done.counts.total() == total - 3
    assert all(names(NEW, secret) for secret in (await sealed()).values())
    told = [event.count for event in await published(SecretsRewrapped)]
    assert sum(told) == total
    assert (await published(SecretsRewrapped))[-1].left == 0
    again = await rewrap.rewrap(changed, SERGEANT, "once more")
    assert again.counts.total() == 0
    assert [event.count for event in await published(SecretsRewrapped)] == told


async def test_concurrent_rewraps_seal_each_secret_once(
    hire, changed, published, sealed, monkeypatch
):
    restart_with(changed, Vault(OLD))
    people = [await hire(f"o.{number}", "officer") for number in range(4)]
    total = len(await sealed())
    monkeypatch.setattr(rewrap, "BATCH", 1)
    restart_with(changed, Vault(NEW, [OLD]))
    changed.clock.advance(seconds=30)
    runs = [rewrap.rewrap(changed, SERGEANT, "yearly change") for _ in range(2)]
    both, *answers = await asyncio.gather(
        asyncio.gather(*runs), *(person.try_sign_in() for person in people)
    )
    assert [answer.status_code for answer in answers] == [201] * 4
    assert sum(done.counts.total() for done in both) == total
    assert sum(event.count for event in await published(SecretsRewrapped)) == total
    assert all(names(NEW, secret) for secret in (await sealed()).values())


async def test_a_second_factor_created_during_a_rewrap_is_not_lost(hire, changed, monkeypatch):
    restart_with(changed, Vault(OLD))
    officer = await hire("o.seven", "officer")
    restart_with(changed, Vault(NEW, [OLD]))
    account_id, place = UUID(officer.account_id), totp_place(officer.account_id)

    async def enrol_anew():
        async with changed.begin() as unit:
            sealed = changed.vault.seal(b"another", place)
            await unit.credentials.put(account_id, "a hash", sealed, unit.now)

    async def waits():
        async with changed.begin() as unit:
            locks = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            return (await unit.connection.execute(text(locks))).scalar_one()

    enrolments = []
    keep = Sealed.put

    async def put(self, secret):
        if secret.row_id == officer.account_id:
            enrolments.append(asyncio.create_task(enrol_anew()))
            await eventually(lambda: enrolments[0].done() or waits())
        await keep(self, secret)

    monkeypatch.setattr(Sealed, "put", put)
    await rewrap.rewrap(changed, SERGEANT, "yearly change")
    await asyncio.gather(*enrolments)
    async with changed.begin() as unit:
        credential = await unit.credentials.find(account_id)
    assert len(enrolments) == 1
    assert changed.vault.open(credential.totp_sealed, place) == b"another"


async def test_a_rewrap_without_a_needed_key_is_refused_and_changes_no_secret(
    hire, changed, published, sealed
):
    restart_with(changed, Vault(OLD))
    await hire("o.seven", "officer")
    before = await sealed()
    restart_with(changed, Vault(NEW, [bytes(32)]))
    needed = f"{key_id(OLD)} \\({len(before)} secrets\\)"
    with pytest.raises(InternalFault, match=needed):
        await rewrap.rewrap(changed, SERGEANT, "yearly change")
    with pytest.raises(VaultFault, match=needed):
        await rewrap.check_keys(changed)
    assert await sealed() == before
    assert await published(SecretsRewrapped) == []


async def as_before_keys_had_ids(identity, sealed):
    """Write every secret as an identity did that knew one key: without mark and id."""
    vault = Vault(OLD)
    async with identity.begin() as unit:
        for row_id, secret in (await sealed()).items():
            is_key = len(row_id) != len(str(uuid4()))
            place = signing_key_place(row_id) if is_key else totp_place(row_id)
            nonce = os.urandom(12)
            old = nonce + AESGCM(OLD).encrypt(nonce, vault.open(secret, place), place.encode())
            table, column, key = (
                ("signing_keys", "sealed", "kid")
                if is_key
                else ("credentials", "totp_sealed", "account_id")
            )
            await unit.connection.execute(
                text(f"UPDATE {table} SET {column} = :old WHERE CAST({key} AS text) = :row_id"),
                {"old": old, "row_id": row_id},
            )


async def test_secrets_from_before_keys_had_ids_are_sealed_anew_too(
    hire, changed, sealed, published
):
    restart_with(changed, Vault(OLD))
    officer = await hire("o.seven", "officer")
    await as_before_keys_had_ids(changed, sealed)
    before = await sealed()
    assert not any(secret.startswith(MARK) for secret in before.values())
    restart_with(changed, Vault(NEW))
    with pytest.raises(InternalFault, match="does not open"):
        await rewrap.rewrap(changed, SERGEANT, "yearly change")
    assert await sealed() == before
    restart_with(changed, Vault(NEW, [OLD]))
    await officer.sign_in()
    assert (await rewrap.usage(changed)).counts == {key_id(NEW): 0, key_id(OLD): len(before)}
    await rewrap.rewrap(changed, SERGEANT, "yearly change")
    assert all(names(NEW, secret) for secret in (await sealed()).values())
    restart_with(changed, Vault(NEW))
    await officer.sign_in()


async def test_the_usage_lists_keys_that_no_secret_needs(hire, changed):
    await hire("o.seven", "officer")
    before = await rewrap.usage(changed)
    assert before.counts[key_id(OLD)] > 0
    assert before.unused == []
    await rewrap.rewrap(changed, SERGEANT, "yearly change")
    after = await rewrap.usage(changed)
    assert after.counts[key_id(OLD)] == 0
    assert after.unused == [key_id(OLD)]


async def test_the_rewrap_command_prints_no_secret(
    hire, identity, identity_settings, published, monkeypatch, capsys, caplog
):
    officer = await hire("o.seven", "officer")
    monkeypatch.setenv("DATABASE_URL", identity_settings.database_url)
    monkeypatch.setenv("POLICY_FILE", str(identity_settings.policy_file))
    monkeypatch.setenv("IDENTITY_KEY_ENCRYPTION_KEY", in_base64(NEW))
    certified_environment(identity_settings, monkeypatch)

    async def command(*words):
        await asyncio.to_thread(status_of, SPEC, COMMANDS, words)
        said = capsys.readouterr()
        return said.out + said.err

    who = ["--person-id", SERGEANT.person_id, "--name", "Ada Min", "--title", "Sergeant"]
    caplog.set_level(logging.DEBUG)
    refused = await command("rewrap", *who, "--reason", "yearly change")
    assert "are not set" in refused
    assert key_id(OLD) in refused
    monkeypatch.setenv("IDENTITY_OTHER_KEY_ENCRYPTION_KEYS", in_base64(OLD))
    assert "still needed" in await command("key-usage")
    told = await command("rewrap", *who, "--reason", "yearly change")
    assert f"Sealed anew with key {key_id(NEW)}: 1 signing keys and" in told
    assert f"key {key_id(OLD)}: 0 secrets, nothing needs it; unless" in told
    event = (await published(SecretsRewrapped))[-1]
    assert (event.actor.name, event.reason, event.left) == ("Ada Min", "yearly change", 0)
    said = refused + told + caplog.text + str(event)
    for secret in (in_base64(OLD), in_base64(NEW), OLD.hex(), NEW.hex(), officer.secret):
        assert secret not in said


async def test_a_service_without_the_needed_key_does_not_start(
    app, identity_settings, bus, objects, clock, people
):
    other = QuickSettings(
        **{**identity_settings.model_dump(), "identity_key_encryption_key": in_base64(NEW)}
    )
    runtime = ApiRuntime(
        SPECS["identity"], other, bus=bus, objects=objects, clock=clock, people=people
    )
    second = build_app(other, runtime)
    with pytest.raises(VaultFault, match="add them to IDENTITY_OTHER_KEY_ENCRYPTION_KEYS"):
        async with second.router.lifespan_context(second):
            raise AssertionError("it started")
    others = SecretStr(in_base64(OLD))
    known = other.model_copy(update={"identity_other_key_encryption_keys": others})
    runtime = ApiRuntime(
        SPECS["identity"], known, bus=bus, objects=objects, clock=clock, people=people
    )
    third = build_app(known, runtime)
    async with third.router.lifespan_context(third):
        assert service_of(third, IdentityService).vault.current == key_id(NEW)
