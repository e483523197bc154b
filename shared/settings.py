"""Settings that every service has, by the same names in all three ways to run."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from shared.database_settings import DatabaseSettings
from shared.kafka_settings import KafkaSettings


class CommonSettings(DatabaseSettings, KafkaSettings):
    """What every service reads from its environment, or from files in the secrets directory."""

    object_store_url: str = "file:///var/lib/plateward/objects"
    """file:///folder or s3://bucket/prefix; S3 credentials and endpoint by AWS_* as usual."""

    policy_file: Path = Path("policy.toml")

    token_issuer: str = "plateward"  # noqa: S105 - a name, not a secret

    max_outbox_backlog: Annotated[int, Field(ge=1)] = 100_000
    """Access is refused while more records than this wait for the audit log."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000

    root_path: str = ""
    """Path prefix under which a proxy serves this service, e.g. /hotlist."""
