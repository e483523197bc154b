"""Links with which a page fetches the pictures that an answer offered (ADR-0035).

Such a picture is part of the access that offered it, not a separate access: the link names that access attempt,
and is valid for one record, one person and ten minutes.
"""

from datetime import datetime, timedelta
from hmac import compare_digest
from uuid import UUID

from shared.core.errors import NotAuthorised
from shared.core.problem_codes import Common
from shared.kafka.event_mac import MacKey

LINK_TOKEN = "link_token"  # noqa: S105 - a name, not a secret
"""The query parameter that carries a link."""

GOOD_FOR = timedelta(minutes=10)
_USE = "picture link"
"""Replaces the topic in the MAC, so that an event's MAC is never valid for a link."""


class PictureLinks:
    """Makes and checks links with the key that a service's replicas share."""

    def __init__(self, key: MacKey) -> None:
        self._key = key

    def token(self, attempt_id: UUID, record_id: UUID, person_id: str, now: datetime) -> str:
        """Return the token of a link to a record that the attempt disclosed."""
        said = f"{attempt_id}.{int((now + GOOD_FOR).timestamp())}"
        return f"{said}.{self._mac(said, record_id, person_id)}"

    def attempt_of(self, token: str, record_id: UUID, person_id: str, now: datetime) -> UUID:
        """Return the attempt whose answer offered the record to the person.

        Raises: NotAuthorised for a forged or expired link, or one for another record or person.
        """
        said, _, mac = token.rpartition(".")
        if not compare_digest(mac.encode(), self._mac(said, record_id, person_id).encode()):
            raise NotAuthorised(Common.PICTURE_NOT_OFFERED)
        attempt_id, _, until = said.partition(".")
        if int(until) < now.timestamp():
            raise NotAuthorised(Common.PICTURE_LINK_OVER)
        return UUID(attempt_id)

    def _mac(self, said: str, record_id: UUID, person_id: str) -> str:
        return self._key.mac(_USE, str(record_id).encode(), {}, f"{said} {person_id}".encode())
