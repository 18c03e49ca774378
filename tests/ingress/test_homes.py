"""One folder per process, adopted when its process is gone."""

from pathlib import Path

import pytest

from ingress.homes import SpoolPathUnusable, adopt_home, take_home


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


def test_a_deleted_folder_is_nobodys(tmp_path: Path) -> None:
    take_home(tmp_path).delete()

    assert adopt_home(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_path_that_cannot_be_used_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolPathUnusable, match="QUINDEX_SPOOL_PATH"):
        take_home(tmp_path / "file" / "spool")
