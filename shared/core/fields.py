"""Validation of text, times and keys from outside."""

from base64 import b64decode
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, SecretStr

from shared.core.errors import ValueRefused
from shared.core.problem_codes import Common

KEY_BYTES = 32
EARLIEST, LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
MAX_INT = 2**31 - 1
"""The largest Postgres integer; the bound of versions, counts and pages in requests."""


def storable(text: str) -> str:
    """Return `text` if Postgres can store it. Raises: ValueError for NUL and lone surrogates."""
    if "\x00" in text:
        raise ValueRefused(Common.TEXT_HAS_NUL)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueRefused(Common.TEXT_HAS_HALF_SURROGATE) from None
    return text


def made_storable(text: str, most: int) -> str:
    """Return at most `most` characters of `text`, with NUL and lone surrogates replaced: Postgres cannot store them."""
    return text[:most].replace("\x00", "\ufffd").encode(errors="replace").decode()


def _written_out(value: Any) -> Any:
    """Refuse bare numbers and dates: a number may be seconds or milliseconds, a date has no zone."""
    if isinstance(value, int | float) or (isinstance(value, str) and "T" not in value.upper()):
        raise ValueRefused(Common.MOMENT_NOT_WRITTEN_OUT)
    return value


def _of_our_time(moment: datetime) -> datetime:
    """Return `moment` if it can be stored in every zone and with any duration added."""
    if not EARLIEST <= moment < LATEST:
        raise ValueRefused(Common.MOMENT_OUT_OF_RANGE, from_year=EARLIEST.year, to_year=LATEST.year)
    return moment


Moment = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_of_our_time)]
"""A time in a request, with its zone."""


def is_key(text: str) -> bool:
    """Whether `text` is base64 of 32 bytes."""
    try:
        return len(b64decode(text, validate=True)) == KEY_BYTES
    except ValueError:
        return False


def _a_key(value: SecretStr) -> SecretStr:
    if not is_key(value.get_secret_value()):
        raise ValueError(f"is not base64 of {KEY_BYTES} bytes")
    return value


SecretKey = Annotated[SecretStr, AfterValidator(_a_key)]
"""A key of 32 random bytes, in base64 (`openssl rand -base64 32`)."""


def keys_of(keys: SecretStr) -> list[SecretStr]:
    """Return each key of a `SecretKeys`."""
    return [SecretStr(key) for key in keys.get_secret_value().split()]


def _all_keys(value: SecretStr) -> SecretStr:
    for key in keys_of(value):
        _a_key(key)
    return value


SecretKeys = Annotated[SecretStr, AfterValidator(_all_keys)]
"""Any number of such keys, separated by spaces."""


def key_bytes(key: SecretStr) -> bytes:
    """Return the 32 bytes of a `SecretKey`."""
    return b64decode(key.get_secret_value())
