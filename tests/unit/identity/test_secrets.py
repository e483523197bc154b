"""Sealing, hashing, codes and settings."""

import asyncio
import base64
import os
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pyotp
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import ValidationError

from services.identity.actions import hasher as hasher_module
from services.identity.actions.hasher import Hasher
from services.identity.actions.totp import (
    is_of_step,
    matching_step,
    new_secret,
    provisioning_uri,
    step_at,
)
from services.identity.domain.browser_tokens import BrowserTokens
from services.identity.settings import Settings
from shared.core.errors import TooManyRequests
from shared.core.vault import Vault, VaultFault, key_id

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def hasher():
    made = Hasher(memory_kib=19_456, time_cost=2, workers=2)
    yield made
    made.close()


def test_a_sealed_value_opens_only_in_its_own_place():
    vault = Vault(bytes(range(32)))
    sealed = vault.seal(b"secret", "row 1")
    assert vault.open(sealed, "row 1") == b"secret"
    assert b"secret" not in sealed
    assert vault.seal(b"secret", "row 1") != sealed
    tampered = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for data, place in ((sealed, "row 2"), (tampered, "row 1"), (b"", "row 1")):
        with pytest.raises(VaultFault):
            vault.open(data, place)
    with pytest.raises(VaultFault):
        Vault(bytes(32)).open(sealed, "row 1")


OLD, NEW, THIRD = bytes(range(32)), bytes(range(1, 33)), bytes(32)


def sealed_before_keys_had_ids(key, secret, place):
    nonce = os.urandom(12)
    return nonce + AESGCM(key).encrypt(nonce, secret, place.encode())


def test_a_value_sealed_under_another_key_opens_while_that_key_is_available():
    sealed = Vault(OLD).seal(b"secret", "row 1")
    both = Vault(NEW, [THIRD, OLD])
    assert both.open(sealed, "row 1") == b"secret"
    assert both.opens_with(sealed, "row 1") == key_id(OLD)
    assert both.opens_with(both.seal(b"x", "row 1"), "row 1") == both.current == key_id(NEW)
    with pytest.raises(VaultFault, match=f"needs the key-encryption key {key_id(OLD)}"):
        Vault(NEW, [THIRD]).open(sealed, "row 1")


@pytest.mark.clause("468.6(a)/known-browser")
def test_a_browser_stays_known_while_the_key_that_signed_its_token_is_available():
    browser_id = uuid4()
    token = BrowserTokens(OLD).token_of(browser_id)
    assert BrowserTokens(NEW, [OLD]).browser_of(token) == browser_id
    assert BrowserTokens(NEW).browser_of(token) is None
    assert BrowserTokens(NEW).browser_of(BrowserTokens(NEW, [OLD]).token_of(browser_id))


def test_a_value_sealed_before_keys_had_ids_opens():
    sealed = sealed_before_keys_had_ids(OLD, b"secret", "row 1")
    assert Vault(OLD).open(sealed, "row 1") == b"secret"
    both = Vault(NEW, [THIRD, OLD])
    assert both.open(sealed, "row 1") == b"secret"
    assert both.opens_with(sealed, "row 1") == key_id(OLD)
    for vault, place in ((Vault(NEW), "row 1"), (both, "row 2")):
        with pytest.raises(VaultFault, match="does not open"):
            vault.open(sealed, place)


def test_a_sealed_value_with_a_forged_key_id_does_not_open():
    sealed = Vault(OLD).seal(b"secret", "row 1")
    forged = sealed.replace(bytes.fromhex(key_id(OLD)), bytes.fromhex(key_id(NEW)))
    assert forged != sealed
    with pytest.raises(VaultFault):
        Vault(NEW, [OLD]).open(forged, "row 1")


def test_key_ids_differ_and_reveal_no_key_material():
    assert len({key_id(OLD), key_id(NEW), key_id(THIRD)}) == 3
    assert key_id(OLD) not in OLD.hex()
    assert len(key_id(OLD)) == 16


@pytest.mark.clause("468.6(a)/login")
async def test_a_password_is_hashed_with_argon2id_and_verified(hasher):
    hashed = await hasher.hash("four plain words here")
    assert hashed.startswith("$argon2id$")
    assert await hasher.verify(hashed, "four plain words here")
    assert not await hasher.verify(hashed, "four plain words there")
    assert not await hasher.verify("not a hash", "four plain words here")
    assert not await hasher.verify(None, "four plain words here")


@pytest.mark.clause("468.6(a)/login")
async def test_a_password_for_nobody_is_hashed_like_that_of_a_person(hasher, monkeypatch):
    compared = []
    monkeypatch.setattr(hasher, "_same", lambda hashed, _: compared.append(hashed) or True)
    hashed = await hasher.hash("four plain words here")
    assert await hasher.verify(hashed, "four plain words here")
    assert not await hasher.verify(None, "four plain words here")
    assert compared[0] == hashed
    assert not hasher.is_outdated(compared[1]), "of the same costs, so that it takes as long"


