"""
Whatever address the PIM or a notification holds, connections go to the configured origin alone.

The sockets are real: an audit hook of the interpreter sees every connection and every look-up.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from pim.client import PimClient
from pim.kinds import Kind
from pim.notifications import parse_notification
from pim.retries import TRIES_MAX
from runtime.errors import PimAnswerUnusable, PimFilterIgnored, PimUnavailable
from streams.debounce import DebounceBuffer, Timing
from streams.debounce_stage import to_due
from tests.streams.examples import Inbox
from topics.records import Received

HOST = "127.0.0.1"
FOREIGN = (
    "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://[::ffff:169.254.169.254]/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://2852039166/",
    "http://0xA9FEA9FE/",
    "http://0251.0376.0251.0376/",
    "https://foreign.example/api/documents?page=2",
    "//foreign.example/api/documents?page=2",
    "\\\\foreign.example\\api",
    "file:///etc/passwd",
    "gopher://foreign.example:6379/_FLUSHALL",
    "ftp://foreign.example/",
    "http://{origin}@foreign.example/api/documents?page=2",
    "http://foreign.example#@{origin}/",
    "http://foreign.example\\@{origin}/",
    "http://{origin}.foreign.example/",
    "http://localhost:1/",
    "http://[::1]:1/",
    "http://0:1/",
    "/api/..%2f..%2finternal",
    "/api/%2e%2e/%2e%2e/internal",
    "../../internal",
    "/api/documents?page=2\r\nHost: foreign.example\r\n\r\nGET /internal HTTP/1.1",
    "/api/documents%0d%0aHost:%20foreign.example",
    "?page=2&next=http://foreign.example/",
    "javascript:alert(1)",
)

Reply = Callable[[str], tuple[int, dict[str, str], Any]]


@dataclass
class Watch:
    """What the interpreter connects to, and looks up, while it is on."""

    is_on: bool = False
    seen: set[tuple[str, object, object]] = field(default_factory=set)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note a connection."""
        if not self.is_on:
            return
        if event == "socket.connect":
            host, port, *_ = arguments[1]
            self.seen.add(("connect", host, port))
        elif event == "socket.getaddrinfo":
            host, port, *_ = arguments
            self.seen.add(("look up", host, port))
        elif event in {"open", "subprocess.Popen"} and "passwd" in str(arguments[0]):
            self.seen.add(("open", arguments[0], None))


WATCH = Watch()
sys.addaudithook(WATCH)  # hooks stay for ever


@contextmanager
def watched() -> Iterator[set[tuple[str, object, object]]]:
    WATCH.seen, WATCH.is_on = set(), True
    try:
        yield WATCH.seen
    finally:
        WATCH.is_on = False


