"""
What a team writes in a day: Starlette, aiokafka, one GET per notification, helpers.async_bulk.

    python -m bench.baselines.direct ingress      the webhook, one record per call
    python -m bench.baselines.direct consumer     from notifications to Elasticsearch
    python -m bench.baselines.direct load         everything that is in the PIM, page by page

It is written as well as it can be without an idea that quindex is made of: keys keep the order of a
resource, offsets are committed once the bulk is answered, requests run side by side, 429 and 5xx
are tried again, deletes are deletes, and a record that is processed twice does no harm. Settings
are those of quindex.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import uvicorn
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from elasticsearch import AsyncElasticsearch
from elasticsearch.helpers import async_bulk
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.baselines.pim import (
    ELASTICSEARCH,
    KAFKA,
    LOCALES,
    PREFIX,
    TIMEOUT_S,
    TOPIC,
    to_document,
    to_headers,
    to_id,
    to_index,
    to_members,
    to_page,
    to_path,
    to_pause_s,
)

CONCURRENCY = 16
BATCH_MAX = 500
TRIES_MAX = 8
_DELETED_ALREADY = 404


def serve() -> None:
    """Answer the webhook once Kafka has the call."""
    producers: list[AIOKafkaProducer] = []

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        producer = AIOKafkaProducer(bootstrap_servers=KAFKA, acks="all", linger_ms=2)
        await producer.start()
        producers.append(producer)
        yield
        await producer.stop()

    async def accept(request: Request) -> Response:
        if request.headers.get("authorization") != os.environ["QUINDEX_WEBHOOK_AUTHORIZATION"]:
            return Response(status_code=401)
        body = await request.body()
        key = orjson.loads(body)["resource"]["code"].encode()
        await producers[0].send_and_wait(TOPIC, body, key=key)
        return Response(status_code=202)

    routes = [Route("/webhooks/quable", accept, methods=["POST"])]
    port = int(os.environ["QUINDEX_INGRESS_PORT"])
    app = Starlette(routes=routes, lifespan=lifespan)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", access_log=False)


async def fetch(http: httpx.AsyncClient, path: str, **query: Any) -> Any:
    """GET; None for 404. 429 is tried again for as long as it takes, other failures a few times."""
    tries = 0
    while tries < TRIES_MAX:
        try:
            answer = await http.get(path, params=query)
        except httpx.TransportError:
            await asyncio.sleep(to_pause_s(tries))
            tries += 1
            continue
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if answer.is_success:
            return answer.json()
        await asyncio.sleep(to_pause_s(tries, answer.headers.get("retry-after")))
        tries += answer.status_code != httpx.codes.TOO_MANY_REQUESTS
    raise RuntimeError(f"the PIM does not answer {path}")


def to_actions(code: str, resource: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    """Yield one action for each locale."""
    for locale in LOCALES:
        target = {"_index": to_index(locale), "_id": to_id(code)}
        if resource is None:
            yield {"_op_type": "delete", **target}
        else:
            document = to_document(code, resource, locale)
            yield {"_op_type": "index", **target, "_source": document}


async def write(client: AsyncElasticsearch, actions: list[dict[str, Any]]) -> None:
    """Write; a delete of what is not there is none."""
    for tries in range(TRIES_MAX):
        try:
            _, errors = await async_bulk(client, actions, raise_on_error=False)
        except Exception:  # noqa: BLE001  # whatever it is, it is tried again
            await asyncio.sleep(to_pause_s(tries))
            continue
        assert isinstance(errors, list)  # not counted only
        statuses = [status["status"] for each in errors for status in each.values()]
        if all(status == _DELETED_ALREADY for status in statuses):
            return
        await asyncio.sleep(to_pause_s(tries))
    raise RuntimeError("Elasticsearch does not take the bulk")


@asynccontextmanager
async def open_clients() -> AsyncIterator[tuple[httpx.AsyncClient, AsyncElasticsearch]]:
    """Yield both clients."""
    url = os.environ["QUINDEX_PIM_URL"]
    async with (
        httpx.AsyncClient(base_url=url, headers=to_headers(), timeout=TIMEOUT_S) as http,
        AsyncElasticsearch(ELASTICSEARCH) as client,
    ):
        yield http, client


async def consume() -> None:
    """Read a batch, fetch each of its resources, write, commit."""
    slots = asyncio.Semaphore(CONCURRENCY)
    async with open_clients() as (http, client):
        consumer = AIOKafkaConsumer(
            TOPIC,
            bootstrap_servers=KAFKA,
            group_id=f"{PREFIX}-direct",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        await consumer.start()
        print("worker.started", file=sys.stderr, flush=True)

        async def handle(body: dict[str, Any]) -> list[dict[str, Any]]:
            code = body["resource"]["code"]
            async with slots:
                return list(to_actions(code, await fetch(http, to_path(code))))

        while True:
            found = await consumer.getmany(timeout_ms=100, max_records=BATCH_MAX)
            bodies = [orjson.loads(each.value) for batch in found.values() for each in batch]
            bodies = [body for body in bodies if body["code"].startswith("document.")]
            if bodies:
                done = await asyncio.gather(*(handle(body) for body in bodies))
                await write(client, [action for actions in done for action in actions])
            if found:
                await consumer.commit()


async def load() -> None:
    """Read everything by pages, as a backfill does."""
    async with open_clients() as (http, client):
        number = 1
        while members := to_members(await fetch(http, "/api/documents", **to_page(number))):
            actions = [action for each in members for action in to_actions(each["id"], each)]
            await write(client, actions)
            number += 1


if __name__ == "__main__":
    match sys.argv[1]:
        case "ingress":
            serve()
        case "consumer":
            asyncio.run(consume())
        case "load":
            asyncio.run(load())
