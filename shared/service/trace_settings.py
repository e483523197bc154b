"""Settings of traces."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.core.links import Given


def _address(value: str | None) -> str | None:
    if value is None:
        return None
    address = urlsplit(value)
    if address.scheme not in {"http", "https"} or not address.hostname or address.username:
        raise ValueError("has the form http://host:4318 or https://host:4318, without a user")
    return value.rstrip("/")


class TraceSettings(BaseSettings):
    """Settings of processes that export spans."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    otel_exporter_otlp_endpoint: Annotated[str | None, Given, AfterValidator(_address)] = None
    """Address of an OpenTelemetry collector that receives spans by OTLP over HTTP, e.g. http://collector:4318. Not
    set: no spans are made, and the SDK is not loaded (ADR-0074). The exporter also reads OTEL_EXPORTER_OTLP_HEADERS."""

    otel_exporter_otlp_certificate: Annotated[Path | None, Given] = None
    """Certificates (PEM) of trusted signers of the collector, for https."""

    traces_ratio: Annotated[float, Field(ge=0, le=1)] = 0.01
    """The share of requests that are traced, with all that follows from them in Kafka."""
