"""The console's declaration."""

from shared.service.spec import Kind, ServiceSpec

SPEC = ServiceSpec(
    name="console",
    kind=Kind.PAGES,
    description="Pages for people.",
    # Applies to a form with a file, which the console forwards as it arrives; the receiving service bounds it. The
    # console itself reads and bounds a file that a layout is tried on (`actions/layouts.py`).
    uploads=(
        r"/hotlists/[^/]+/upload$",
        r"/hotlists/[^/]+/layout(/preview)?$",
        r"/requests/new/document$",
    ),
)
