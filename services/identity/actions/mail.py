"""Mails of invitations that are not handed over on paper (ADR-0025)."""

from email.message import EmailMessage

from services.identity.domain.problem_codes import Code
from shared.core.errors import Unavailable
from shared.mail.sending import MailRefused, MailServerAway
from shared.mail.sending import send as hand_over
from shared.mail.server import MailServer


async def send(server: MailServer, message: EmailMessage) -> None:
    """Send a message through the server. Raises: Unavailable if the server refuses it or does not answer."""
    try:
        await hand_over(server, message)
    except MailRefused as exc:
        raise Unavailable(Code.MAIL_REFUSED, reply=exc.reply) from exc
    except MailServerAway as exc:
        raise Unavailable(Code.MAIL_SERVER_AWAY) from exc


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
