"""Release's settings, read from its environment."""

from typing import Annotated

from pydantic import Field

from shared.objects.settings import ObjectSettings
from shared.service.settings import ApiSettings


class Settings(ApiSettings, ObjectSettings):
    """Common settings, and release's own; built once, in main."""

    release_document_limit_bytes: Annotated[int, Field(ge=1024)] = 20 * 1024 * 1024
    """The largest legal-authority document accepted."""

    release_document_timeout_s: Annotated[float, Field(gt=0)] = 60.0
    """The longest time that the upload of a document may take."""

    release_expiry_sweep_s: Annotated[float, Field(gt=0)] = 600.0
    """The interval at which release removes expired packages."""

    release_file_sweep_s: Annotated[float, Field(gt=0)] = 3600.0
    """The interval at which release ends files that were kept for their time."""
