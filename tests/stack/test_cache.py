from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.cache import Cache, cache_folder, key_of


def test_the_cache_is_where_the_environment_says(tmp_path: Path) -> None:
    own, caches = str(tmp_path / "own"), str(tmp_path / "caches")

    assert cache_folder({"QUINDEX_CACHE": own, "XDG_CACHE_HOME": caches}) == Path(own)
    assert cache_folder({"XDG_CACHE_HOME": caches}) == Path(caches) / "quindex"
    assert cache_folder({}) == Path.home() / ".cache" / "quindex"


@given(st.lists(st.binary()), st.lists(st.binary()))
def test_a_key_stands_for_its_parts_only(one: list[bytes], other: list[bytes]) -> None:
    assert (key_of(*one) == key_of(*other)) == (one == other)


def test_a_part_is_made_once(tmp_path: Path) -> None:
    made: list[str] = []

    def make(folder: Path) -> None:
        folder.mkdir()
        made.append(folder.name)

    cache = Cache(tmp_path)

    assert cache.part("thing", make) == cache.part("thing", make) == tmp_path / "thing"
    assert len(made) == 1


def test_a_part_whose_making_failed_is_not_there(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        folder.mkdir()
        (folder / "half").touch()
        raise RuntimeError

    def make(folder: Path) -> None:
        folder.mkdir()

    cache = Cache(tmp_path)
    with pytest.raises(RuntimeError):
        cache.part("thing", fail)

    assert not (tmp_path / "thing").exists()
    assert list(cache.part("thing", make).iterdir()) == []
