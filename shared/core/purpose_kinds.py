"""How people spell the kinds of purpose that the policy names."""

import re


def normalise_kind(text: str) -> str:
    """Return a kind as the policy writes it: lower case, words joined by underscores."""
    return re.sub(r"[\s\-_]+", "_", text.strip().casefold())
