"""Where mail is handed over, as its setting says."""

from dataclasses import dataclass, field
from typing import Self
from urllib.parse import unquote, urlsplit

PORTS = {"smtps": 465, "smtp+starttls": 587}
"""By scheme: TLS from the first byte (RFC 8314), or after STARTTLS, without which nothing is sent."""


@dataclass(frozen=True)
class MailServer:
    """A server that takes mail, reached by TLS only; its certificate is checked against its name."""

    scheme: str
    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, url: str) -> Self:
        """Return the server of a URL. Raises: ValueError, which does not repeat the password."""
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname:
            raise ValueError(
                "IDENTITY_MAIL_URL is smtps://user:password@host or smtp+starttls://user:password@host"
            )
        return cls(
            parts.scheme,
            parts.hostname,
            parts.port or PORTS[parts.scheme],
            unquote(parts.username or ""),
            unquote(parts.password or ""),
        )
