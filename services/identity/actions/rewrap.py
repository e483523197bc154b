"""Changes the key-encryption key: seals with the current key every secret that another key sealed (ADR-0017).

A batch and its event commit together, so a run may be interrupted and repeated while the service runs.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from services.identity.actions.context import Identity
from services.identity.actions.enrolment import totp_place
from services.identity.actions.keys import signing_key_place
from services.identity.store.sealed import KINDS, Kind, SealedSecret
from services.identity.store.unit_of_work import Unit
from shared.core.errors import InternalFault
from shared.core.vault import VaultFault
from shared.events import Actor, SecretsRewrapped

BATCH = 200
"""Rows locked at a time; a sign-in that needs one waits for milliseconds."""

SETTING = "IDENTITY_OTHER_KEY_ENCRYPTION_KEYS"


@dataclass(frozen=True)
class Usage:
    """How many secrets each key-encryption key seals, by its id."""

    current: str
    counts: Mapping[str, int]
    """For every configured key, including those that seal no secret any more."""

    @property
    def unused(self) -> list[str]:
        """The keys other than the current one that seal no secret any more."""
        return [name for name, count in self.counts.items() if not count and name != self.current]


@dataclass
class Rewrapped:
    """The number of secrets of each kind that one run sealed anew."""

    counts: Counter[Kind] = field(default_factory=Counter)


async def check_keys(identity: Identity) -> None:
    """Check that every key that seals a secret is configured.

    Raises: VaultFault, with the ids of the missing keys.
    """
    async with identity.begin() as unit:
        missing = _missing(identity, await unit.sealed.named())
    if missing:
        raise VaultFault(_complaint(missing))


async def usage(identity: Identity) -> Usage:
    """Return how many secrets each key seals.

    Raises: InternalFault if a key is missing or a secret does not open.
    """
    async with identity.begin() as unit:
        return await _usage(identity, unit)


async def rewrap(identity: Identity, actor: Actor, reason: str) -> Rewrapped:
    """Seal every secret with the current key, and record who ordered it.

    Raises: InternalFault, before any change, if a key is missing or a secret does not open.
    """
    await usage(identity)
    done = Rewrapped()
    for kind in KINDS:
        while moved := await _batch(identity, kind, actor, reason):
            done.counts[kind] += moved
    return done


async def _batch(identity: Identity, kind: Kind, actor: Actor, reason: str) -> int:
    vault = identity.vault
    async with identity.begin() as unit:
        await unit.sealed.lock()
        found = await unit.sealed.others(kind, vault.current, BATCH)
        if not found:
            return 0
        origins: Counter[str] = Counter()
        for secret in found:
            place = _place(secret)
            origins[_opens_with(identity, secret)] += 1
            sealed = vault.seal(vault.open(secret.sealed, place), place)
            await unit.sealed.put(replace(secret, sealed=sealed))
        event = SecretsRewrapped(
            occurred_at=unit.now,
            actor=actor,
            reason=reason,
            to_key=vault.current,
            from_keys=dict(origins),
            kind=kind,
            count=len(found),
            left=await unit.sealed.left(vault.current),
        )
        await unit.emit(event)
    return len(found)


async def _usage(identity: Identity, unit: Unit) -> Usage:
    named = await unit.sealed.named()
    if missing := _missing(identity, named):
        raise InternalFault(_complaint(missing))
    counts = Counter({name: named.get(name, 0) for name in identity.vault.key_ids})
    for kind in KINDS:
        for secret in await unit.sealed.unnamed(kind):
            counts[_opens_with(identity, secret)] += 1
    return Usage(identity.vault.current, dict(counts))


def _missing(identity: Identity, named: Mapping[str, int]) -> dict[str, int]:
    return {name: n for name, n in sorted(named.items()) if name not in identity.vault.key_ids}


def _complaint(missing: Mapping[str, int]) -> str:
    needed = ", ".join(f"{name} ({count} secrets)" for name, count in missing.items())
    return (
        f"sealed secrets need key-encryption keys that are not set: {needed}; add them to {SETTING}"
    )


def _opens_with(identity: Identity, secret: SealedSecret) -> str:
    try:
        return identity.vault.opens_with(secret.sealed, _place(secret))
    except VaultFault as exc:
        raise InternalFault(
            f"{exc}; no further secret is sealed anew until it does ({SETTING})"
        ) from None


def _place(secret: SealedSecret) -> str:
    place = {"signing_key": signing_key_place, "second_factor": totp_place}[secret.kind]
    return place(secret.row_id)
