"""How a stack starts, on servers of a few lines: what fails is not left, what is another's is."""

from pathlib import Path

import pytest

from runtime.errors import OperatorError
from stack.cache import Cache
from stack.local import LocalStack
from stack.server import Server
from tests.stack.toy import BROKEN, Toy


class NothingToFetch(Cache):
    """Everything is there."""

    def jars(self, name: str) -> Path:
        return self.folder / name

    def elasticsearch_home(self) -> Path:
        return self.folder


class Interrupted(NothingToFetch):
    """Ctrl-C during the last download."""

    def jars(self, name: str) -> Path:  # noqa: ARG002  # the cache's signature
        raise KeyboardInterrupt


class Overtaken(Toy):
    """Another run starts it between our look and our start."""

    def start(self, *, detached: bool = False) -> None:
        self.first = Toy(self.folder)
        self.first.start()
        super().start(detached=detached)


class ToyStack(LocalStack):
    """A stack of toys."""

    def __init__(self, folder: Path, *toys: Toy) -> None:
        super().__init__(folder, cache=NothingToFetch(folder))
        self._toys = toys

    @property
    def servers(self) -> tuple[Server, Server]:
        one, other = self._toys
        return one, other


def test_what_another_run_has_started_meanwhile_is_left_running(tmp_path: Path) -> None:
    one, other = Overtaken(tmp_path / "one"), Toy(tmp_path / "other")

    with pytest.raises(OperatorError, match="already runs"):
        ToyStack(tmp_path, one, other).start()

    try:
        assert one.first.running() is not None
        assert other.running() is None
    finally:
        one.first.kill()


def test_what_was_started_before_another_failed_is_stopped(tmp_path: Path) -> None:
    one, other = Toy(tmp_path / "one"), Toy(tmp_path / "other", code=BROKEN)

    with pytest.raises(OperatorError, match="ended while it started"):
        ToyStack(tmp_path, one, other).start()

    assert one.running() is None


def test_a_first_download_that_is_interrupted_leaves_nothing_behind(tmp_path: Path) -> None:
    stack = LocalStack(cache=Interrupted(tmp_path))
    assert stack.folder.is_dir()

    with pytest.raises(KeyboardInterrupt):
        stack.start()

    assert not stack.folder.exists()
