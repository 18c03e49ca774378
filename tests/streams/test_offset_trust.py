"""Which committed offset the group may resume from."""

import pytest

from streams.offset_trust import OffsetTrust

TRUST = OffsetTrust({"t": "id"})


@pytest.mark.parametrize(
    ("committed", "metadata", "indexed", "start"),
    [
        (None, "", None, None),
        (None, "id", 5, None),
        (7, "id", None, 7),
        (7, "", None, 7),  # committed without metadata: by an older version
        (7, "of the topic before", None, None),
        (7, "of the topic before", 9, None),
        (7, "id", 5, 5),  # the index was restored from an older copy
        (7, "id", 9, 7),
        (7, "id", 0, 0),
    ],
)
def test_the_lowest_offset_that_can_be_trusted_counts(
    committed: int | None, metadata: str, indexed: int | None, start: int | None
) -> None:
    found = TRUST.to_start("t", committed=committed, metadata=metadata, indexed=indexed)

    assert found == start


def test_the_id_of_the_topic_is_committed_beside_an_offset() -> None:
    assert TRUST.to_metadata("t") == "id"
    assert TRUST.to_metadata("unknown") == ""
