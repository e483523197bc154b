"""What the console declares of itself."""

from shared.service.spec import Kind, ServiceSpec

SPEC = ServiceSpec(
    name="console",
    kind=Kind.PAGES,
    description="Pages for people.",
    # A form with a file, which is passed on as it arrives; the service that takes it bounds it.
    uploads=(r"/hotlists/[^/]+/upload$",),
)