@dataclass
class Origin:
    """A PIM on a real socket; keeps the head of every request."""

    reply: Reply
    heads: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request, and close."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        self.heads.append(head)
        status, headers, content = self.reply(head.split(" ", 2)[1])
        body = orjson.dumps(content)
        lines = [f"HTTP/1.1 {status} x", f"Content-Length: {len(body)}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode("utf-8") + body)
        await writer.drain()
        writer.close()


def visit(reply: Reply, work: Callable[[PimClient], Awaitable[object]]) -> Origin:
    """Let a client work against an origin; fail if it connects to anything else."""

    async def run() -> tuple[Origin, int]:
        origin = Origin(reply)
        server = await asyncio.start_server(origin.serve, HOST, 0)
        port = server.sockets[0].getsockname()[1]
        client = PimClient(f"http://{HOST}:{port}", "token")
        try:
            with watched():
                await work(client)
        finally:
            await client.aclose()
            server.close()
        return origin, port

    origin, port = asyncio.run(run())
    assert {(host, at) for _, host, at in WATCH.seen} == {(HOST, port)}
    for head in origin.heads:
        path = head.split(" ", 2)[1]
        assert path.startswith("/api/")
        assert head.lower().count("\r\nhost: ") == 1
        assert f"\r\nhost: {HOST}:{port}\r\n" in head.lower()
    return origin


@pytest.mark.parametrize("address", FOREIGN)
def test_the_next_page_is_asked_for_at_the_origin(address: str) -> None:
    def reply(path: str) -> tuple[int, dict[str, str], Any]:
        number = 2 if "page=2" in path else 1
        view = {"@id": address, "hydra:next": address, "hydra:last": address}
        shown = {"hydra:view": view} if number == 1 else {}
        member = {"@id": address, "id": f"a{number}", "links": [address]}
        return (
            200,
            {"Link": f"<{_to_header(address)}>; rel=next"},
            {"hydra:member": [member], **shown},
        )

    async def work(client: PimClient) -> None:
        assert [each["id"] for each in await client.attributes()] == ["a1", "a2"]

    assert len(visit(reply, work).heads) == 2


@pytest.mark.parametrize("address", FOREIGN)
def test_links_inside_a_resource_are_text(address: str) -> None:
    links = [{"@id": address, "href": address, "id": str(n)} for n in range(100)]  # cut at 100

    def reply(path: str) -> tuple[int, dict[str, str], Any]:
        if "?" in path:
            view = {"hydra:next": address}
            return 200, {}, {"hydra:member": [], "hydra:view": view}
        return 200, {}, {"id": "a", "@id": address, "links": [address], "documentLinks": links}

    async def work(client: PimClient) -> None:
        found = await client.fetch(Kind.DOCUMENT, "a")
        assert found is not None
        await client.complete(Kind.DOCUMENT, found)

    assert len(visit(reply, work).heads) >= 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("address", FOREIGN)
def test_a_redirect_is_not_followed(address: str, status: int) -> None:
    def reply(_: str) -> tuple[int, dict[str, str], Any]:
        return status, {"Location": _to_header(address)}, {}

    async def work(client: PimClient) -> None:
        with pytest.raises((PimAnswerUnusable, PimUnavailable)):  # which no address at all is
            await client.fetch(Kind.DOCUMENT, "a")

    assert 1 <= len(visit(reply, work).heads) <= TRIES_MAX


@pytest.mark.parametrize("address", FOREIGN)
def test_a_code_that_looks_like_an_address_is_a_code(address: str) -> None:
    def reply(path: str) -> tuple[int, dict[str, str], Any]:
        if "?" in path:
            return 200, {}, {"hydra:member": [{"id": "x"}], "hydra:totalItems": 1}
        return 404, {}, {}

    async def work(client: PimClient) -> None:
        with suppress(PimAnswerUnusable):  # a code with dot segments
            await client.fetch(Kind.DOCUMENT, address)
        with pytest.raises(PimFilterIgnored):
            await client.fetch_many(Kind.DOCUMENT, [address, "a"])

    visit(reply, work)


@pytest.mark.parametrize("address", FOREIGN)
def test_no_address_of_a_notification_reaches_the_fetch_stage(address: str) -> None:
    body = orjson.dumps(
        {
            "uuid": "u",
            "code": "document.update",
            "links": [{"rel": "self", "href": address}],
            "resource": {
                "code": "a",
                "type": "document",
                "links": [{"rel": "self", "href": address}, address],
                "href": address,
            },
        }
    )
    timing = Timing(lead_s=0.5, quiet_s=2, delay_max_s=15)
    buffer = DebounceBuffer[Received](timing, keys_max=10, clock=lambda: 0.0)
    received = Inbox().receive(body)
    with watched() as seen:
        buffer.add(parse_notification(body), received, appended_s=0.0)
        (entry,) = buffer.pop_all()
        value = to_due(entry).to_json()

    assert seen == set()
    assert orjson.dumps(address)[1:-1] not in value


def _to_header(address: str) -> str:
    """Return an address that a header can hold; a line break would be one of the header's own."""
    return address.replace("\r", "%0D").replace("\n", "%0A")
