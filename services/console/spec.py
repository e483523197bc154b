"""The console's declaration."""

from shared.service.spec import Kind, ServiceSpec

SPEC = ServiceSpec(
    name="console",
    kind=Kind.PAGES,
    description="Pages for people.",
    # Applies to a form with a file, which the console forwards as it arrives; the receiving service bounds it.
    uploads=(r"/hotlists/[^/]+/upload$", r"/requests/new/document$"),
)
