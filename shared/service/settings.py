"""Settings of every service, with the same names in all three ways to run."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

from shared.core.certificates import RootKeys
from shared.core.links import Given
from shared.kafka.mac_settings import MacSettings
from shared.kafka.settings import KafkaSettings
from shared.postgres.settings import DatabaseSettings

MOST_UNSIGNED = timedelta(days=8)
"""Kafka retains pending events for a week; one more day allows for the upgrade."""


def _soon(value: datetime | None) -> datetime | None:
    if value is not None and value > datetime.now(UTC) + MOST_UNSIGNED:
        raise ValueError(f"is at most {MOST_UNSIGNED.days} days ahead")
    return value


UnsignedUntil = Annotated[AwareDatetime | None, Given, AfterValidator(_soon)]


class CommonSettings(DatabaseSettings, KafkaSettings, MacSettings):
    """The settings that every service reads from its environment, or from files in the secrets directory."""

    object_store_url: str = "file:///var/lib/plateward/objects"
    """file:///folder or s3://bucket/prefix; AWS_* variables give S3 credentials and endpoint as usual."""

    policy_file: Path = Path("policy.toml")

    root_public_keys: RootKeys
    """The roots that certify signing keys: base64 of 32 bytes, or two of them with a space between while
    the root changes (ADR-0018). Keys without a certificate of a trusted root are refused."""

    unsigned_captures_until: UnsignedUntil = None
    """For an upgrade from before ingest signed captures (ADR-0020): until this time, reads and outcomes of
    unsigned captures are accepted too. A time with its zone, at most eight days ahead; unset: never."""

    token_issuer: str = "plateward"  # noqa: S105 - a name, not a secret

    max_outbox_backlog: Annotated[int, Field(ge=1)] = 100_000
    """Access is refused while more records than this wait in the outbox for the audit log."""

    refusals_burst: Annotated[int, Field(ge=1)] = 100
    refusals_per_minute: Annotated[float, Field(gt=0)] = 20
    """Unauthenticated requests of one address (of IPv6: its /64) that are refused and recorded one by one: at
    once, and then each minute. Further ones get 429 and are recorded as a sum (ADR-0015)."""

    forwarded_allow_ips: str = "127.0.0.1"
    """Proxies whose X-Forwarded-For gives the client's address: addresses and networks, separated by
    commas; * only if a network policy lets only a proxy reach the port."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000

    root_path: str = ""
    """Path prefix at which a proxy serves this service, e.g. /hotlist."""
