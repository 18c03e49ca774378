"""A collector of traces: takes what OpenTelemetry's exporter sends, by OTLP over HTTP."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from stack.ports import HOST


@dataclass(frozen=True, slots=True)
class Span:
    """A span as it was sent; ids are bytes."""

    process: str  # service.name
    name: str
    trace: bytes
    id: bytes
    parent: bytes
    links: frozenset[bytes]  # ids of spans
    attributes: dict[str, Any]
    took_ns: int


@dataclass
class Collector:
    """The spans that have come so far, in no order."""

    url: str
    spans: list[Span] = field(default_factory=list)

    def named(self, name: str) -> list[Span]:
        """Return the spans of a name."""
        return [each for each in self.spans if each.name == name]


@contextmanager
def open_collector() -> Iterator[Collector]:
    """Take spans on a port of the loopback address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/v1/traces"
            collector.spans += _parse(body)
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer((HOST, 0), Handler) as server:
        collector = Collector(f"http://{HOST}:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()


def _parse(body: bytes) -> list[Span]:
    request = ExportTraceServiceRequest.FromString(body)
    return [
        Span(
            process=_to_dict(resource.resource.attributes)["service.name"],
            name=span.name,
            trace=span.trace_id,
            id=span.span_id,
            parent=span.parent_span_id,
            links=frozenset(link.span_id for link in span.links),
            attributes=_to_dict(span.attributes),
            took_ns=span.end_time_unix_nano - span.start_time_unix_nano,
        )
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _to_dict(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
