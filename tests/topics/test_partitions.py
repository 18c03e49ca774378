"""One key, one partition, whoever appends."""

import random
from types import SimpleNamespace

from aiokafka.partitioner import DefaultPartitioner as AiokafkasPartitioner
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner import DefaultPartitioner as KafkaPythonsPartitioner

from topics.partitions import to_partition

keys = st.binary(min_size=1, max_size=60) | st.text(min_size=1).map(
    lambda text: text.encode("utf-8", "replace")
)


@given(keys, st.integers(1, 100))
def test_it_is_the_one_of_every_client(key: bytes, count: int) -> None:
    partitions = list(range(count))
    expected = to_partition(key, count)
    cluster = SimpleNamespace(
        topics=lambda: {"t"},
        partitions_for_topic=lambda _: set(partitions),
        available_partitions_for_topic=lambda _: set(partitions),
    )

    assert AiokafkasPartitioner()(key, partitions, partitions) == expected
    assert KafkaPythonsPartitioner().partition("t", key, key, b"", b"", cluster) == expected


def test_keys_are_spread_over_all_partitions() -> None:
    codes = random.Random(1).sample(range(10_000), 1_000)  # noqa: S311  # any numbers will do

    assert {to_partition(str(code).encode(), 12) for code in codes} == set(range(12))