async def test_a_hash_of_other_costs_is_outdated(hasher):
    costly = Hasher(memory_kib=20_480, time_cost=2, workers=1)
    assert not hasher.is_outdated(await hasher.hash("x"))
    assert hasher.is_outdated(await costly.hash("x"))
    costly.close()


async def test_password_checks_beyond_the_queue_are_refused_and_the_rest_are_served(hasher):
    many = hasher_module.MAX_WAITING + 5
    answers = await asyncio.gather(
        *(hasher.verify(None, "x") for _ in range(many)), return_exceptions=True
    )
    assert sum(isinstance(answer, TooManyRequests) for answer in answers) == 5
    assert answers.count(False) == hasher_module.MAX_WAITING
    assert await hasher.verify(None, "x") is False


@pytest.mark.clause("468.6(a)/login")
def test_a_code_counts_within_one_step_and_once():
    secret = new_secret()
    code = pyotp.TOTP(secret).at
    step = step_at(NOON)
    assert matching_step(secret, code(NOON), NOON, 0) == step
    for offset, found in ((-60, None), (-30, step - 1), (30, step + 1), (60, None)):
        moment = NOON + timedelta(seconds=offset)
        assert matching_step(secret, code(moment), NOON, 0) == found
    assert matching_step(secret, code(NOON), NOON, step) is None
    assert matching_step(secret, code(NOON), NOON, step + 1) is None
    assert matching_step(new_secret(), code(NOON), NOON, 0) is None


@pytest.mark.clause("468.6(a)/code-twice")
def test_a_code_is_of_its_step_within_the_window_alone():
    secret = new_secret()
    code, step = pyotp.TOTP(secret).at(NOON), step_at(NOON)
    for seconds, near in ((-60, False), (-30, True), (0, True), (30, True), (60, False)):
        assert is_of_step(secret, code, NOON + timedelta(seconds=seconds), step) is near
    assert not is_of_step(secret, code, NOON, step + 1)


def test_the_codes_are_those_of_rfc_6238():
    seed = base64.b32encode(b"12345678901234567890").decode()
    moment = datetime.fromtimestamp(1111111109, UTC)
    assert matching_step(seed, "081804", moment, 0) == 1111111109 // 30


def test_a_provisioning_address_names_person_and_department():
    secret = new_secret()
    uri = provisioning_uri(secret, "j.rivera", "Corning Police Department")
    assert uri.startswith("otpauth://totp/Corning%20Police%20Department:j.rivera?")
    assert pyotp.parse_uri(uri).secret == secret


@pytest.mark.parametrize("key", ["", "short", base64.b64encode(bytes(31)).decode(), "!" * 44])
def test_a_key_encryption_key_of_another_size_is_refused_without_being_printed(key):
    with pytest.raises(ValidationError) as refused:
        Settings(identity_key_encryption_key=key)
    assert "is not base64 of 32 bytes" in str(refused.value)
    assert not key or key not in str(refused.value)


def test_other_keys_are_separated_by_spaces_and_an_invalid_one_is_refused_unprinted():
    keys = [base64.b64encode(key).decode() for key in (OLD, NEW, THIRD)]
    one, others = keys[0], " ".join(keys[1:])
    settings = Settings(
        identity_key_encryption_key=one, identity_other_key_encryption_keys=f" {others}\n"
    )
    assert settings.other_key_encryption_keys == [NEW, THIRD]
    assert keys[1] not in repr(settings)
    assert Settings(identity_key_encryption_key=one).other_key_encryption_keys == []
    with pytest.raises(ValidationError, match="base64 of 32 bytes") as refused:
        Settings(
            identity_key_encryption_key=one,
            identity_other_key_encryption_keys=f"{keys[1]} c2hvcnQ=",
        )
    assert keys[1] not in str(refused.value)


def test_a_key_encryption_key_does_not_show_in_settings():
    key = base64.b64encode(bytes(range(32))).decode()
    settings = Settings(identity_key_encryption_key=key)
    assert settings.key_encryption_key == bytes(range(32))
    assert key not in repr(settings)


@pytest.mark.parametrize(
    ("setting", "lowest"),
    [("identity_argon2_memory_kib", 19_456), ("identity_argon2_time_cost", 2)],
)
def test_passwords_are_hashed_at_no_less_than_owasps_minimum(setting, lowest):
    key = base64.b64encode(bytes(range(32))).decode()
    given = {"identity_key_encryption_key": key}
    assert getattr(Settings(**given, **{setting: lowest}), setting) == lowest
    with pytest.raises(ValidationError, match=f"greater than or equal to {lowest}"):
        Settings(**given, **{setting: lowest - 1})
