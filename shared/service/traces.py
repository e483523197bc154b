"""A service's tracer: made by its settings, started and stopped with the service."""

from collections.abc import Mapping
from typing import Protocol

from shared.core.spans import Tracer
from shared.service.resources import Ping
from shared.service.trace_settings import TraceSettings


class ExportingTracer(Tracer, Protocol):
    """A tracer that sends its spans in the background."""

    def start(self) -> None:
        """Begin to sample and to send."""
        ...

    async def stop(self) -> None:
        """Send what waits, within seconds."""
        ...


def tracer_of(service: str, settings: TraceSettings) -> ExportingTracer | None:
    """Return the tracer of a service; None if no collector is set, and then no SDK is loaded."""
    endpoint = settings.otel_exporter_otlp_endpoint
    if endpoint is None:
        return None
    from shared.service.otlp import OtlpTracer

    return OtlpTracer(
        service,
        endpoint,
        ratio=settings.traces_ratio,
        certificates=settings.otel_exporter_otlp_certificate,
    )


class TracesResource:
    """The tracer. It starts before Kafka and stops after it, so that it sends the spans of the last events."""

    name = "traces"
    patience_s = 0.0

    def __init__(self, tracer: ExportingTracer) -> None:
        self._tracer = tracer

    async def start(self) -> None:
        """Begin to sample; connects to nothing."""
        self._tracer.start()

    async def stop(self) -> None:
        """Send what waits."""
        await self._tracer.stop()

    def pings(self) -> Mapping[str, Ping]:
        """Return none: a service without its collector works."""
        return {}
