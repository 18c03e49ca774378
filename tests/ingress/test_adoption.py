"""What a process left is adopted whole: its rows, and first of all its mark."""

from pathlib import Path

import pytest

from ingress.drain import ADOPT_PAUSE_S
from ingress.homes import take_home
from ingress.mark import Mark
from ingress.segments import SegmentWriter
from tests.clock import FakeClock
from tests.ingress.examples import to_accepted
from tests.ingress.test_drain import Bench, bench, run


def leave(root: Path) -> Path:
    """Leave a folder with a row and a mark, as a process does that died; return it."""
    home = take_home(root)
    writer = SegmentWriter(home.folder, FakeClock())
    writer.append([to_accepted("left").to_row()])
    writer.seal()
    mark = Mark(home.folder)
    mark.open()
    mark.set_since(123.0)
    mark.close()
    home.release()
    return home.folder


async def fail_twice(it: Bench) -> None:
    """Try to adopt, and go on draining, as the process does."""
    for _ in range(2):
        with pytest.raises(OSError, match=r"directory|closed"):
            await it.drain.step()
        await it.drain_all()
        it.clock.advance(ADOPT_PAUSE_S)
    assert it.kafka.records == []


def test_a_folder_whose_mark_cannot_be_read_yet_is_left_alone(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            mark = leave(tmp_path) / "mark"
            mark.rename(tmp_path / "hidden")
            mark.mkdir()
            await fail_twice(it)

            mark.rmdir()
            (tmp_path / "hidden").rename(mark)
            await it.drain_all()
            assert sorted(it.codes()) == ["left", "quindex.mark"]

    run(test)


def test_a_folder_is_left_alone_while_our_own_mark_cannot_be_set(tmp_path: Path) -> None:
    async def test() -> None:
        async with bench(tmp_path) as it:
            leave(tmp_path)
            it.mark.close()
            await fail_twice(it)

            it.mark.open()
            await it.drain_all()
            assert sorted(it.codes()) == ["left", "quindex.mark"]

    run(test)
