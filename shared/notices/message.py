"""A notice as its receivers get it, why one did not accept it, and when it is retried."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

MOST_REFUSALS = 5
"""Refusals that make a notice a dead letter, over about a minute: a receiver that restarts answers 404."""


@dataclass(frozen=True)
class Message:
    """A notice written out; its id and content are the same at each attempt."""

    notice_id: UUID
    body: bytes
    """Its JSON, for webhooks."""

    subject: str
    text: str
    """Its mail, whose end names the notice."""


@dataclass(frozen=True)
class DeliveryFault:
    """Why a receiver did not accept a notice."""

    why: str
    refused: bool = False
    """Whether the receiver refuses this notice for good, so that more attempts hardly help."""


@dataclass(frozen=True)
class Retries:
    """How long attempts go on."""

    within: timedelta
    """A notice that was first tried longer ago is a dead letter."""

    max_pause: timedelta
    """The longest pause between two attempts."""

    def pause_after(self, attempts: int) -> timedelta:
        """Return the pause after the given number of failed attempts: 4 s, 8 s, and so on up to `max_pause`."""
        return min(timedelta(seconds=2 ** min(attempts + 1, 12)), self.max_pause)

    def are_over(
        self, fault: DeliveryFault, refusals: int, tried_at: datetime, now: datetime
    ) -> bool:
        """Return whether a notice is a dead letter: refused several times, or first tried too long ago.

        `refusals`: those before this fault.
        """
        if fault.refused and refusals + 1 >= MOST_REFUSALS:
            return True
        return now - tried_at >= self.within
