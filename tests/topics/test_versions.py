"""One order per resource."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topics.versions import EPOCH_MAX, OFFSET_MAX, to_end, to_epoch, to_version

epochs = st.integers(1, EPOCH_MAX)
ends = st.integers(0, OFFSET_MAX)


@given(epochs, ends)
def test_a_version_holds_its_epoch_and_its_end(epoch: int, end: int) -> None:
    version = to_version(epoch, end)

    assert (to_epoch(version), to_end(version)) == (epoch, end)


@given(epochs, ends, epochs, ends)
def test_the_epoch_counts_first_then_the_end(
    epoch: int, end: int, other_epoch: int, other_end: int
) -> None:
    is_lower = to_version(epoch, end) < to_version(other_epoch, other_end)

    assert is_lower is ((epoch, end) < (other_epoch, other_end))


def test_the_highest_version_is_the_highest_that_elasticsearch_takes() -> None:
    assert to_version(EPOCH_MAX, OFFSET_MAX) == 2**63 - 1


@pytest.mark.parametrize(
    ("epoch", "end"), [(0, 0), (-1, 0), (EPOCH_MAX + 1, 0), (1, -1), (1, OFFSET_MAX + 1)]
)
def test_beyond_the_bounds_there_is_no_version(epoch: int, end: int) -> None:
    with pytest.raises(AssertionError):
        to_version(epoch, end)
