"""The topic `reference`, for commands: what is known of attributes, as of now."""

from ops.failures import said_plainly
from runtime.kafka_options import to_aiokafka_options
from runtime.settings import Settings
from sinks.reference import Reference
from streams.log_reader import read_log
from topics.names import TopicNames


async def read_reference(settings: Settings) -> Reference:
    """
    Return what the topic tells.

    Raises:
        Unreachable: no broker answers.
    """
    topic = TopicNames(settings.topic_prefix).reference
    reference = Reference()
    with said_plainly(settings):
        records = await read_log(topic, to_aiokafka_options(settings))
    for record in records:
        reference.apply(record.key, record.value)
    return reference
