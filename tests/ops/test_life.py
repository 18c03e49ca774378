"""What is open of a resource after `notifications` was made anew or has other partitions."""

from dataclasses import replace

import pytest

from ops.explaining import to_due, to_fetched, to_indexed
from ops.life import Announced, Life
from ops.seen import Seen
from ops.story import tell
from pim.kinds import Kind
from tests.ops.test_story import FRESH, NOW_S, announced, due, fetched, in_both
from topics.due import DueRecord, Lane
from topics.snapshots import Snapshot
from topics.versions import to_version

OLD = replace(  # of the first epoch, whose offsets were high
    FRESH,
    announced=[],
    due=[due(9, 60.2, 50_000)],
    fetched=[fetched(5, 60, 50_001)],
    indexed=in_both(59, 50_001),
)


def after(life: Life, *notifications: Announced) -> Life:
    return replace(life, announced=notifications, epoch=2)


@pytest.mark.parametrize("partition", [7, 19])
def test_what_an_older_epoch_answered_hides_nothing_that_waits(partition: int) -> None:
    life = after(OLD, replace(announced(3, 0.5), partition=partition))

    assert [each.offset for each in life.pending] == [3]
    assert "waits for its quiet time" in tell(life).headline


def test_a_due_record_of_the_new_epoch_waits_too() -> None:
    life = after(OLD, announced(3, 1.5))
    life = replace(life, due=[*OLD.due, due(12, 0.5, 3)])

    assert life.pending == []
    assert [each.newest for each in life.pending_due] == [3]
    assert "waits to be fetched" in tell(life).headline


def test_a_fetch_of_the_new_epoch_answers() -> None:
    answer = replace(fetched(6, 0.4, 4), version=to_version(2, 4))
    life = after(OLD, announced(3, 1.5), announced(4, 0.1))
    life = replace(life, due=[*OLD.due, due(12, 0.5, 3)], fetched=[*OLD.fetched, answer])

    assert life.answered == {7: 4}
    assert [each.offset for each in life.pending] == [4]
    assert life.pending_due == []


def test_without_the_epochs_number_the_newest_version_tells_it() -> None:
    newer = [replace(each, version=to_version(2, 4)) for each in in_both(0.4, 4)]
    life = replace(OLD, announced=[announced(3, 1.5), announced(4, 0.1)], indexed=newer)

    assert life.answered == {7: 4}
    assert [each.offset for each in life.pending] == [4]


def test_offsets_of_another_partition_answer_nothing() -> None:
    moved = replace(announced(3, 0.5), partition=19)

    assert replace(FRESH, announced=[moved]).pending == [moved]
    assert replace(FRESH, announced=[moved], due=[due(12, 0.4, 50)]).pending == [moved]
    waits = due(12, 0.5, 3, partition=19)
    assert replace(FRESH, announced=[moved], due=[waits]).pending == []
    assert replace(FRESH, announced=[moved], due=[waits]).pending_due == [waits]


def test_what_was_answered_before_partitions_were_added_is_not_open_again() -> None:
    assert "is up to date" in tell(replace(FRESH, epoch=2)).headline


def test_a_life_knows_of_which_partition_its_offsets_are() -> None:
    record = DueRecord(
        kind=Kind.DOCUMENT,
        code="a",
        lane=Lane.LIVE,
        partition=19,
        offset=3,
        notified_s=NOW_S,
        newest_s=NOW_S,
    )
    snapshot = Snapshot(
        Kind.DOCUMENT, "a", to_version(2, 4), 19, False, NOW_S, NOW_S, NOW_S, "live"
    )
    moment = "2026-11-18T11:06:40+00:00"
    sync = dict.fromkeys(("notified_at", "fetched_at", "indexed_at"), moment)
    document = {"deleted": False, "sync": {**sync, "version": to_version(2, 4), "partition": 19}}
    waits = to_due(Seen("q.due", 0, 1, NOW_S, b"", record.to_json(), {}))
    answer = to_fetched(Seen("q.snapshots", 3, 1, NOW_S, b"", snapshot.to_json(), {}))

    assert waits is not None
    assert waits.partition == 19
    assert answer is not None
    assert (answer.partition, answer.end_partition) == (3, 19)
    assert to_indexed("fr_FR", document).end_partition == 19
