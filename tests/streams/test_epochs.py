"""When the epoch must rise."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.epochs import find_reason, to_next
from topics.control import EpochRecord
from topics.versions import to_epoch, to_version

KNOWN = EpochRecord(3, "id", 12, 0.0, "first start")


def reason(
    known: EpochRecord | None = KNOWN,
    *,
    topic_id: str = "id",
    partitions: int = 12,
    ends: Mapping[int, int] | None = None,
    versions: Mapping[int, int] | None = None,
) -> str | None:
    return find_reason(
        known,
        topic_id=topic_id,
        partitions=partitions,
        ends={0: 10} if ends is None else ends,
        versions=versions or {},
    )


@pytest.mark.parametrize(
    "versions",
    [
        {},
        {0: to_version(3, 10)},  # fetched just now: everything up to the end is covered
        {0: to_version(2, 999)},  # of an epoch that is over
    ],
)
def test_an_epoch_stands_while_offsets_go_on(versions: Mapping[int, int]) -> None:
    assert reason(versions=versions) is None


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (reason(None), "first start"),
        (reason(None, versions={0: to_version(1, 1)}), "was lost"),
        (reason(topic_id="other"), "created anew"),
        (reason(partitions=18), "18 partitions instead of 12"),
        (reason(versions={0: to_version(4, 1)}), "higher epoch"),
        (reason(versions={0: to_version(3, 11)}), "partition 0 of notifications lost its end"),
        (reason(versions={7: to_version(3, 1)}), "partition 7 of notifications lost its end"),
    ],
)
def test_an_epoch_ends_when_offsets_start_again_or_keys_move(found: str | None, words: str) -> None:
    assert found is not None
    assert words in found


@given(
    known=st.none() | st.integers(1, 1_000),
    versions=st.lists(
        st.builds(to_version, st.integers(1, 1_000), st.integers(0, 10_000)), max_size=5
    ),
)
def test_the_next_epoch_is_above_every_version_in_use(
    known: int | None, versions: list[int]
) -> None:
    before = None if known is None else EpochRecord(known, "old", 12, 0.0, "x")
    after = to_next(
        before, topic_id="new", partitions=18, versions=versions, now_s=5.0, reason="why"
    )

    assert after.epoch > max([known or 0, *map(to_epoch, versions)])
    assert all(to_version(after.epoch, 0) > version for version in versions)
    assert (after.topic_id, after.partitions, after.reason) == ("new", 18, "why")
    assert after.stands_for("new", 18)
    assert find_reason(after, topic_id="new", partitions=18, ends={}, versions={}) is None
