"""
Jars from Maven Central, exactly those that a lock names.

Imports jgo, which only those who run the stack have: whoever needs this file imports it late.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path

import stamina
from jgo.env import LockedDependency, LockFile
from jgo.maven import Artifact, MavenContext
from requests import RequestException
from stamina import instrumentation

from runtime.errors import Unreachable
from stack.link import link_or_copy
from stack.say import Say

DOWNLOADS_MAX = 8
"""At the same time."""

ATTEMPTS_MAX = 4
TIMEOUT_S = 30
SAID_EVERY = 20
"""Jars per line of progress."""


def fetch_jars(lock: Path, maven: Path, folder: Path, say: Say) -> None:
    """
    Fill *folder* with the jars that *lock* names; *maven* keeps what was fetched before.

    Raises:
        Unreachable: a jar cannot be had, or is not the one that the lock names.
    """
    wanted = LockFile.load(lock).dependencies
    context = MavenContext(repo_cache=maven, timeout=TIMEOUT_S)
    say(f"fetching {len(wanted)} jars of {lock.name.split('.')[0]} ...")
    folder.mkdir(parents=True)
    with _quiet_retries(), ThreadPoolExecutor(DOWNLOADS_MAX) as pool:
        try:
            for count, jar in enumerate(pool.map(lambda item: _fetch(context, item), wanted), 1):
                link_or_copy(jar, folder / jar.name)
                if count % SAID_EVERY == 0:
                    say(f"  {count} of {len(wanted)}")
        except (RequestException, RuntimeError) as error:
            pool.shutdown(cancel_futures=True)
            raise Unreachable(
                f"Cannot fetch the jars of {lock.name}: {error}. They come from Maven Central: "
                "check the network (HTTPS_PROXY is honoured) and run this again, "
                "what was fetched is kept."
            ) from error


@contextmanager
def _quiet_retries() -> Iterator[None]:
    """Say nothing of the attempts: many jars would say the same at once, and the error says it."""
    hooks = instrumentation.get_on_retry_hooks()
    instrumentation.set_on_retry_hooks(())
    try:
        yield
    finally:
        instrumentation.set_on_retry_hooks(hooks)


@stamina.retry(on=(RequestException, RuntimeError), attempts=ATTEMPTS_MAX, timeout=None)
def _fetch(context: MavenContext, wanted: LockedDependency) -> Path:
    artifact = (
        context.project(wanted.groupId, wanted.artifactId)
        .at_version(wanted.version)
        .artifact(wanted.classifier or "", wanted.packaging)
    )
    _forget_unless(wanted.sha256, artifact)  # an interrupted download leaves half a jar
    jar = artifact.resolve()
    if not _is(jar, wanted.sha256):
        jar.unlink()
        raise RuntimeError(f"{jar.name} is not the file that the lock names")
    return jar


def _forget_unless(sha256: str | None, artifact: Artifact) -> None:
    path = artifact.cached_path
    if path is not None and path.exists() and not _is(path, sha256):
        path.unlink()


def _is(path: Path, sha256: str | None) -> bool:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest() == sha256
