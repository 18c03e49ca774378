"""The topic `reference`, for commands: what is known of attributes, as of now."""

from ops.failures import said_plainly
from ops.whole_logs import read_whole
from runtime.settings import Settings
from sinks.reference import Reference
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
        records = await read_whole(settings, topic)
    for record in records:
        reference.apply(record.key, record.value)
    return reference
