"""Builds HTML whose texts are escaped by construction, for pages that are files of a package."""

from collections.abc import Iterable
from html import escape

_VOID = frozenset({"img", "meta"})
"""Elements without content and end."""
_INLINE = frozenset({"a", "code", "span"})
"""Elements that no line ends after: a browser would show it as a space."""


class Html(str):
    """HTML. `tag` and `joined` escape every text that is not of this type."""

    __slots__ = ()


def tag(element: str, /, *content: str | None, **attributes: str) -> Html:
    """Return an element; None is no content. The attribute `class_` is written as `class`."""
    written = "".join(f' {key.rstrip("_")}="{escape(text)}"' for key, text in attributes.items())
    if element in _VOID:
        return Html(f"<{element}{written}>\n")
    end = "" if element in _INLINE else "\n"
    return Html(f"<{element}{written}>{joined(content)}</{element}>{end}")


def joined(content: Iterable[str | None]) -> Html:
    """Return pieces one after another; None is none."""
    return Html(
        "".join(
            piece if isinstance(piece, Html) else escape(piece)
            for piece in content
            if piece is not None
        )
    )
