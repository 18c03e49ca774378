"""The files of the spool."""

import os
import resource
from pathlib import Path

import pytest

from ingress.segments import (
    SEGMENT_MAX_BYTES,
    Segment,
    SegmentWriter,
    list_segments,
    remove_unfinished,
)
from tests.clock import FakeClock


class Disk:
    """Syncs, unless it *is_broken*."""

    def __init__(self) -> None:
        self.is_broken = False
        self.syncs = 0

    def sync(self, descriptor: int) -> None:
        """Sync, or fail as a dying disk does."""
        if self.is_broken:
            raise OSError(5, "Input/output error")
        self.syncs += 1
        os.fdatasync(descriptor)


def rows_of(segment: Segment) -> list[bytes | None]:
    return [piece.row for piece in segment.scan()]


def test_what_was_appended_is_read_oldest_first(tmp_path: Path) -> None:
    clock = FakeClock()
    writer = SegmentWriter(tmp_path, clock)
    writer.append([b"1", b"2"])
    writer.append([b"3"])
    writer.seal()
    clock.advance(1)
    writer.append([b"4"])
    writer.seal()

    assert [rows_of(segment) for segment in list_segments(tmp_path)] == [
        [b"1", b"2", b"3"],
        [b"4"],
    ]


def test_a_group_costs_one_sync(tmp_path: Path) -> None:
    disk = Disk()
    writer = SegmentWriter(tmp_path, FakeClock(), sync=disk.sync)
    writer.append([b"row"] * 200)
    writer.seal()

    assert disk.syncs == 1


def test_a_full_segment_is_followed_by_another(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, FakeClock())
    row = b"x" * (SEGMENT_MAX_BYTES // 8)
    for _ in range(9):
        writer.append([row])
    writer.seal()

    assert [len(rows_of(segment)) for segment in list_segments(tmp_path)] == [8, 1]


def test_a_clock_that_is_set_back_does_not_change_the_order(tmp_path: Path) -> None:
    for row, now_s in ((b"1", 2_000.0), (b"2", 1_000.0)):
        writer = SegmentWriter(tmp_path, FakeClock(now_s))
        writer.append([row])
        writer.seal()

    segments = list_segments(tmp_path)
    assert [rows_of(segment) for segment in segments] == [[b"1"], [b"2"]]
    assert [segment.created_s for segment in segments] == [2_000.0, 1_000.0]


def test_a_segment_knows_when_it_began(tmp_path: Path) -> None:
    clock = FakeClock(1_700_000_000.25)
    writer = SegmentWriter(tmp_path, clock)
    writer.append([b"row"])
    writer.seal()

    assert list_segments(tmp_path)[0].created_s == 1_700_000_000.25


def test_after_a_failed_sync_the_rows_before_it_are_kept_and_its_own_are_not(
    tmp_path: Path,
) -> None:
    disk = Disk()
    writer = SegmentWriter(tmp_path, FakeClock(), sync=disk.sync)
    writer.append([b"before"])
    disk.is_broken = True
    with pytest.raises(OSError, match="Input/output"):
        writer.append([b"lost"])
    disk.is_broken = False
    writer.append([b"after"])
    writer.seal()

    assert [rows_of(segment) for segment in list_segments(tmp_path)] == [[b"before"], [b"after"]]


def test_a_segment_that_never_held_a_row_is_removed(tmp_path: Path) -> None:
    disk = Disk()
    disk.is_broken = True
    writer = SegmentWriter(tmp_path, FakeClock(), sync=disk.sync)
    with pytest.raises(OSError, match="Input/output"):
        writer.append([b"lost"])

    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        SegmentWriter(tmp_path / "gone", FakeClock()).append([b"row"])


@pytest.fixture
def segment(tmp_path: Path) -> Segment:
    writer = SegmentWriter(tmp_path, FakeClock())
    writer.append([b"1", b"2", b"3"])
    writer.seal()
    return list_segments(tmp_path)[0]


def test_reading_goes_on_after_what_is_done(segment: Segment) -> None:
    second = list(segment.scan())[1]
    segment.write_done(second.end)

    assert rows_of(segment) == [b"3"]


@pytest.mark.parametrize("content", [b"", b"12", b"12 12", b"\xff\xff", b"x y"])
def test_a_damaged_note_of_what_is_done_means_from_the_beginning(
    segment: Segment, content: bytes
) -> None:
    segment.path.with_suffix(".done").write_bytes(content)

    assert rows_of(segment) == [b"1", b"2", b"3"]


def test_a_deleted_segment_leaves_nothing(segment: Segment) -> None:
    segment.write_done(10)
    segment.delete()

    assert list(segment.path.parent.iterdir()) == []


def test_a_replaced_segment_keeps_its_place_and_forgets_what_was_done(segment: Segment) -> None:
    folder = segment.path.parent
    segment.write_done(next(iter(segment.scan())).end)
    size = segment.replace([b"2"])
    replaced = list_segments(folder)

    assert [rows_of(it) for it in replaced] == [[b"2"]]
    assert replaced[0].size == size
    assert replaced[0].created_s == segment.created_s


def test_a_segment_replaced_by_nothing_is_gone(segment: Segment) -> None:
    assert segment.replace([]) == 0

    assert list_segments(segment.path.parent) == []


def test_a_segment_that_cannot_be_replaced_leaves_nothing_beside_it(segment: Segment) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))  # as on a disk that is full
    try:
        with pytest.raises(OSError, match="too large"):
            segment.replace([b"2" * 2_000])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert list(segment.path.parent.iterdir()) == [segment.path]
    assert rows_of(segment) == [b"1", b"2", b"3"]


def test_what_a_process_left_unfinished_is_removed(segment: Segment) -> None:
    segment.path.with_suffix(".tmp").touch()
    remove_unfinished(segment.path.parent)

    assert list(segment.path.parent.iterdir()) == [segment.path]


def test_an_empty_segment_that_cannot_be_removed_stops_nothing(tmp_path: Path) -> None:
    disk = Disk()
    writer = SegmentWriter(tmp_path, FakeClock(), sync=disk.sync)
    writer.prepare()
    assert writer.active is not None
    writer.active.path.unlink()
    writer.active.path.mkdir()  # as on a disk that went read-only: it cannot be unlinked
    disk.is_broken = True
    with pytest.raises(OSError, match="Input/output"):
        writer.append([b"1"])
    writer.seal()
    disk.is_broken = False

    assert writer.append([b"2"]) > 0
    writer.seal()
