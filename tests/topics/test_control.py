"""The records of control."""

from topics.control import (
    BRAKED,
    UNANNOUNCED,
    EpochRecord,
    fold_deletes,
    is_epoch,
    to_delete_key,
    to_delete_value,
)


def test_an_epoch_stands_for_one_incarnation_of_the_topic() -> None:
    epoch = EpochRecord(2, "id", 12, 0.0, "why")

    assert epoch.key == b"epoch/2"
    assert epoch.stands_for("id", 12)
    assert not epoch.stands_for("other", 12)
    assert not epoch.stands_for("id", 18)


def test_other_records_are_no_epochs() -> None:
    assert not is_epoch(None)
    assert not is_epoch(b"unannounced/document:a")


def test_deletes_are_folded_by_resource() -> None:
    records = [
        (b"epoch/1", b"{}"),
        (None, None),
        (to_delete_key(UNANNOUNCED, "document:a"), to_delete_value(1)),
        (to_delete_key(UNANNOUNCED, "document:a"), to_delete_value(5)),
        (to_delete_key(BRAKED, "document:é"), to_delete_value(2)),
        (to_delete_key(BRAKED, "asset:c"), to_delete_value(3)),
        (to_delete_key(BRAKED, "asset:c"), None),
    ]

    assert fold_deletes(records) == ({"document:a": 5.0}, {"document:é": 2.0})


def test_a_delete_that_cannot_be_read_stops_no_other() -> None:
    records: list[tuple[bytes | None, bytes | None]] = [
        (to_delete_key(BRAKED, "document:a"), value) for value in (b"?", b"[]", b"{}", b"")
    ]
    records += [
        (b"braked/\xff", to_delete_value(1)),
        (to_delete_key(BRAKED, "document:b"), to_delete_value(2)),
    ]

    _, braked = fold_deletes(records)
    assert braked["document:b"] == 2.0
    assert "document:a" not in braked
