"""Making room in a spool that fills up."""

from pathlib import Path

from ingress.accepted import Accepted, parse_row
from ingress.coalescing import coalesce
from ingress.segments import SegmentWriter, list_segments
from tests.clock import FakeClock
from tests.ingress.examples import NAMES, to_accepted


def write(folder: Path, *segments: list[Accepted]) -> None:
    clock = FakeClock()
    writer = SegmentWriter(folder, clock)
    for accepted in segments:
        writer.append([it.to_row() for it in accepted])
        writer.seal()
        clock.advance(1)


def left(folder: Path) -> list[Accepted]:
    return [
        parse_row(piece.row)
        for segment in list_segments(folder)
        for piece in segment.scan()
        if piece.row is not None
    ]


def test_of_each_resource_the_newest_notification_stays_in_its_place(tmp_path: Path) -> None:
    old, newer, other = (to_accepted(c, uuid=u) for c, u in (("a", "1"), ("a", "2"), ("b", "3")))
    newest = to_accepted("a", uuid="4")
    write(tmp_path, [old, other, newer], [newest])

    freed = coalesce(list_segments(tmp_path), NAMES.notifications)

    assert left(tmp_path) == [other, newest]
    assert freed.rows == 2
    assert freed.size > len(old.value) + len(newer.value)


def test_that_a_resource_is_new_is_not_forgotten(tmp_path: Path) -> None:
    def of(uuid: str, change: str) -> Accepted:
        return to_accepted("a", event=f"variant.{change}", uuid=uuid)

    old, newer, newest = of("1", "create"), of("4", "create"), of("6", "update")
    write(tmp_path, [old, of("2", "update"), of("3", "delete"), newer], [of("5", "update"), newest])

    coalesce(list_segments(tmp_path), NAMES.notifications)
    assert left(tmp_path) == [newer, newest]
    coalesce(list_segments(tmp_path), NAMES.notifications)
    assert left(tmp_path) == [newer, newest]


def test_a_create_that_is_the_newest_stays_alone(tmp_path: Path) -> None:
    creates = [to_accepted("a", event="variant.create", uuid=uuid) for uuid in "12"]
    write(tmp_path, creates)

    coalesce(list_segments(tmp_path), NAMES.notifications)
    assert left(tmp_path) == creates[1:]


def test_a_delete_is_the_newest_as_any_other(tmp_path: Path) -> None:
    update, delete = to_accepted("a"), to_accepted("a", event="document.delete")
    write(tmp_path, [update, delete])

    coalesce(list_segments(tmp_path), NAMES.notifications)
    assert left(tmp_path) == [delete]


def test_one_code_of_two_kinds_is_two_resources(tmp_path: Path) -> None:
    both = [to_accepted("a"), to_accepted("a", event="variant.update")]
    write(tmp_path, both)

    assert coalesce(list_segments(tmp_path), NAMES.notifications).rows == 0
    assert left(tmp_path) == both


def test_ends_of_processes_and_dead_letters_all_stay(tmp_path: Path) -> None:
    accepted = [
        to_accepted("import", event="import.finish"),
        to_accepted("import", event="import.finish"),
        Accepted(NAMES.dead_letters, None, b"x"),
        Accepted(NAMES.dead_letters, None, b"x"),
        Accepted(NAMES.notifications, b"k", b"of a later version"),
        Accepted(NAMES.notifications, b"k", b"of a later version"),
    ]
    write(tmp_path, accepted)

    coalesce(list_segments(tmp_path), NAMES.notifications)
    assert left(tmp_path) == accepted


def test_what_is_damaged_is_left_for_the_drain_to_report(tmp_path: Path) -> None:
    write(tmp_path, [to_accepted("a"), to_accepted("a"), to_accepted("a")])
    segment = list_segments(tmp_path)[0]
    data = bytearray(segment.path.read_bytes())
    data[20] ^= 1
    segment.path.write_bytes(data)

    assert coalesce([segment], NAMES.notifications).rows == 0
    assert segment.path.read_bytes() == data


def test_what_a_later_version_wrote_stays(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, FakeClock())
    rows = [b"as a later version writes it", to_accepted("a").to_row(), to_accepted("a").to_row()]
    writer.append(rows)
    writer.seal()

    assert coalesce(list_segments(tmp_path), NAMES.notifications).rows == 1
    [segment] = list_segments(tmp_path)
    assert [piece.row for piece in segment.scan()] == [rows[0], rows[2]]


def test_a_segment_that_the_disk_refuses_holds_up_no_other(tmp_path: Path) -> None:
    write(tmp_path, [to_accepted("a")] * 2, [to_accepted("b")], [to_accepted("c")] * 2)
    segments = list_segments(tmp_path)
    segments[1].path.unlink()
    segments[1].path.mkdir()

    freed = coalesce(segments, NAMES.notifications)
    assert (freed.rows, freed.refused) == (2, 1)


def test_what_is_drained_already_does_not_come_back(tmp_path: Path) -> None:
    write(tmp_path, [to_accepted("a"), to_accepted("b"), to_accepted("b", uuid="2")])
    segment = list_segments(tmp_path)[0]
    segment.write_done(next(iter(segment.scan())).end)

    coalesce([segment], NAMES.notifications)
    assert left(tmp_path) == [to_accepted("b", uuid="2")]
