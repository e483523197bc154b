"""What release reads from its environment."""

from typing import Annotated

from pydantic import Field

from shared.service.settings import CommonSettings


class Settings(CommonSettings):
    """Common settings, and release's own; built once, in main."""

    release_document_limit_bytes: Annotated[int, Field(ge=1024)] = 20 * 1024 * 1024
    """A legal-authority document larger than this is refused."""

    release_document_timeout_s: Annotated[float, Field(gt=0)] = 60.0
    """A document that takes longer to arrive is refused."""

    release_expiry_sweep_s: Annotated[float, Field(gt=0)] = 600.0
    """How often expired packages are looked for and removed."""
