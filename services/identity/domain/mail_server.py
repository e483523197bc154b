"""The mail server, parsed from its setting."""

from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote, urlsplit

PORTS = {"smtps": 465, "smtp+starttls": 587}
"""Default ports by scheme: TLS from the first byte (RFC 8314), or mandatory STARTTLS."""


@dataclass(frozen=True)
class MailServer:
    """A mail server, reached by TLS only, with a check of its certificate against its name."""

    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, url: str) -> Self:
        """Return the server of a URL. Raises: ValueError, which does not repeat the password."""
        address = urlsplit(url)
        if address.scheme not in PORTS or not address.hostname:
            raise ValueError(
                "IDENTITY_MAIL_URL is smtps://user:password@host or smtp+starttls://user:password@host"
            )
        return cls(
            address.scheme,
            address.hostname,
            address.port or PORTS[address.scheme],
            unquote(address.username or ""),
            unquote(address.password or ""),
        )
