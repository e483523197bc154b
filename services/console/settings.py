"""The console's settings, read from its environment."""

import re
from typing import Annotated

from pydantic import Field, StringConstraints

from shared.core.fields import SecretKey, key_bytes
from shared.service.settings import CommonSettings

Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s?#]+[^\s?#/]$")]
"""A service's address, without a trailing slash; its routes are below, at /v1."""


ADDRESS_FIELD = re.compile(r"console_([a-z]+)_url")


class Settings(CommonSettings):
    """The console's settings, read from its environment; built once, in main."""

    console_session_key: SecretKey
    """Base64 of 32 random bytes. Seals sessions (AES-256-GCM); after a change, everyone signs in again."""

    console_identity_url: Address
    console_ingest_url: Address
    console_hotlist_url: Address
    console_retention_url: Address
    console_release_url: Address
    console_audit_url: Address

    console_timeout_s: Annotated[float, Field(gt=0, le=120)] = 30.0

    @property
    def session_key(self) -> bytes:
        """The key itself, 32 bytes."""
        return key_bytes(self.console_session_key)

    @property
    def services(self) -> dict[str, str]:
        """The addresses of the services that the console calls, by name."""
        found = {name: ADDRESS_FIELD.fullmatch(name) for name in type(self).model_fields}
        return {field[1]: getattr(self, name) for name, field in found.items() if field}
