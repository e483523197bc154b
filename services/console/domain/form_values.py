"""Values typed into forms, in the services' formats.

Invalid text passes through unchanged, so that the service refuses it and names the field.
"""

import math
from collections.abc import Mapping


def moment_of(typed: str) -> str:
    """Return a time typed into a form that asks for UTC."""
    return f"{typed}Z" if typed else ""


def code_of(typed: str) -> str:
    """Return a one-time code without the spaces with which authenticators show it: "123 456"."""
    return "".join(typed.split())


def ticked(form: Mapping[str, str], prefix: str) -> list[str]:
    """Return what the ticked boxes of a form name behind `prefix`."""
    return [name.removeprefix(prefix) for name in form if name.startswith(prefix)]


def changed(form: Mapping[str, str], *names: str) -> dict[str, str]:
    """Return the fields that differ from what the page showed, which its form says in `seen_…`.

    The others stay out of a change, so that they do not undo what another person changed meanwhile.
    """
    return {
        name: form.get(name, "")
        for name in names
        if form.get(name, "") != form.get(f"seen_{name}", "")
    }


def number(text: str) -> float | str:
    """Return a number, or invalid text unchanged."""
    try:
        value = float(text)
    except ValueError:
        return text
    return value if math.isfinite(value) else text  # JSON has no other


def whole(text: str) -> int | str:
    """Return a whole number, or invalid text unchanged."""
    return int(text) if text.isdecimal() and len(text) < 20 else text
