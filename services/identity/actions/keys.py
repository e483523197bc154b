"""The key set: ES256 on P-256. A key is published before it signs, and verifies until its last token expires."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from prometheus_client import Gauge

from services.identity.actions.context import Identity
from services.identity.store.keys import StoredKey
from services.identity.store.unit_of_work import Unit
from shared.accounts.tokens import LEEWAY_S, sign, thumbprint
from shared.core.policy import Policy
from shared.events import KeyPublished

CREATED = Gauge("alpr_token_key_created_timestamp_seconds", "When the youngest token key was made")
ROTATED_AFTER = Gauge("alpr_token_key_rotated_after_seconds", "Age at which another follows it")

PUBLISH_AHEAD = timedelta(seconds=30)
"""Every service has a key's public half before it gets a token that the key signed."""

SPARE = timedelta(days=7)
"""How long a key verifies beyond its rotation age, in case the rotation is late."""


def longest_token(policy: Policy) -> timedelta:
    """Return the lifetime of the longest-lived token."""
    minutes = max(policy.accounts.access_token_minutes, policy.purposes.token_minutes)
    return timedelta(minutes=minutes, seconds=LEEWAY_S)


async def prepare(identity: Identity) -> None:
    """Create the first key if there is none, check that the keys open, publish all that still verify.

    Raises: VaultFault if the key-encryption key is not the one that sealed them.
    """
    async with identity.begin() as unit:
        await unit.keys.lock()
        if await _signing(unit) is None:
            await _add(identity, unit, signs_from=unit.now)
        for key in await unit.keys.valid(unit.now):
            _open(identity, key)
            unit.announce(_published(identity, unit, key))


async def rotate(identity: Identity, *, compromised: bool = False) -> str:
    """Create a new key and return its id; the old ones verify until their tokens expire.

    After a compromise the old keys stop verifying at once, which ends all tokens.
    """
    async with identity.begin() as unit:
        await unit.keys.lock()
        return await _rotate(identity, unit, await unit.keys.valid(unit.now), compromised)


async def rotate_when_due(identity: Identity) -> str | None:
    """Rotate if the youngest key is older than the settings allow; return the new key's id."""
    age = timedelta(days=identity.settings.identity_key_rotation_days)
    ROTATED_AFTER.set(age.total_seconds())
    async with identity.begin() as unit:
        await unit.keys.lock()  # if another replica rotates now, this finds its key
        old = await unit.keys.valid(unit.now)
        CREATED.set(old[0].created_at.timestamp() if old else 0)
        if old and unit.now - old[0].created_at < age:
            return None
        return await _rotate(identity, unit, old, compromised=False)


async def _rotate(
    identity: Identity, unit: Unit, old: Sequence[StoredKey], compromised: bool
) -> str:
    ahead = timedelta() if compromised else PUBLISH_AHEAD
    new = await _add(identity, unit, signs_from=unit.now + ahead)
    end = unit.now if compromised else new.signs_from + longest_token(unit.policy)
    for key in old:
        if key.not_after > end:
            await unit.keys.end(key.kid, end)
            unit.announce(_published(identity, unit, replace(key, not_after=end)))
    return new.kid


async def sign_token(identity: Identity, unit: Unit, claims: dict[str, Any]) -> str:
    """Return `claims` signed with the current key."""
    key = await _signing(unit)
    if key is None:  # the rotation is late: add a key now, so that people can sign in
        await unit.keys.lock()
        key = await _signing(unit) or await _add(identity, unit, signs_from=unit.now)
    identity.people.keys.add(key.kid, key.jwk, key.not_after)
    return sign(claims, jwk=_open(identity, key), kid=key.kid)


async def _signing(unit: Unit) -> StoredKey | None:
    """Return the youngest key that signs now and outlives the longest token that it could sign."""
    lasting = unit.now + longest_token(unit.policy)
    keys = [
        key
        for key in await unit.keys.valid(unit.now)
        if key.signs_from <= unit.now and key.not_after >= lasting
    ]
    return keys[0] if keys else None


async def _add(identity: Identity, unit: Unit, *, signs_from: datetime) -> StoredKey:
    private = _new_private_jwk()
    public = {name: private[name] for name in ("kty", "crv", "x", "y")}
    kid = thumbprint(public)
    rotation = timedelta(days=identity.settings.identity_key_rotation_days)
    key = StoredKey(
        kid=kid,
        jwk=public,
        sealed=identity.vault.seal(json.dumps(private).encode(), signing_key_place(kid)),
        created_at=unit.now,
        signs_from=signs_from,
        not_after=signs_from + rotation + SPARE,
    )
    await unit.keys.add(key)
    unit.announce(_published(identity, unit, key))
    return key


def _open(identity: Identity, key: StoredKey) -> dict[str, str]:
    private = identity.private_keys.get(key.kid)
    if private is None:
        private = json.loads(identity.vault.open(key.sealed, signing_key_place(key.kid)))
        identity.private_keys[key.kid] = private
    return private


def signing_key_place(kid: str) -> str:
    """Return the associated data that binds a sealed signing key to its id."""
    return f"signing key {kid}"


def _published(identity: Identity, unit: Unit, key: StoredKey) -> KeyPublished:
    return KeyPublished(
        occurred_at=unit.now,
        kid=key.kid,
        issuer=identity.settings.token_issuer,
        jwk=key.jwk,
        not_after=key.not_after,
    )


def _new_private_jwk() -> dict[str, str]:
    """Return a fresh P-256 key as a private JWK (RFC 7518, 6.2)."""
    numbers = ec.generate_private_key(ec.SECP256R1()).private_numbers()
    point = numbers.public_numbers
    numbers_by_name = {"x": point.x, "y": point.y, "d": numbers.private_value}
    encoded = {
        name: _base64url(number.to_bytes(32, "big")) for name, number in numbers_by_name.items()
    }
    return {"kty": "EC", "crv": "P-256", **encoded}


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
