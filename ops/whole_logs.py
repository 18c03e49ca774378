"""The small topics that commands read whole."""

from collections.abc import AsyncGenerator

from ops.connections import topics_missing
from runtime.kafka_options import to_aiokafka_options
from runtime.settings import Settings
from streams.log_reader import Read, read_batches, read_log


async def read_whole(settings: Settings, topic: str, *, start: int = 0) -> list[Read]:
    """
    Return the records of a topic's only partition from *start* to its end, as of now.

    Raises:
        KafkaError: the brokers do not answer.
        Refused: the topic is missing.
    """
    return await read_log(
        topic, to_aiokafka_options(settings), start=start, if_missing=topics_missing([topic])
    )


def read_whole_batches(
    settings: Settings, topic: str, start: int
) -> AsyncGenerator[list[Read], None]:
    """Yield the same batch by batch."""
    return read_batches(
        topic, to_aiokafka_options(settings), start=start, if_missing=topics_missing([topic])
    )
