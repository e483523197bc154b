"""A frame as it arrived."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Upload:
    """A frame with its form fields, before inspection."""

    data: bytes
    sha256: bytes
    fields: dict[str, str] = field(default_factory=dict)
    """A form's fields; empty for a raw body."""
