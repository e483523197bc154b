"""Builds HTML whose texts are escaped by construction, for pages that are files: of a package, or a report.

A page has no script, loads nothing but pictures beside it, and can be printed.
"""

from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
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


def table(
    columns: Iterable[str], rows: Iterable[Iterable[str]], *, caption: str | None = None
) -> Html:
    """Return a table with the names of its columns above its rows."""
    head = tag("thead", tag("tr", *(tag("th", name, scope="col") for name in columns)))
    body = (tag("tr", *(tag("td", cell) for cell in row)) for row in rows)
    above = None if caption is None else tag("caption", caption)
    return tag("table", above, head, tag("tbody", *body))


def document(title: str, *body: Html, with_pictures: bool = False) -> Html:
    """Return a whole page. It may show pictures beside it if `with_pictures`, and do nothing else.

    Its own policy (CSP) says so, so that this holds even if a text were taken for HTML.
    """
    pictures = "img-src 'self' file:; " if with_pictures else ""
    policy = (
        f"default-src 'none'; {pictures}base-uri 'none'; form-action 'none'; style-src '{_STYLED}'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", **{"http-equiv": "Content-Security-Policy", "content": policy}),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", _STYLE),
    )
    html = tag("html", head, tag("body", tag("main", *body)), lang="en")
    return joined([Html("<!doctype html>\n"), html])


_STYLE = Html(
    """
body { margin: 0 auto; max-width: 60rem; padding: 1rem; font: 1rem/1.45 sans-serif; color: #000; background: #fff; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; } h3 { font-size: 1rem; margin: 1rem 0 0.25rem; }
article { border-top: 2px solid #000; margin-top: 1.5rem; break-inside: avoid-page; }
dl { display: grid; grid-template-columns: minmax(8rem, 13rem) 1fr; gap: 0.15rem 1rem; margin: 0.25rem 0; }
dt { color: #444; } dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: 0.5rem 0; break-inside: avoid; } figcaption { font-size: 0.85rem; overflow-wrap: anywhere; }
img { max-width: 100%; max-height: 26rem; border: 1px solid #888; }
table { border-collapse: collapse; } th, td { border: 1px solid #888; padding: 0.15rem 0.5rem; text-align: left; }
code, pre, .plate { font-family: monospace; } .plate { font-size: 1.2em; font-weight: bold; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
.mark { border: 2px solid #000; padding: 0 0.4rem; font-weight: bold; }
@media print { nav { display: none; } body { max-width: none; padding: 0; font-size: 10pt; } }
"""
)
_STYLED = f"sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}"
