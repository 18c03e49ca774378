"""Of the topics only the first has to be there."""

from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError, TopicAuthorizationFailedError

from ingress.producers import find_topics


class Producer:
    """What it says of topics: their partitions, or an error."""

    def __init__(self, said: dict[str, set[int] | Exception]) -> None:
        self.said = said
        self.config: dict[str, Any] = {"max_block_ms": 60_000}

    def partitions_for(self, topic: str) -> set[int]:
        """Return them, or raise it."""
        said = self.said[topic]
        if isinstance(said, Exception):
            raise said
        return said


@pytest.mark.parametrize("error", [KafkaTimeoutError(), TopicAuthorizationFailedError({"b"})])
def test_another_one_may_be_hidden(error: Exception) -> None:
    producer = Producer({"a": {0}, "b": error, "c": {0}})

    assert find_topics(producer, ["a", "b", "c"]) == ["b"]
    assert producer.config["max_block_ms"] == 0  # no record waits for it


def test_without_the_first_there_is_no_use() -> None:
    producer = Producer({"a": KafkaTimeoutError(), "b": {0}})

    with pytest.raises(KafkaTimeoutError):
        find_topics(producer, ["a", "b"])
