"""What becomes of a bulk that is refused as a whole, by a server that does so on request."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import orjson
import pytest
from aiohttp import web

from runtime.errors import OperatorError, SinkUnavailable
from runtime.settings import Settings
from sinks.elasticsearch import ElasticsearchSink, connect
from sinks.indices import check_server
from sinks.writes import Verdict, Write

Result = TypeVar("Result")
PRODUCT = {"X-Elastic-Product": "Elasticsearch"}


class Refuser:
    """Takes bulks of at most *documents_max* documents, unless told to answer *refusal*."""

    def __init__(self) -> None:
        self.documents_max = 1_000
        self.refusal: tuple[int, Any] | None = None
        self.product = PRODUCT
        self.version = "9.5.3"
        self.bulks: list[int] = []

    async def handle(self, request: web.Request) -> web.Response:
        lines = (await request.read()).splitlines()
        self.bulks.append(len(lines) // 2)
        if self.refusal is not None:
            status, body = self.refusal
            return self._answer(status, body)
        if request.path == "/":
            return self._answer(200, {"version": {"number": self.version}})
        if len(lines) // 2 > self.documents_max or b"poison" in lines[1::2]:
            return self._answer(413, "<html>413 Request Entity Too Large</html>")
        return self._answer(200, {"items": [{"index": {"status": 201}}] * (len(lines) // 2)})

    def _answer(self, status: int, body: Any) -> web.Response:
        is_text = isinstance(body, str)
        return web.Response(
            status=status,
            body=body.encode() if is_text else orjson.dumps(body),
            headers=self.product,
            content_type="text/html" if is_text else "application/json",
        )

    def run(self, work: Callable[[ElasticsearchSink], Awaitable[Result]]) -> Result:
        async def main() -> Result:
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", self.handle)
            runner = web.AppRunner(app)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            address = "http://{}:{}".format(*runner.addresses[0][:2])
            try:
                async with connect(Settings(elasticsearch=address)) as client:
                    self.client = client
                    return await work(ElasticsearchSink(client))
            finally:
                await runner.cleanup()

        return asyncio.run(main())

    def write(self, *bodies: bytes) -> list[Verdict]:
        writes = [Write("alias", str(number), 1, body) for number, body in enumerate(bodies)]

        async def work(sink: ElasticsearchSink) -> list[Verdict]:
            return [answer.verdict for answer in await sink.write(writes)]

        return self.run(work)

    def check(self) -> str:
        return self.run(lambda _: check_server(self.client))


def test_a_bulk_that_is_too_large_is_halved() -> None:
    server = Refuser()
    server.documents_max = 2

    assert server.write(*[b"{}"] * 5) == [Verdict.OK] * 5
    assert server.bulks == [5, 2, 3, 1, 2]


def test_a_document_that_is_too_large_is_alone_in_the_end() -> None:
    server = Refuser()

    assert server.write(b"{}", b"{}", b"poison", b"{}") == [
        Verdict.OK,
        Verdict.OK,
        Verdict.DEAD,
        Verdict.OK,
    ]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_that_is_busy_is_asked_again_later_and_only_then(status: int) -> None:
    server = Refuser()
    server.refusal = (status, {"error": {"type": "circuit_breaking_exception", "reason": "full"}})

    with pytest.raises(SinkUnavailable, match="circuit_breaking_exception: full"):
        server.write(b"{}")
    assert server.bulks == [1]


def test_a_server_that_is_gone_is_asked_again_later() -> None:
    async def main() -> None:
        async with connect(Settings(elasticsearch="http://127.0.0.1:9")) as client:
            await ElasticsearchSink(client).write([Write("alias", "a", 1, b"{}")])

    with pytest.raises(SinkUnavailable, match="elasticsearch: "):
        asyncio.run(main())


@pytest.mark.parametrize(
    "refusal",
    [
        (401, {"error": {"type": "security_exception", "reason": "the key has expired"}}),
        (403, {"error": {"type": "security_exception", "reason": "not allowed"}}),
        (400, {"error": {"type": "media_type_header_exception", "reason": "compatible-with"}}),
        (400, "<html>from a proxy</html>"),
    ],
)
def test_what_is_no_documents_fault_stops_all_of_them(refusal: tuple[int, Any]) -> None:
    server = Refuser()
    server.refusal = refusal

    assert server.write(b"{}", b"{}") == [Verdict.STOP] * 2
    assert server.bulks == [2]


def test_an_older_server_is_told_apart() -> None:
    server = Refuser()
    server.version = "8.19.0"
    with pytest.raises(OperatorError, match=r"version 8\.19\.0; quindex needs 9"):
        server.check()
    server.refusal = (400, {"error": {"type": "media_type_header_exception", "reason": "no"}})
    with pytest.raises(OperatorError, match="8 or older; quindex needs 9"):
        server.check()


def test_what_is_not_elasticsearch_is_told_apart() -> None:
    server = Refuser()
    server.product = {}

    with pytest.raises(OperatorError, match="OpenSearch will not do"):
        server.check()


def test_a_wrong_key_is_told() -> None:
    server = Refuser()
    server.refusal = (401, {"error": {"type": "security_exception", "reason": "wrong key."}})

    with pytest.raises(OperatorError, match="QUINDEX_ELASTICSEARCH_API_KEY"):
        server.check()
