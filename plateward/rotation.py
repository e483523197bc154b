"""`plateward rotate-key`: the signing keys of three services."""

from plateward.catalogue import Catalogue, Entry


def _of(service: str, text: str) -> Entry:
    homes = (
        f"local.commands.administer:ROTATE_KEY.{service}",
        f"services.{service}.__main__:COMMANDS.rotate-key",
    )
    return Entry(text, homes, f"run it in a container of {service}")


ROTATE_KEY = Catalogue(
    "rotate-key",
    {
        "identity": _of("identity", "Make a new key for tokens."),
        "audit": _of("audit", "Sign checkpoints with AUDIT_NEXT_SIGNING_KEY from now on."),
        "retention": _of("retention", "Sign packages with RETENTION_NEXT_SIGNING_KEY from now on."),
    },
    "Change a signing key: of tokens (identity), of the audit log (audit), or of packages (retention).",
)
