"""Mail by SMTP over TLS, for invitations that are not handed over on paper (ADR-0025)."""

import asyncio
import smtplib
import ssl
from email.message import EmailMessage

from services.identity.domain.mail_server import MailServer
from services.identity.domain.problem_codes import Code
from shared.core.errors import Unavailable

TIMEOUT_S = 10.0


async def send(server: MailServer, message: EmailMessage) -> None:
    """Send a message through the server, in a thread. Raises: Unavailable if the server refuses it."""
    try:
        await asyncio.to_thread(_send, server, message)
    except smtplib.SMTPResponseException as exc:
        raise Unavailable(Code.MAIL_REFUSED, reply=exc.smtp_code) from exc
    except smtplib.SMTPRecipientsRefused as exc:
        reply, _ = next(iter(exc.recipients.values()))
        raise Unavailable(Code.MAIL_REFUSED, reply=reply) from exc
    except (OSError, smtplib.SMTPException) as exc:
        raise Unavailable(Code.MAIL_SERVER_AWAY) from exc


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


def invitation_mail(
    *, sender: str, to: str, department: str, name: str, username: str, token: str, until: str
) -> EmailMessage:
    """Return the mail that carries an invitation."""
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
