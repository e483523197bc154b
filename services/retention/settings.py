"""What retention reads from its environment."""

from typing import Annotated

from pydantic import Field, SecretStr

from shared.settings import CommonSettings


class Settings(CommonSettings):
    """Common settings, and retention's own; built once, in main."""

    retention_signing_key: SecretStr | None = None
    """Ed25519 private key, PEM (PKCS#8): signs packages and certificates. Without one, a key is made at
    the first start and kept in this service's schema, which is for trying out only."""

    retention_search_timeout_s: Annotated[float, Field(gt=0, le=60)] = 20
    """A search that takes longer is ended and the person asked to narrow it."""

    retention_work_every_s: Annotated[float, Field(gt=0)] = 15
    """How often packages, purges and deletions that wait are looked for, besides when they come."""
