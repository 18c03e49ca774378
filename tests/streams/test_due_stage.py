"""What is told of a stage that waits: trouble, though a scan's pages come by nature in turns."""

import pytest

from streams.due_stage import SCAN_GOES_ON, to_trouble


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        ((), None),
        ((None, None), None),
        ((SCAN_GOES_ON, None), None),
        ((SCAN_GOES_ON, "Kafka"), "Kafka"),
        ((None, "a person", "Kafka"), "a person"),
    ],
)
def test_a_scan_that_goes_on_hides_no_trouble(
    reasons: tuple[str | None, ...], told: str | None
) -> None:
    assert to_trouble(*reasons) == told
