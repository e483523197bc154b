"""Mail by SMTP over TLS, for invitations that are not handed over on paper (ADR-0025)."""

import asyncio
import smtplib
import ssl
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Self
from urllib.parse import unquote, urlsplit

from shared.core.errors import Unavailable

TIMEOUT_S = 10.0
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

    async def send(self, message: EmailMessage) -> None:
        """Hand a message to the server, in a thread. Raises: Unavailable when it does not take it."""
        try:
            await asyncio.to_thread(self._send, message)
        except (OSError, smtplib.SMTPException) as exc:
            raise Unavailable(
                f"the mail server did not take the mail ({type(exc).__name__}); nothing was delivered."
                " Try again, or leave email out and hand the invitation over"
            ) from exc

    def _send(self, message: EmailMessage) -> None:
        context = ssl.create_default_context()
        if self.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=TIMEOUT_S, context=context
            )
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=TIMEOUT_S)
        with server:
            if self.scheme != "smtps":
                server.starttls(context=context)
            if self.user:
                server.login(self.user, self.password)
            server.send_message(message)


def invitation_mail(
    *, sender: str, to: str, department: str, name: str, username: str, token: str, until: str
) -> EmailMessage:
    """Return the mail that an invitation goes out in."""
    message = EmailMessage()
    message["From"], message["To"] = sender, to
    message["Subject"] = f"Invitation to the license plate reader system of {department}"
    message.set_content(
        f"{name},\n\nyou are invited to enrol under the user name {username}. Open the enrolment page"
        " of the system, type this invitation, and choose a password that nobody else knows. Have an"
        f" authenticator app at hand.\n\nInvitation: {token}\nHolds until: {until}\n\n"
        "Nobody will ask you for this invitation, your password or a code. Delete this mail afterwards.\n"
    )
    return message
