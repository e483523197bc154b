"""The mail server of a service, parsed from its settings."""

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

PORTS = {"smtps": 465, "smtp+starttls": 587}
"""Default ports by scheme: TLS from the first byte (RFC 8314), or mandatory STARTTLS."""


@dataclass(frozen=True)
class MailServer:
    """A mail server, reached by TLS only, with a check of its certificate against its name."""

    scheme: str
    host: str
    port: int
    sender: str
    """The address that its mails come from."""

    user: str = ""
    password: str = field(default="", repr=False)


def server_of(prefix: str, url: SecretStr, sender: str) -> MailServer | None:
    """Return the server of the settings `<prefix>_MAIL_URL` and `<prefix>_MAIL_FROM`; None if the first is empty.

    Raises: ValueError for a server without TLS or without a sender; it does not repeat the password.
    """
    if not url.get_secret_value():
        return None
    try:
        address = urlsplit(url.get_secret_value())
        port = address.port
    except ValueError:  # its text may hold part of the password
        raise _of_another_form(prefix) from None
    beyond = address.path.strip("/") or address.query or address.fragment
    if address.scheme not in PORTS or not address.hostname or beyond:
        raise _of_another_form(prefix)
    if "@" not in sender:
        raise ValueError(f"{prefix}_MAIL_FROM must be the sender's address of mails")
    return MailServer(
        address.scheme,
        address.hostname,
        port or PORTS[address.scheme],
        sender,
        unquote(address.username or ""),
        unquote(address.password or ""),
    )


def _of_another_form(prefix: str) -> ValueError:
    return ValueError(
        f"{prefix}_MAIL_URL is smtps://user:password@host or smtp+starttls://user:password@host, with %2F for a / in "
        "the password, %3F for a ?, %23 for a #"
    )
