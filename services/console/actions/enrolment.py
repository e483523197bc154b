"""Enrolment: an invited person chooses a password and confirms a second factor."""

from collections.abc import Mapping
from typing import Any

import msgspec

from services.console.actions.errors import form_refused, value_refused
from services.console.actions.seal import Seal
from services.console.actions.services import Services
from services.console.actions.sessions import KnownBrowser
from services.console.domain.queries import chosen, required


class Factor(msgspec.Struct, kw_only=True, frozen=True):
    """A second factor before its confirmation; sealed in the form, since identity shows it once."""

    invitation_token: str
    username: str
    totp_secret: str
    provisioning_uri: str

    def __repr__(self) -> str:
        return "Factor()"


async def set_up(services: Services, form: Mapping[str, str], headers: Mapping[str, str]) -> Any:
    """Invite the first administrator with the set-up link; return the invitation. Raises: Refused."""
    body = required(form, "set_up_token", "username", "name") | chosen(form, "title")
    return await services.request_json("identity", "POST", "/v1/set-up", json=body, headers=headers)


async def begin(services: Services, form: Mapping[str, str], headers: Mapping[str, str]) -> Factor:
    """Send invitation and password to identity; return the second factor. Raises: Refused."""
    if form.get("password") != form.get("password_again"):
        raise value_refused("the two passwords differ", "password_again")
    body = {name: form.get(name, "") for name in ("invitation_token", "password")}
    begun = await services.request_json(
        "identity", "POST", "/v1/enrolment", json=body, headers=headers
    )
    return Factor(
        invitation_token=body["invitation_token"],
        username=begun["username"],
        totp_secret=begun["totp_secret"],
        provisioning_uri=begun["provisioning_uri"],
    )


def open_factor(seal: Seal, sealed: str) -> Factor:
    """Return the second factor that a form carries. Raises: Refused if this console did not seal it."""
    factor = seal.open(Factor, sealed)
    if factor is None:
        raise form_refused("begin the enrolment again")
    return factor


async def confirm(
    services: Services, factor: Factor, totp: str, known: KnownBrowser, headers: Mapping[str, str]
) -> None:
    """Confirm the second factor with a code; the account is then active. Raises: Refused."""
    body = {"invitation_token": factor.invitation_token, "totp": totp}
    vouched = {**headers, "X-Known-Browsers": ",".join(known.tokens.values())}
    await services.request_json(
        "identity", "POST", "/v1/enrolment/confirmation", json=body, headers=vouched
    )
