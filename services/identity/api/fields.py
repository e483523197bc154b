"""Request models, and the types of their fields with their limits."""

import binascii
import re
from datetime import date
from typing import Annotated, NamedTuple
from uuid import UUID

from fastapi import Header, Request
from fido2.utils import websafe_decode
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    model_validator,
)
from pydantic import StringConstraints as Constraints

from services.identity.actions.proof import Factor
from services.identity.actions.webauthn import Answer, NewKey
from services.identity.domain.passwords import MAX_CHARACTERS
from services.identity.domain.problem_codes import Code
from shared.core.errors import ValueRefused
from shared.core.fields import Moment, storable
from shared.core.policy import MAX_JUSTIFICATION_CHARACTERS
from shared.core.problem_codes import Common
from shared.core.types import Source
from shared.http.areas import BoxIn, CircleIn
from shared.http.models import Instant, OriText, Reason, RequestBody, WholePlate

USERNAME = re.compile(r"[a-z0-9][a-z0-9._-]{2,31}")
_LINE_BREAKS = "\n\r\t"


def _one_line(text: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in text):
        raise ValueRefused(Common.TEXT_HAS_CONTROLS)
    return text


def _lines(text: str) -> str:
    _one_line(text.translate(dict.fromkeys(map(ord, _LINE_BREAKS), " ")))
    return text


def _username(text: str) -> str:
    if not USERNAME.fullmatch(text):
        raise ValueRefused(Code.USERNAME_MALFORMED)
    return text


