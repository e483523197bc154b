"""The department's receivers of notices: a webhook and a mailbox, each if it is set."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr, ValidationInfo

from shared.core.links import is_this_machine
from shared.mail.sending import MailRefused, MailServerAway, send
from shared.mail.server import MailServer
from shared.notices.message import DeliveryFault, Message
from shared.notices.signing import signed_headers

TIMEOUT_S = 10.0
"""For each step of a POST."""

WHOLE_TIMEOUT_S = 30.0
"""For a whole POST."""

WEBHOOK, MAIL = "webhook", "mail"

_ADDRESS = re.compile(r"[^\s@,]+@[^\s@,]+")
_FOR_NOW = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
"""Answers below 500 of a receiver that may accept the same notice later."""


@dataclass(frozen=True)
class Addresses:
    """Where a service's notices go, as its settings say."""

    url: str
    """The webhook's; empty for none."""

    token: SecretStr | None
    keys: Sequence[bytes] = field(repr=False)
    """They sign each POST."""

    mail_server: MailServer | None
    mail_to: str


class Receiver(Protocol):
    """Where notices go."""

    name: str
    lease: timedelta
    """Longer than an attempt takes: meanwhile other processes skip the notice, and retry it after a crash."""

    async def deliver(self, message: Message, at: datetime) -> DeliveryFault | None:
        """Make one attempt; return None if the receiver accepted the notice."""
        ...


class Webhook:
    """Sends each notice as one POST, signed as Standard Webhooks specifies."""

    name = WEBHOOK
    lease = timedelta(minutes=1)

    def __init__(self, addresses: Addresses) -> None:
        self._url = addresses.url
        self._keys = addresses.keys
        self._tls = httpx.create_ssl_context()
        self._headers = {"Content-Type": "application/json"}
        if addresses.token is not None:
            self._headers["Authorization"] = f"Bearer {addresses.token.get_secret_value()}"

    async def deliver(self, message: Message, at: datetime) -> DeliveryFault | None:
        """Make one attempt; return None if the receiver answered 2xx."""
        signed = signed_headers(str(message.notice_id), message.body, at, self._keys)
        try:
            async with (
                asyncio.timeout(WHOLE_TIMEOUT_S),
                httpx.AsyncClient(timeout=TIMEOUT_S, verify=self._tls) as client,
            ):
                answer = await client.post(
                    self._url, content=message.body, headers={**self._headers, **signed}
                )
        except (httpx.HTTPError, TimeoutError) as exc:
            return DeliveryFault(f"the receiver does not answer ({type(exc).__name__})")
        if answer.is_success:
            return None
        refused = answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR
        why = f"the receiver answers {answer.status_code}"
        return DeliveryFault(why, refused and answer.status_code not in _FOR_NOW)


class Mailbox:
    """Sends each notice as one mail."""

    name = MAIL
    lease = timedelta(minutes=5)

    def __init__(self, addresses: Addresses, server: MailServer) -> None:
        self._server = server
        self._to = addresses.mail_to

    async def deliver(self, message: Message, at: datetime) -> DeliveryFault | None:
        """Make one attempt; return None if the mail server accepted the mail."""
        try:
            await send(self._server, self._mail_of(message, at))
        except MailRefused as exc:
            return DeliveryFault(str(exc), refused=exc.for_good)
        except MailServerAway as exc:
            return DeliveryFault(str(exc))
        return None

    def _mail_of(self, message: Message, at: datetime) -> EmailMessage:
        """Return the mail of a notice. Its Message-ID is the notice's, so that repeats are seen as one."""
        sender, mail = self._server.sender, EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = sender, self._to, message.subject
        mail["Date"] = format_datetime(at)
        mail["Message-ID"] = f"<{message.notice_id}@{sender.rpartition('@')[2].rstrip('>')}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        return mail


def receivers_of(addresses: Addresses) -> Iterator[Receiver]:
    """Yield the receivers that are set."""
    if addresses.url:
        yield Webhook(addresses)
    if addresses.mail_server is not None:
        yield Mailbox(addresses, addresses.mail_server)


def encrypted(url: str, info: ValidationInfo) -> str:
    """Return a setting's address, which may be empty.

    Raises: ValueError for one to which another machine's traffic would go unencrypted.
    """
    address = urlsplit(url)
    on_this_machine = address.scheme == "http" and is_this_machine(address.hostname or "")
    if url and not on_this_machine and (address.scheme != "https" or not address.hostname):
        name = str(info.field_name).upper()
        raise ValueError(f"{name} is https://host/path (or http:// on this machine)")
    return url


def check_recipient(prefix: str, addresses: Addresses) -> None:
    """Check that mail, if it is set, has one recipient. Raises: ValueError if it has none or several."""
    if addresses.mail_server is not None and not _ADDRESS.fullmatch(addresses.mail_to):
        raise ValueError(f"{prefix}_MAIL_TO must be the one address that gets notices")
