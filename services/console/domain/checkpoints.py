"""The signed checkpoint of the audit log, for its page."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self


@dataclass(frozen=True)
class Checkpoint:
    """The content of a signed checkpoint (C2SP tlog-checkpoint)."""

    origin: str
    size: int
    root: str
    signed_at: datetime | None
    """To the second; None if the service did not send it."""

    @classmethod
    def parse(cls, text: str, signed_at: datetime | None) -> Self:
        """Read the first three lines: origin, size and root. Raises: ValueError."""
        origin, size, root, *_ = text.splitlines()
        return cls(origin, int(size), root, signed_at)
