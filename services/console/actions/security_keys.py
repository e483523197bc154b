"""A person's own security keys, and their keys' answers in forms (468.6)."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from services.console.actions.errors import form_refused, value_refused
from services.console.actions.person_client import PersonClient
from services.console.actions.seal import Seal
from services.console.actions.services import Services
from services.console.domain.form_values import code_of

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
KEYS = "/v1/me/security-keys"
WRONG = "security_key_wrong"
"""Identity's code for a key that was made too late, or in another session."""


class Offer(msgspec.Struct, kw_only=True, frozen=True):
    """What a new key is made for; sealed in the form, so that a refused name can be typed again."""

    challenge: str
    relying_party: str
    department: str
    user_handle: str
    username: str
    name: str
    algorithms: list[int]
    known: list[str]

    def __repr__(self) -> str:
        return "Offer()"


class _Answer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the page's script puts into a form for a key's answer."""

    credential_id: str
    client_data: str
    authenticator_data: str
    signature: str


class _Made(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the page's script puts into a form for a new key."""

    client_data: str
    attestation: str


def second_factor(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the second factor that a form has: the answer of a security key, or a code. Raises: Refused."""
    if "security_key" not in form:
        return {"totp": code_of(form.get("totp", ""))}
    return {"security_key": _read(form, _Answer)}


def both_factors(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the present password and second factor of a form. Raises: Refused."""
    return {"current_password": form.get("current_password", ""), **second_factor(form)}


async def sign_in_challenge(services: Services, headers: Mapping[str, str]) -> Any:
    """Return a challenge for the key of a person who signs in. Raises: Refused."""
    path = "/v1/sessions/challenge"
    return await services.request_json("identity", "POST", path, headers=headers)


async def own_challenge(client: PersonClient) -> Any:
    """Return a challenge for one of the person's keys. Raises: Refused, SignedOut."""
    return await client.request_json("identity", "POST", "/v1/me/challenge", with_purpose=False)


async def read_keys(client: PersonClient) -> tuple[list[Any], bool]:
    """Return the person's keys, and whether no code counts beside them. Raises: Refused, SignedOut."""
    account = await client.request_json("identity", "GET", "/v1/me", with_purpose=False)
    keys = await client.request_json("identity", "GET", KEYS, with_purpose=False)
    return keys["items"], account["keys_only"]


async def begin_key(client: PersonClient, form: Mapping[str, str]) -> Offer:
    """Prove both factors; return what a new key is made for. Raises: Refused, SignedOut."""
    path, body = f"{KEYS}/offer", both_factors(form)
    offered = await client.request_json("identity", "POST", path, json=body, with_purpose=False)
    return Offer(**{name: offered[name] for name in Offer.__struct_fields__})


def open_offer(seal: Seal, sealed: str) -> Offer:
    """Return the offer that a form carries. Raises: Refused if this console did not seal it."""
    offer = seal.open(Offer, sealed)
    if offer is None:
        raise form_refused("begin again to add your security key")
    return offer


async def add_key(client: PersonClient, form: Mapping[str, str]) -> None:
    """Store a new key. Raises: Refused, SignedOut."""
    body = {"name": form.get("name", ""), **_read(form, _Made)}
    await client.request_json("identity", "POST", KEYS, json=body, with_purpose=False)


async def remove_key(client: PersonClient, form: Mapping[str, str]) -> None:
    """Remove a key; the person's other sessions end. Raises: Refused, SignedOut."""
    if not _UUID.fullmatch(chosen := form.get("key_id", "")):
        raise value_refused("choose one of your security keys", "key_id")
    path = f"{KEYS}/{chosen}/removal"
    await client.request_json("identity", "POST", path, json=both_factors(form), with_purpose=False)


async def choose_keys_only(client: PersonClient, form: Mapping[str, str]) -> None:
    """Let only keys count as the person's second factor, or codes too. Raises: Refused, SignedOut."""
    body = {"keys_only": form.get("keys_only") == "yes", **both_factors(form)}
    path = "/v1/me/keys-only"
    await client.request_json("identity", "POST", path, json=body, with_purpose=False)


def _read(form: Mapping[str, str], kind: type[msgspec.Struct]) -> dict[str, str]:
    """Return what the page's script put into a form. Raises: Refused for anything else."""
    try:
        read = msgspec.json.decode(form.get("security_key", ""), type=kind)
    except msgspec.MsgspecError:
        raise form_refused(
            "the answer of your security key is not readable; use it again"
        ) from None
    return msgspec.structs.asdict(read)