def _blank_is_none(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def client_address(request: Request) -> str:
    """Return the address of a request's client, "" if unknown."""
    return request.client.host if request.client else ""


Username = Annotated[
    str,
    Constraints(strip_whitespace=True, to_lower=True, max_length=32),
    AfterValidator(_username),
    Field(
        description="Letters, digits, dots, dashes and underscores; case does not matter.",
        examples=["j.rivera"],
    ),
]
Name = Annotated[
    str,
    Constraints(strip_whitespace=True, min_length=1, max_length=100),
    AfterValidator(_one_line),
]
OptionalLine = Annotated[
    str, Constraints(strip_whitespace=True, max_length=80), AfterValidator(_one_line)
]
Justification = Annotated[
    str,
    Constraints(strip_whitespace=True, max_length=MAX_JUSTIFICATION_CHARACTERS),
    AfterValidator(_lines),
]


def _secret_storable(secret: SecretStr) -> SecretStr:
    storable(secret.get_secret_value().replace("\x00", ""))  # a NUL is hashed like any other
    return secret


Password = Annotated[
    SecretStr,
    AfterValidator(_secret_storable),
    Field(min_length=1, max_length=MAX_CHARACTERS, examples=["four plain words here"]),
]
TotpCode = Annotated[str, Constraints(pattern=r"^[0-9]{6}$"), Field(examples=["492039"])]


def _decoded(text: str) -> bytes:
    """Return the bytes of base64url without padding. Raises: ValueRefused."""
    try:
        return websafe_decode(text)
    except binascii.Error:
        raise ValueRefused(Code.NOT_BASE64URL) from None


def _base64url(text: str) -> str:
    _decoded(text)
    return text


Base64Url = Annotated[
    str,
    Constraints(pattern=r"^[A-Za-z0-9_-]+$"),
    AfterValidator(_base64url),
    Field(description="base64url without padding"),
]
CredentialId = Annotated[
    Base64Url, Field(max_length=1364, examples=["u9mZ0Xl3S2a1VbQ0f9mJx7kqG2o"])
]
ClientData = Annotated[
    Base64Url, Field(max_length=2000, examples=["eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxl"])
]
AuthenticatorData = Annotated[
    Base64Url,
    Field(max_length=1000, examples=["SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MBAAAAAQ"]),
]
Signature = Annotated[
    Base64Url, Field(max_length=1400, examples=["MEUCIQDq0aG8n3wJ5xI2Zk5mV3rjNwkQ"])
]
Attestation = Annotated[
    Base64Url, Field(max_length=6000, examples=["o2NmbXRkbm9uZWdhdHRTdG10oGhhdXRoRGF0YQ"])
]
OpaqueToken = Annotated[
    str,
    Constraints(pattern=r"^[A-Za-z0-9_-]{20,100}$"),
    Field(examples=["n2S4Yl0cV5b8mKQ1xT7dZr9uWj3fHgAeOiPsLvBtCwE"]),
]
BrowserToken = Annotated[
    str | None,
    Header(
        alias="X-Known-Browser",
        max_length=100,
        description="The `browser_token` of this client's last sign-in to this account.",
    ),
]
Email = Annotated[
    str,
    Constraints(
        strip_whitespace=True,
        max_length=254,
        pattern=r"^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$",
    ),
]
BrowserTokens = Annotated[
    str,
    Header(
        alias="X-Known-Browsers",
        max_length=2000,
        description="The `browser_token`s of all accounts that signed in from this browser, with commas.",
    ),
]
Number = Annotated[
    Annotated[str, Constraints(strip_whitespace=True, max_length=32)] | None,
    BeforeValidator(_blank_is_none),
    Field(description="3 to 32 letters, digits and dashes, at least one of them a digit."),
]
Roles = Annotated[list[Name], Field(max_length=20)]
Sources = Annotated[list[Source], Field(max_length=3)]


class TimeKey(NamedTuple):
    """The key of an account in a list in order of time."""

    at: Instant
    account_id: UUID


class AccountIn(RequestBody):
    """Who is to have an account, and with what."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "username": "j.rivera",
                    "name": "Jo Rivera",
                    "title": "Police Officer",
                    "agency_ori": "CA0520100",
                    "roles": ["officer"],
                    "sources": ["department", "state"],
                }
            ]
        }
    )

    username: Username
    name: Name
    title: Name
    agency_ori: OriText
    roles: Roles = Field(default=[])
    sources: Sources = Field(default=[])


class AccountChangesIn(RequestBody):
    """What changes about a person; what is left out stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Detective"}]})

    name: Name | None = None
    title: Name | None = None


class RolesIn(RequestBody):
    """All the roles that a person is to have."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"roles": ["investigator"]}]})

    roles: Roles
    reason: Reason | None = None
    replaces: Roles | None = None
    """The roles that the caller saw; the service refuses to replace others. Null replaces whatever there is."""


class SourcesIn(RequestBody):
    """All the data sources that a person is entitled to (468.4(e))."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"sources": ["department"]}]})

    sources: Sources
    reason: Reason | None = None
    replaces: Sources | None = None
    """The sources that the caller saw; the service refuses to replace others. Null replaces whatever there is."""


class ReasonIn(RequestBody):
    """Why."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "left the department"}]})

    reason: Reason


class DeliveryIn(RequestBody):
    """Where an invitation is mailed, if it is; without an address the answer has the token."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "j.rivera@example.org"}]})

    email: Email | None = None


class AccountReviewIn(RequestBody):
    """What the yearly review of a person's rights found."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"note": "still on patrol"}]})

    note: Reason
    roles: Roles | None = None
    """The roles that the caller saw; the service refuses to confirm others. Null confirms whatever there is."""
    sources: Sources | None = None
    """The sources that the caller saw, likewise."""


class SetUpIn(RequestBody):
    """The token of the set-up link, and who is the first administrator."""

    set_up_token: OpaqueToken
    username: Username
    name: Name
    title: Name | None = None
    """Their job title; default: that of the policy's designee."""


class EnrolmentIn(RequestBody):
    """The invitation, and the password that the person chose."""

    invitation_token: OpaqueToken
    password: Password


class ConfirmationIn(RequestBody):
    """A code that shows that the second factor works. It is then used up: sign in with the next."""

    invitation_token: OpaqueToken
    totp: TotpCode


class LimitLiftIn(RequestBody):
    """For which case, and why."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "case_number": "26-001234",
                    "reason": "Canvass of two weeks around the homicide on Solano Street",
                }
            ]
        }
    )

    case_number: Annotated[str, Constraints(strip_whitespace=True, min_length=3, max_length=32)]
    """As the person will declare it."""
    reason: Reason


class KeyAnswerIn(RequestBody):
    """A security key's answer to a challenge: what `navigator.credentials.get` returns (WebAuthn, 5.2)."""

    credential_id: CredentialId
    """`rawId`."""
    client_data: ClientData
    """`response.clientDataJSON`."""
    authenticator_data: AuthenticatorData
    """`response.authenticatorData`."""
    signature: Signature
    """`response.signature`."""

    def answer(self) -> Answer:
        """Return the answer as bytes."""
        return Answer(
            credential_id=_decoded(self.credential_id),
            client_data=_decoded(self.client_data),
            authenticator_data=_decoded(self.authenticator_data),
            signature=_decoded(self.signature),
        )


def _one_of_two(totp: str | None, info: ValidationInfo) -> str | None:
    given = info.data
    if "security_key" in given and (totp is None) == (given["security_key"] is None):
        raise ValueRefused(Code.ONE_SECOND_FACTOR)
    return totp


KeyAnswer = Annotated[
    KeyAnswerIn | None, Field(description="Instead of `totp`: the answer of a security key")
]
TotpOrNone = Annotated[
    TotpCode | None,
    AfterValidator(_one_of_two),
    Field(
        validate_default=True,
        description="A code that was not used yet; null with the answer of a security key",
    ),
]
"""Comes after the field `security_key`, which it is checked with."""


def factor_of(totp: str | None, security_key: KeyAnswerIn | None) -> Factor:
    """Return the second factor that a checked request has."""
    return security_key.answer() if security_key is not None else totp or ""


class OwnFactorsIn(RequestBody):
    """The password in use, and the present second factor."""

    current_password: Password
    security_key: KeyAnswer = None
    totp: TotpOrNone = None


class KeysOnlyIn(OwnFactorsIn):
    """Whether only security keys count as one's second factor, and both factors."""

    keys_only: bool


class NewKeyIn(RequestBody):
    """A new security key: what `navigator.credentials.create` returns (WebAuthn, 5.2)."""

    name: Annotated[
        str,
        Constraints(strip_whitespace=True, min_length=1, max_length=60),
        AfterValidator(_one_line),
        Field(examples=["key on my ring"]),
    ]
    """As its person calls it."""
    client_data: ClientData
    """`response.clientDataJSON`."""
    attestation: Attestation
    """`response.attestationObject`."""

    def made(self) -> NewKey:
        """Return the key as bytes."""
        return NewKey(_decoded(self.client_data), _decoded(self.attestation))


class PasswordIn(OwnFactorsIn):
    """The password in use, the present second factor, and the password to be."""

    password: Password


class NewFactorIn(RequestBody):
    """The token of an offered key, and a code that the authenticator shows for it."""

    change_token: Annotated[
        str,
        Constraints(pattern=r"^[!-~]+$", min_length=40, max_length=600),
        Field(examples=["cGx3LWtlazE" * 12]),
    ]
    totp: TotpCode


class ScopeIn(RequestBody):
    """The limits of a purpose: searches with its token must stay within them."""

    plate: WholePlate | None = None
    device_ids: Annotated[list[UUID], Field(min_length=1, max_length=50)] | None = None
    area: CircleIn | BoxIn | None = None
    captured_from: Moment | None = None
    captured_to: Moment | None = None

    @model_validator(mode="after")
    def _window_runs_forward(self) -> "ScopeIn":
        if self.captured_from and self.captured_to and self.captured_from >= self.captured_to:
            raise ValueRefused(Common.WINDOW_BACKWARDS, start="captured_from", end="captured_to")
        return self


class PurposeIn(RequestBody):
    """The purpose of an access; a case number or a call-for-service number is required."""

    model_config = ConfigDict(
        json_schema_extra={
            # The schema lists these as required, but the domain checks them, not validation: it refuses and
            # records a prohibited kind even if other fields are missing.
            "required": ["kind", "offence_type", "justification"],
            "examples": [
                {
                    "kind": "stolen_or_wanted_vehicle",
                    "offence_type": "vehicle theft",
                    "case_number": "26-001234",
                    "justification": "Owner reports a stolen sedan last seen near Solano Street",
                    "scope": {"plate": "7ABC123"},
                }
            ],
        }
    )

    kind: OptionalLine
    offence_type: OptionalLine = ""
    case_number: Number = None
    call_number: Number = None
    justification: Justification = ""
    scope: ScopeIn | None = None


class SessionIn(RequestBody):
    """Who signs in."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"username": "j.rivera", "password": "four plain words here", "totp": "492039"}
            ]
        }
    )

    username: Annotated[str, Constraints(strip_whitespace=True, to_lower=True, max_length=64)]
    password: Password
    security_key: KeyAnswer = None
    totp: TotpOrNone = None


class RenewalIn(RequestBody):
    """The session's refresh token; good once."""

    refresh_token: OpaqueToken


class TrainingIn(RequestBody):
    """A course that a person completed; the policy's own course if none is named."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "account_id": "7c8e2f0e-5f43-4b0e-9d7c-0d8a1d0f3a11",
                    "completed_on": "2026-05-04",
                }
            ]
        }
    )

    account_id: UUID
    completed_on: date
    course: Name | None = None
