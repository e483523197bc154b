"""Settings by kind of service, with the same names in all three ways to run.

A class of settings belongs to one resource. A service's `Settings` inherits those of the resources that it uses, so it
neither reads nor requires the settings of any other (ADR-0053).
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.accounts.settings import TrustSettings
from shared.core.links import Given
from shared.core.logs import LogFormat
from shared.core.patience_settings import PatienceSettings
from shared.kafka.mac_settings import MacSettings
from shared.kafka.settings import KafkaSettings
from shared.limits.settings import RefusalSettings
from shared.postgres.settings import DatabaseSettings
from shared.service.trace_settings import TraceSettings

MOST_UNSIGNED = timedelta(days=8)
"""Kafka retains pending events for a week; one more day allows for the upgrade."""


def _soon(value: datetime | None) -> datetime | None:
    if value is not None and value > datetime.now(UTC) + MOST_UNSIGNED:
        raise ValueError(f"is at most {MOST_UNSIGNED.days} days ahead")
    return value


UnsignedUntil = Annotated[AwareDatetime | None, Given, AfterValidator(_soon)]


class CommonSettings(TraceSettings):
    """The settings that every service reads from its environment, or from files in the secrets directory."""

    # Errors hide a refused setting: it may be a secret.
    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    policy_file: Path = Path("policy.toml")

    forwarded_allow_ips: str = "127.0.0.1"
    """Proxies whose X-Forwarded-For gives the client's address: addresses and networks, separated by
    commas; * only if a network policy lets only a proxy reach the port."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8000

    root_path: str = ""
    """Path prefix at which a proxy serves this service, e.g. /hotlist."""

    log_format: LogFormat = "text"
    """`json`: each log entry is one line with a JSON object, for a collector of logs."""


class WorkerSettings(CommonSettings, PatienceSettings, KafkaSettings, MacSettings):
    """The settings of a service that consumes and publishes events."""


class ApiSettings(DatabaseSettings, WorkerSettings, TrustSettings, RefusalSettings):
    """The settings of a service that also has tables and answers people or cameras."""

    max_outbox_backlog: Annotated[int, Field(ge=1)] = 100_000
    """Access is refused while more records than this wait in the outbox for the audit log."""


class CaptureSettings(BaseSettings):
    """The settings of a service that verifies captures."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    unsigned_captures_until: UnsignedUntil = None
    """For an upgrade from before ingest signed captures (ADR-0020): until this time, reads and outcomes of
    unsigned captures are accepted too. A time with its zone, at most eight days ahead; unset: never."""
