"""What commands connect to, with errors that say what to do."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from aiokafka.errors import KafkaError as AiokafkaError
from elasticsearch import ApiError, AsyncElasticsearch, TransportError
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from runtime.errors import Refused, Unreachable
from runtime.kafka_options import to_aiokafka_options, to_kafka_python_options
from runtime.settings import Settings
from sinks.elasticsearch import connect
from streams.publisher import KafkaPublisher
from topics.layout import to_layouts
from topics.names import TopicNames

APPEND_MAX_S: Final = 45.0
"""
How long a command waits for a record to be stored. A producer gives up a record that has no leader
after 40 s, and says then what is the matter.
"""
_UNAUTHORIZED: Final = (401, 403)


@contextmanager
def kafka_admin(settings: Settings) -> Iterator[KafkaAdminClient]:
    """
    Yield an administrator's client.

    Raises:
        Unreachable: no broker answers.
    """
    try:
        admin = KafkaAdminClient(
            **to_kafka_python_options(settings),
            client_id="quindex",
            request_timeout_ms=15_000,
            bootstrap_timeout_ms=5_000,
        )
    except KafkaError as error:
        raise kafka_unreachable(settings, error) from error
    try:
        yield admin
    except KafkaError as error:
        raise Unreachable(f"Kafka at {settings.kafka} refused: {error}") from error
    finally:
        admin.close()


def kafka_unreachable(settings: Settings, error: Exception) -> Unreachable:
    """Return the error for brokers that do not answer."""
    protocol = settings.kafka_security_protocol
    return Unreachable(
        f"Kafka at {settings.kafka} does not answer ({type(error).__name__}). "
        "Is it running, and is QUINDEX_KAFKA right? "
        f"It was spoken to in {protocol} (QUINDEX_KAFKA_SECURITY_PROTOCOL)."
    )


@asynccontextmanager
async def elasticsearch_client(settings: Settings) -> AsyncIterator[AsyncElasticsearch]:
    """
    Yield a client of a server that answers.

    Raises:
        SettingsInvalid: there can be no client of such settings.
        Unreachable: it does not answer, or refuses us.
    """
    client = connect(settings)
    try:
        with _silenced("elastic_transport.node_pool"):
            await client.info()
        yield client
    except ApiError as error:
        hint = (
            "Are QUINDEX_ELASTICSEARCH_API_KEY or _USERNAME and _PASSWORD right?"
            if error.status_code in _UNAUTHORIZED
            else "Is QUINDEX_ELASTICSEARCH right?"
        )
        raise Unreachable(
            f"Elasticsearch at {settings.elasticsearch} refused with {error.status_code}: "
            f"{error.message}. {hint}"
        ) from error
    except TransportError as error:
        raise Unreachable(
            f"Elasticsearch at {settings.elasticsearch} does not answer ({error.message}). "
            "Is it running, and is QUINDEX_ELASTICSEARCH right?"
        ) from error
    finally:
        await client.close()


@asynccontextmanager
async def publisher_of(
    settings: Settings, *, needs_topics: bool = True, append_max_s: float | None = APPEND_MAX_S
) -> AsyncIterator[KafkaPublisher]:
    """
    Yield a publisher that is connected; what goes on for hours tries without end (None).

    Raises:
        Unreachable: no broker answers.
        Refused: topics are missing, which a publisher would wait for.
    """
    if needs_topics and (missing := await asyncio.to_thread(find_missing_topics, settings)):
        raise topics_missing(missing)
    publisher = KafkaPublisher(to_aiokafka_options(settings), append_max_s=append_max_s)
    try:
        with _silenced("aiokafka"):
            await publisher.start()
    except AiokafkaError as error:
        await publisher.stop()
        raise kafka_unreachable(settings, error) from error
    try:
        yield publisher
    finally:
        await publisher.stop()


def find_missing_topics(settings: Settings) -> list[str]:
    """
    Return the topics of an installation that are not there.

    Raises:
        Unreachable: no broker answers.
    """
    layouts = to_layouts(
        TopicNames(settings.topic_prefix), replication_factor=settings.replication_factor
    )
    with kafka_admin(settings) as admin:
        there = set(admin.list_topics())
    return [layout.name for layout in layouts if layout.name not in there]


def topics_missing(names: Iterable[str]) -> Refused:
    """Return the error for topics that are not there."""
    return Refused(f"Topics are missing: {', '.join(names)}. Run `quindex setup` first.")


@contextmanager
def _silenced(logger: str) -> Iterator[None]:
    """Keep a library from logging what becomes a message of ours."""
    it = logging.getLogger(logger)
    level = it.level
    it.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        it.setLevel(level)
