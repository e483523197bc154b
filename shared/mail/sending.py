"""Hands a message to a mail server, by TLS only."""

import asyncio
import smtplib
import ssl
from email.message import EmailMessage

from shared.mail.server import MailServer

TIMEOUT_S = 10.0
"""For each reply of the server."""

PERMANENT = 500
"""The lowest reply that refuses for good; lower ones ask to try later."""


class MailRefused(Exception):
    """The mail server does not accept the message."""

    def __init__(self, reply: int) -> None:
        super().__init__(f"the mail server answers {reply}")
        self.reply = reply

    @property
    def for_good(self) -> bool:
        """Whether another attempt would get the same reply (RFC 5321, 4.2.1)."""
        return self.reply >= PERMANENT


class MailServerAway(Exception):
    """The mail server does not answer, or not as itself by TLS."""


async def send(server: MailServer, message: EmailMessage) -> None:
    """Send a message to its one recipient, in a thread. Raises: MailRefused, MailServerAway."""
    try:
        await asyncio.to_thread(_send, server, message)
    except smtplib.SMTPResponseException as exc:
        raise MailRefused(exc.smtp_code) from exc
    except smtplib.SMTPRecipientsRefused as exc:
        reply, _ = next(iter(exc.recipients.values()))
        raise MailRefused(reply) from exc
    except (OSError, smtplib.SMTPException) as exc:
        raise MailServerAway(f"the mail server does not answer ({type(exc).__name__})") from exc


def _send(server: MailServer, message: EmailMessage) -> None:
    context = ssl.create_default_context()
    if server.scheme == "smtps":
        link: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, timeout=TIMEOUT_S, context=context
        )
    else:
        link = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_S)
    with link:
        if server.scheme != "smtps":
            link.starttls(context=context)
        if server.user:
            link.login(server.user, server.password)
        link.send_message(message)
