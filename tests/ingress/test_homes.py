"""One folder per process, adopted when its process is gone."""

from pathlib import Path

import pytest

from ingress.homes import (
    Home,
    SpoolPathUnusable,
    adopt_home,
    leave_home,
    make_folder,
    take_home,
)
from ingress.mark import Mark
from ingress.segments import SegmentWriter
from tests.clock import FakeClock


def test_two_processes_have_two_folders(tmp_path: Path) -> None:
    first, second = take_home(tmp_path), take_home(tmp_path)

    assert first.folder != second.folder
    first.release()
    second.release()


def test_a_folder_without_an_owner_is_adopted(tmp_path: Path) -> None:
    gone = take_home(tmp_path)
    (gone.folder / "row").write_text("left behind")
    assert adopt_home(tmp_path) is None

    gone.release()
    adopted = adopt_home(tmp_path)
    assert adopted is not None
    assert (adopted.folder / "row").exists()
    assert adopt_home(tmp_path) is None
    adopted.release()


def test_a_process_that_starts_takes_what_another_left(tmp_path: Path) -> None:
    gone = take_home(tmp_path)
    gone.release()

    home = take_home(tmp_path)
    assert home.folder == gone.folder
    home.release()


def test_a_new_folder_that_another_process_adopts_first_is_left_to_it(tmp_path: Path) -> None:
    adopted: list[Home] = []

    def make(folder: Path) -> None:
        make_folder(folder)
        if not adopted:
            other = adopt_home(tmp_path)
            assert other is not None
            adopted.append(other)
        elif len(adopted) == 1:
            folder.rmdir()  # and here it has drained and deleted it already
            adopted.append(adopted[0])

    home = take_home(tmp_path, make=make)
    assert home.folder != adopted[0].folder
    assert adopt_home(tmp_path) is None
    adopted[0].delete()
    home.release()


def test_a_deleted_folder_is_nobodys(tmp_path: Path) -> None:
    take_home(tmp_path).delete()

    assert adopt_home(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_cannot_be_used_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolPathUnusable, match="QUINDEX_SPOOL_PATH"):
        take_home(tmp_path / "file" / "spool")


def test_a_folder_that_holds_nothing_is_deleted_when_its_process_ends(tmp_path: Path) -> None:
    home = take_home(tmp_path)
    mark = Mark(home.folder)
    mark.open()
    mark.close()

    assert leave_home(home, mark)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_rows_stays_whatever_was_counted(tmp_path: Path) -> None:
    home = take_home(tmp_path)
    mark = Mark(home.folder)
    mark.open()
    mark.close()
    writer = SegmentWriter(home.folder, FakeClock())
    writer.append([b"row"])
    writer.seal()

    assert not leave_home(home, mark)
    adopted = adopt_home(tmp_path)
    assert adopted is not None
    adopted.release()


def test_a_folder_whose_mark_is_set_or_could_not_be_read_stays(tmp_path: Path) -> None:
    home = take_home(tmp_path)
    mark = Mark(home.folder)
    mark.open()
    mark.set_since(5.0)
    mark.close()
    assert not leave_home(home, mark)

    home = take_home(tmp_path)
    unread = Mark(home.folder)
    assert not leave_home(home, unread)
    unread.open()
    assert unread.since_s == 5.0
    unread.close()


def test_a_folder_that_cannot_be_looked_at_stays(tmp_path: Path) -> None:
    home = take_home(tmp_path)
    mark = Mark(home.folder)
    mark.open()
    mark.close()
    (home.folder / "000-000-0.log").symlink_to("nowhere")

    assert not leave_home(home, mark)
    assert home.folder.exists()
