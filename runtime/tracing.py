"""
Traces of a change: from the webhook's call to the bulk that makes it searchable.

Off unless QUINDEX_OTLP_ENDPOINT names a collector; then a span costs one comparison, and nothing of
OpenTelemetry is imported. A record carries its trace in the header `traceparent` (W3C Trace
Context), so that a trace goes on in whichever process takes the record. What is sampled, and with
which headers the collector is called, say OpenTelemetry's own variables (OTEL_TRACES_SAMPLER,
OTEL_EXPORTER_OTLP_HEADERS).
"""

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, Final

from runtime.errors import OperatorError

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Link, Tracer

HEADER: Final = "traceparent"
LINKS_MAX: Final = 128
"""Of one span: as many as OpenTelemetry keeps."""
EXPORT_S: Final = 2.0
FLUSH_S: Final = 3.0
"""How long the end of a process waits for a collector that does not answer."""

_NS: Final = 1e9
_SCOPE: Final = "quindex"

_tracer: "Tracer | None" = None


class Side(Enum):
    """What a span stands for, by OpenTelemetry's kinds."""

    SERVER = "SERVER"
    CONSUMER = "CONSUMER"
    CLIENT = "CLIENT"


@contextmanager
def exported_traces(endpoint: str, *, process: str) -> Iterator[None]:
    """
    Send the spans of this process to *endpoint* (OTLP over HTTP) while this is open; "": none.

    A collector that is away costs spans, never a change: they are sent beside the work.

    Raises:
        OperatorError: the packages for it are not installed.
    """
    if not endpoint:
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415  # optional
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415  # optional
    except ModuleNotFoundError as error:
        raise OperatorError(
            f"QUINDEX_OTLP_ENDPOINT is set, but {error.name} is not installed. "
            "Install it (in a checkout: pip install '.[otel]'), or unset it."
        ) from error
    exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", timeout=EXPORT_S)
    with _processed_by(BatchSpanProcessor(exporter), process):
        yield


@contextmanager
def traces_to(exporter: "SpanExporter") -> Iterator[None]:
    """Hand each span to *exporter* as it ends, while this is open."""
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor  # noqa: PLC0415  # optional

    with _processed_by(SimpleSpanProcessor(exporter), "test"):
        yield


@contextmanager
def span(
    name: str,
    side: Side,
    *,
    headers: Mapping[str, bytes] | None = None,
    links: Iterable[bytes] = (),
    began_s: float | None = None,
    **attributes: str | int,
) -> Iterator[None]:
    """
    Trace what is done in this block, as part of the trace that *headers* carry.

    *links* are values of the header `traceparent`: of all that is answered at once. *began_s* is
    unix seconds, where the span began before the block. What the block appends to Kafka carries the
    span on. An attribute is named as in OpenTelemetry, with `_` for `.`.
    """
    if _tracer is None:
        yield
        return
    from opentelemetry.trace import SpanKind  # noqa: PLC0415  # optional

    with _tracer.start_as_current_span(
        name,
        context=_to_context((headers or {}).get(HEADER)),
        kind=SpanKind[side.value],
        links=_to_links(links),
        start_time=None if began_s is None else int(began_s * _NS),
        attributes={key.replace("_", "."): value for key, value in attributes.items()},
    ):
        yield


def is_traced() -> bool:
    """Whether spans are kept at all."""
    return _tracer is not None


def to_trace_headers() -> Mapping[str, bytes]:
    """Return the headers that carry the span of the running block on; {} if there is none."""
    if _tracer is None:
        return {}
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415  # optional
        TraceContextTextMapPropagator,
    )

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return {HEADER: carrier[HEADER].encode()} if HEADER in carrier else {}


@contextmanager
def _processed_by(processor: "SpanProcessor", process: str) -> Iterator[None]:
    global _tracer  # noqa: PLW0603  # as the metrics: one for the process
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415  # optional
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415  # optional

    names = {"service.namespace": "quindex", "service.name": f"quindex-{process}"}
    provider = TracerProvider(resource=Resource.create(names), shutdown_on_exit=False)
    provider.add_span_processor(processor)
    _tracer = provider.get_tracer(_SCOPE)
    try:
        yield
    finally:
        _tracer = None
        # Its own deadline is 30 s: as long as a process has to end in all.
        ending = threading.Thread(target=provider.shutdown, daemon=True)
        ending.start()
        ending.join(FLUSH_S)


def _to_context(traceparent: bytes | None) -> "Context":
    from opentelemetry.context import Context  # noqa: PLC0415  # optional
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415  # optional
        TraceContextTextMapPropagator,
    )

    text = (traceparent or b"").decode("ascii", "replace")
    return TraceContextTextMapPropagator().extract({HEADER: text}, context=Context())


def _to_links(traceparents: Iterable[bytes]) -> "list[Link]":
    from opentelemetry.trace import Link, get_current_span  # noqa: PLC0415  # optional

    contexts = [
        get_current_span(_to_context(each)).get_span_context()
        for each in dict.fromkeys(traceparents)
    ]
    return [Link(each) for each in contexts if each.is_valid][:LINKS_MAX]
