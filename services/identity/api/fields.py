"""Types of request fields, with their limits."""

import re
from typing import Annotated

from fastapi import Header, Request
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic import StringConstraints as Constraints

from services.identity.domain.passwords import MAX_CHARACTERS
from services.identity.domain.problem_codes import Code
from services.identity.domain.purposes import MAX_JUSTIFICATION_CHARACTERS
from shared.core.errors import ValueRefused
from shared.core.fields import storable
from shared.core.problem_codes import Common

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
    """Return the address that a request comes from."""
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
