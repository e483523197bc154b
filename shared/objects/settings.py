"""Setting of the object store."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class ObjectSettings(BaseSettings):
    """Settings of services with rights in the object store (shared/objects/rights.py)."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    object_store_url: str = "file:///var/lib/plateward/objects"
    """file:///folder or s3://bucket/prefix; AWS_* variables give S3 credentials and endpoint as usual."""
