"""A person's own account: training, sign-ins, password and second factor (468.4(d), 468.6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from services.console.actions.errors import form_refused, value_refused
from services.console.actions.person_client import PersonClient
from services.console.actions.seal import Seal
from services.console.actions.security_keys import both_factors
from services.console.domain.form_values import code_of
from services.console.domain.queries import page_query

SIGN_INS = 20
COURSES = 10
NOT_OFFERED = "second_factor_not_offered"
"""Identity's code for a key that came too late, or from another session."""


class NewFactor(msgspec.Struct, kw_only=True, frozen=True):
    """A new second factor before its confirmation; sealed in the form, since identity shows it once."""

    change_token: str
    username: str
    totp_secret: str
    provisioning_uri: str

    def __repr__(self) -> str:
        return "NewFactor()"


@dataclass(frozen=True)
class OwnAccount:
    """A person's account, their newest courses, and one page of their sign-ins."""

    account: Any
    training: list[Any]
    sign_ins: Any


async def read_own_account(client: PersonClient, after: str) -> OwnAccount:
    """Return the person's account as it is now. Raises: Refused, SignedOut."""
    account = await _get(client, "/v1/me")
    client.know(account)  # roles or training may be other than at the last token
    training = await _get(client, "/v1/me/training", page_query(COURSES))
    sign_ins = await _get(client, "/v1/me/sessions", page_query(SIGN_INS, after))
    return OwnAccount(account, training["items"], sign_ins)


async def sign_others_out(client: PersonClient) -> None:
    """End the person's other sessions. Raises: Refused, SignedOut."""
    path = "/v1/me/sessions/closure"
    await client.request_json("identity", "POST", path, with_purpose=False)


async def change_password(client: PersonClient, form: Mapping[str, str]) -> None:
    """Change the person's password; all their sessions end. Raises: Refused, SignedOut."""
    if form.get("password") != form.get("password_again"):
        raise value_refused("the two passwords differ", "password_again")
    body = both_factors(form) | {"password": form.get("password", "")}
    await client.request_json("identity", "POST", "/v1/me/password", json=body, with_purpose=False)
    client.forget()


async def begin_new_factor(client: PersonClient, form: Mapping[str, str]) -> NewFactor:
    """Prove the present second factor; return a new one, not yet in force. Raises: Refused, SignedOut."""
    offered = await client.request_json(
        "identity", "POST", "/v1/me/second-factor", json=both_factors(form), with_purpose=False
    )
    return NewFactor(**{name: offered[name] for name in NewFactor.__struct_fields__})


def open_new_factor(seal: Seal, sealed: str) -> NewFactor:
    """Return the new second factor that a form carries. Raises: Refused if this console did not seal it."""
    factor = seal.open(NewFactor, sealed)
    if factor is None:
        raise form_refused("begin the change of your second factor again")
    return factor


async def confirm_new_factor(client: PersonClient, factor: NewFactor, typed: str) -> None:
    """Put a new second factor in force with its first code; all sessions end. Raises: Refused, SignedOut."""
    body = {"change_token": factor.change_token, "totp": code_of(typed)}
    path = "/v1/me/second-factor/confirmation"
    await client.request_json("identity", "POST", path, json=body, with_purpose=False)
    client.forget()


async def _get(client: PersonClient, path: str, params: Mapping[str, Any] | None = None) -> Any:
    return await client.request_json("identity", "GET", path, params=params, with_purpose=False)
