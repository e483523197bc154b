"""Request models, and the types of their fields with their limits."""

import re
from datetime import date
from typing import Annotated, NamedTuple
from uuid import UUID

from fastapi import Header, Request
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic import StringConstraints as Constraints

from services.identity.domain.passwords import MAX_CHARACTERS
from services.identity.domain.problem_codes import Code
from shared.core.errors import ValueRefused
from shared.core.fields import Moment, storable
from shared.core.policy import MAX_JUSTIFICATION_CHARACTERS
from shared.core.problem_codes import Common
from shared.core.types import Source
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


class OwnFactorsIn(RequestBody):
    """The password in use, and a code of the present second factor that was not used yet."""

    current_password: Password
    totp: TotpCode


class PasswordIn(OwnFactorsIn):
    """The password in use, a code that was not used yet, and the password to be."""

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
    totp: TotpCode


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
