"""Sends spans to a collector by OTLP over HTTP. Imported only if a collector is set: it loads the SDK.

Spans wait in a bounded queue for a thread that sends them. What the queue has no room for, or the collector does not
accept, is counted and dropped: no work ever waits for a collector.
"""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    format_span_id,
    format_trace_id,
)
from prometheus_client import Counter

from shared.core.spans import MOST_LINKS, NO_ATTRIBUTES, Attributes, Kind
from shared.core.trace import drawn

DROPPED = Counter(
    "alpr_spans_dropped",
    "Spans that were not delivered: the queue was full, or the collector did not accept them",
    ["service", "why"],
)

MOST_WAITING = 2048
AT_ONCE = 512
EVERY_MS = 2000
TIMEOUT_S = 2.0
"""Time limit of sending a batch, and of all sending after the stop began."""

_KINDS = {
    Kind.SERVER: SpanKind.SERVER,
    Kind.CLIENT: SpanKind.CLIENT,
    Kind.PRODUCER: SpanKind.PRODUCER,
    Kind.CONSUMER: SpanKind.CONSUMER,
    Kind.INTERNAL: SpanKind.INTERNAL,
}


class OtlpSpan:
    """A span of OpenTelemetry's SDK."""

    def __init__(self, begun: trace.Span) -> None:
        context = begun.get_span_context()
        ids = f"{format_trace_id(context.trace_id)}-{format_span_id(context.span_id)}"
        self.traceparent = f"00-{ids}-01"
        self._span = begun

    def end(
        self,
        *,
        name: str | None = None,
        error: str | None = None,
        attributes: Attributes = NO_ATTRIBUTES,
    ) -> None:
        """End it, once."""
        if not self._span.is_recording():
            return
        if name is not None:
            self._span.update_name(name)
        self._span.set_attributes(attributes)
        if error is not None:
            self._span.set_attribute("error.type", error)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


class OtlpTracer:
    """Samples roots and begins the spans of one service; samples none before its start."""

    def __init__(
        self, service: str, endpoint: str, *, ratio: float, certificates: Path | None = None
    ) -> None:
        """`endpoint` is the collector's address, to which `/v1/traces` is added."""
        self._service = service
        self._endpoint = f"{endpoint}/v1/traces"
        self._ratio = ratio
        self._certificates = None if certificates is None else str(certificates)
        self._provider: TracerProvider | None = None
        self._tracer: trace.Tracer = trace.NoOpTracer()
        self._sender: Sender | None = None

    def start(self) -> None:
        """Start the thread that sends."""
        # What an SDK adds by itself, of the process or the environment, is left out: attributes are ours alone.
        resource = Resource({"service.name": self._service, "service.namespace": "plateward"})
        exporter = OTLPSpanExporter(
            self._endpoint, certificate_file=self._certificates, timeout=TIMEOUT_S
        )
        self._sender = Sender(self._service, exporter)
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,  # a span begins only within sampled work
            resource=resource,
            shutdown_on_exit=False,
            span_limits=SpanLimits(max_links=MOST_LINKS),
        )
        self._provider.add_span_processor(Queue(self._service, self._sender))
        self._tracer = self._provider.get_tracer("plateward")

    async def stop(self) -> None:
        """Send what waits, for up to twice `TIMEOUT_S`; drop the rest."""
        provider, self._provider = self._provider, None
        if provider is not None and self._sender is not None:
            self._sender.close_within(TIMEOUT_S)
            await asyncio.to_thread(provider.shutdown)

    def samples(self) -> bool:
        """Draw whether a root is sampled."""
        return self._provider is not None and drawn(self._ratio)

    def begin(
        self,
        name: str,
        kind: Kind,
        *,
        parent: str | None,
        links: Sequence[str] = (),
        attributes: Attributes = NO_ATTRIBUTES,
    ) -> OtlpSpan:
        """Begin a span."""
        context = trace.INVALID_SPAN if parent is None else NonRecordingSpan(_context_of(parent))
        begun = self._tracer.start_span(
            name,
            trace.set_span_in_context(context),
            _KINDS[kind],
            attributes=dict(attributes),
            links=[Link(_context_of(one)) for one in links],
            # The SDK would add the error's text and traceback, which may have a plate.
            record_exception=False,
            set_status_on_exception=False,
        )
        return OtlpSpan(begun)


def _context_of(traceparent: str) -> SpanContext:
    _, trace_id, span_id, _ = traceparent.split("-")
    flags = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=flags)


class Sender(SpanExporter):
    """Sends batches and counts those that the collector does not accept."""

    def __init__(self, service: str, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._dropped = DROPPED.labels(service, "collector")
        self._closes_s: float | None = None
        self.begun = 0
        """How many spans it has begun to send; only the sending thread changes it."""

    def close_within(self, seconds: float) -> None:
        """Begin to send no batch later than this."""
        self._closes_s = time.monotonic() + seconds

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch."""
        self.begun += len(spans)
        if self._closes_s is not None and time.monotonic() > self._closes_s:
            result = SpanExportResult.FAILURE
        else:
            result = self._exporter.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self._dropped.inc(len(spans))
        return result

    def shutdown(self) -> None:
        """Close the connection."""
        self._exporter.shutdown()


class Queue(SpanProcessor):
    """The SDK's queue, which drops and counts new spans while it is full, instead of the oldest ones uncounted."""

    def __init__(self, service: str, sender: Sender) -> None:
        self._sender = sender
        self._dropped = DROPPED.labels(service, "queue")
        self._ended = 0
        """How many spans were put into the queue; only the event loop's thread changes it."""
        self._batches = BatchSpanProcessor(
            sender,
            max_queue_size=MOST_WAITING + AT_ONCE,  # never full: the bound is ours
            schedule_delay_millis=EVERY_MS,
            max_export_batch_size=AT_ONCE,
        )

    def on_end(self, span: ReadableSpan) -> None:
        """Put a span into the queue, or drop it."""
        if self._ended - self._sender.begun >= MOST_WAITING:
            self._dropped.inc()
            return
        self._ended += 1
        self._batches.on_end(span)

    def shutdown(self) -> None:
        """Send what waits and end the thread."""
        self._batches.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Send what waits now."""
        return self._batches.force_flush(timeout_millis)
