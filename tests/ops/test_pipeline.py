"""What a worker compares as it starts."""

import asyncio

import pytest

from ops.pipeline import check_partitions
from runtime.errors import KafkaUnavailable, MustRestart, Unreachable
from tests.streams.pim import Ends


def test_the_same_number_of_partitions_is_well() -> None:
    asyncio.run(check_partitions(Ends({0: 5, 1: 7}), 2, 2))


@pytest.mark.parametrize("seen", [(2, 3), (3, 2), (3, 3)])
def test_partitions_that_were_added_meanwhile_end_the_worker(seen: tuple[int, int]) -> None:
    with pytest.raises(MustRestart, match=r"\[2, 3\]"):
        asyncio.run(check_partitions(Ends({0: 5, 1: 7}), *seen))


def test_brokers_that_do_not_answer_are_named() -> None:
    ends = Ends(failure=KafkaUnavailable("no end offsets of t.notifications"))

    with pytest.raises(Unreachable, match="no end offsets"):
        asyncio.run(check_partitions(ends, 2, 2))
