"""QR codes (ISO/IEC 18004), drawn into the page, so that no file or URL of them remains in the browser."""

import segno
from markupsafe import Markup

QUIET_ZONE = 4
"""Modules of white around the code; readers need them (ISO/IEC 18004, 6.3.8)."""


def qr_code(text: str, label: str) -> Markup:
    """Draw `text` as a QR code: an inline SVG, black on white in every theme and on paper.

    It has no inline style, which the pages' Content-Security-Policy would refuse; its class sets the size.
    """
    code = segno.make_qr(text, error="m")
    drawn = code.svg_inline(
        border=QUIET_ZONE, dark="#000", light="#fff", omitsize=True, svgclass="qr", lineclass=None
    )
    return Markup(drawn).replace(  # noqa: S704 - segno draws it, without `text` itself
        Markup("<svg "), Markup('<svg role="img" aria-label="{}" ').format(label), 1
    )
