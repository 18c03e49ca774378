import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from runtime.tracing import (
    EXPORT_S,
    FLUSH_S,
    HEADER,
    LINKS_MAX,
    Side,
    span,
    to_trace_headers,
    traces_to,
)
from stack.ports import HOST, free_port

OTHER = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    kept = InMemorySpanExporter()
    with traces_to(kept):
        yield kept


def run_python(command: str) -> str:
    """Return what a Python of its own prints."""
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, check=True)  # noqa: S603  # our own command
    return done.stdout.decode()


def test_without_an_endpoint_nothing_is_traced_nor_imported() -> None:
    command = (
        "import sys; from runtime.tracing import *\n"
        "with exported_traces('', process='worker'), span('a', Side.SERVER):\n"
        "    print(is_traced(), to_trace_headers(), 'opentelemetry' in sys.modules)"
    )

    assert run_python(command).strip() == "False {} False"


def test_a_span_goes_on_with_the_trace_that_the_headers_carry(
    exporter: InMemorySpanExporter,
) -> None:
    with span("outer", Side.SERVER, headers={HEADER: OTHER}):
        carried = to_trace_headers()
    with span("inner", Side.CONSUMER, headers=carried):
        pass

    outer, inner = exporter.get_finished_spans()
    assert outer.parent is not None
    assert outer.parent.span_id == 0xB7AD6B7169203331
    assert inner.parent is not None
    assert outer.context is not None
    assert inner.parent.span_id == outer.context.span_id
    assert inner.context is not None
    assert inner.context.trace_id == outer.context.trace_id == 0x0AF7651916CD43DD8448EB211C80319C


def test_outside_a_span_nothing_is_carried_on(exporter: InMemorySpanExporter) -> None:
    assert to_trace_headers() == {}
    assert exporter.get_finished_spans() == ()


@pytest.mark.parametrize("broken", [b"", b"\xff\xfe", b"00-0-0-01", OTHER[:-3], b"x" * 10_000])
def test_a_header_that_is_no_trace_begins_a_new_one(
    exporter: InMemorySpanExporter, broken: bytes
) -> None:
    with span("a", Side.CONSUMER, headers={HEADER: broken}, links=[broken]):
        pass

    (only,) = exporter.get_finished_spans()
    assert only.parent is None
    assert only.links == ()


def test_links_are_counted_once_and_bounded(exporter: InMemorySpanExporter) -> None:
    many = [f"00-{number:032x}-{number:016x}-01".encode() for number in range(1, LINKS_MAX + 10)]
    with span("a", Side.CONSUMER, links=[OTHER, OTHER]):
        pass
    with span("b", Side.CONSUMER, links=many):
        pass

    few, most = exporter.get_finished_spans()
    assert len(few.links) == 1
    assert len(most.links) == LINKS_MAX


def test_a_span_may_begin_before_its_block(exporter: InMemorySpanExporter) -> None:
    with span("a", Side.CONSUMER, began_s=time.time() - 10, quindex_key="document:a"):
        pass

    (only,) = exporter.get_finished_spans()
    assert only.start_time is not None
    assert only.end_time is not None
    assert only.end_time - only.start_time >= 10e9
    assert only.attributes == {"quindex.key": "document:a"}


def test_a_collector_that_is_away_does_not_hold_up_the_end() -> None:
    # Of its own: the exporter's thread goes on trying, and draws from `random` meanwhile.
    command = (
        "import time; from runtime.tracing import *\n"
        f"with exported_traces('http://{HOST}:{free_port()}', process='worker'):\n"
        "    assert is_traced()\n"
        "    for _ in range(2_000):\n"
        "        with span('a', Side.SERVER): pass\n"
        "    began_s = time.monotonic()\n"
        "assert not is_traced()\n"
        "print(time.monotonic() - began_s)"
    )

    assert float(run_python(command)) < FLUSH_S + EXPORT_S


def test_missing_packages_are_named_with_what_to_do() -> None:
    command = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from runtime.tracing import *; from runtime.errors import OperatorError\n"
        "try:\n"
        "    with exported_traces('http://collector:4318', process='worker'): pass\n"
        "except OperatorError as error: print(error)"
    )

    assert "pip install '.[otel]'" in run_python(command)
