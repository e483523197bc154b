"""A frame as it arrived."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Upload:
    """What arrived."""

    data: bytes
    sha256: bytes
    fields: dict[str, str] = field(default_factory=dict)
    """A form's fields; none for a raw body."""
