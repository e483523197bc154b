"""What all bodies that are taken have in common."""

from typing import Any

from pydantic import StringConstraints

# No control characters: they cannot be stored (NUL) or hide what is written.
_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"


def line(most: int, least: int = 1) -> Any:
    """One line of text of so many characters, spaces at its ends dropped."""
    return StringConstraints(
        strip_whitespace=True, min_length=least, max_length=most, pattern=_PRINTABLE
    )
