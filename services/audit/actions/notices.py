"""Delivers notices of findings to the department's receivers: a webhook and a mailbox, each if it is set."""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from http import HTTPStatus
from typing import Protocol

import httpx

from services.audit.domain.notices import (
    DeliveryFault,
    Notice,
    body_of,
    signed_headers,
    subject_of,
    text_of,
)
from services.audit.settings import NoticeSettings
from shared.mail.sending import MailRefused, MailServerAway, send
from shared.mail.server import MailServer

TIMEOUT_S = 10.0
"""For each step of a POST."""

WHOLE_TIMEOUT_S = 30.0
"""For a whole POST."""

WEBHOOK, MAIL = "webhook", "mail"

_FOR_NOW = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}
"""Answers below 500 of a receiver that may accept the same notice later."""


class Receiver(Protocol):
    """Where notices go."""

    name: str

    async def deliver(self, notice: Notice, at: datetime) -> DeliveryFault | None:
        """Make one attempt; return None if the receiver accepted the notice."""
        ...


class Webhook:
    """Sends each notice as one POST, signed as Standard Webhooks specifies."""

    name = WEBHOOK

    def __init__(self, settings: NoticeSettings) -> None:
        self._url = settings.audit_notice_url
        self._console_url = settings.audit_console_url
        self._keys = settings.notice_keys
        self._tls = httpx.create_ssl_context()
        token = settings.audit_notice_token
        self._headers = {"Content-Type": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token.get_secret_value()}"

    async def deliver(self, notice: Notice, at: datetime) -> DeliveryFault | None:
        """Make one attempt; return None if the receiver answered 2xx."""
        body = body_of(notice, self._console_url)
        signed = signed_headers(str(notice.notice_id), body, at, self._keys)
        try:
            async with (
                asyncio.timeout(WHOLE_TIMEOUT_S),
                httpx.AsyncClient(timeout=TIMEOUT_S, verify=self._tls) as client,
            ):
                answer = await client.post(
                    self._url, content=body, headers={**self._headers, **signed}
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

    def __init__(self, settings: NoticeSettings, server: MailServer) -> None:
        self._server = server
        self._to = settings.audit_mail_to
        self._console_url = settings.audit_console_url

    async def deliver(self, notice: Notice, at: datetime) -> DeliveryFault | None:
        """Make one attempt; return None if the mail server accepted the mail."""
        message = self._mail_of(notice, at)
        try:
            await send(self._server, message)
        except MailRefused as exc:
            return DeliveryFault(str(exc), refused=exc.for_good)
        except MailServerAway as exc:
            return DeliveryFault(str(exc))
        return None

    def _mail_of(self, notice: Notice, at: datetime) -> EmailMessage:
        """Return the mail of a notice. Its Message-ID is the notice's, so that repeats are seen as one."""
        sender, message = self._server.sender, EmailMessage()
        message["From"], message["To"], message["Subject"] = sender, self._to, subject_of(notice)
        message["Date"] = format_datetime(at)
        message["Message-ID"] = f"<{notice.notice_id}@{sender.rpartition('@')[2].rstrip('>')}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text_of(notice, self._console_url))
        return message


def receivers_of(settings: NoticeSettings) -> Iterator[Receiver]:
    """Yield the receivers that are set."""
    if settings.audit_notice_url:
        yield Webhook(settings)
    if (server := settings.mail_server) is not None:
        yield Mailbox(settings, server)
