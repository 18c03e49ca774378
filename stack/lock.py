"""
Writes jars/*.lock.toml anew from jars/*.toml: `python -m stack.lock`.

The files are those of `jgo lock`; jgo's command itself would also want a Java development kit.
"""

from pathlib import Path

import click
from jgo.env import EnvironmentSpec, LockFile
from jgo.maven import MavenContext

from stack.cache import LOCKS, Cache


def lock_jars(wanted: Path, maven: Path) -> int:
    """Resolve what *wanted* asks for, write its lock, and return the number of jars."""
    context = MavenContext(repo_cache=maven)
    asked = [context.create_dependency(it) for it in EnvironmentSpec.load(wanted).coordinates]
    direct, transitive = context.resolver.resolve(asked)
    jars = [*direct, *(jar for jar in transitive if jar.scope in {"compile", "runtime"})]
    LockFile.from_resolved_dependencies(jars, environment_name=wanted.stem).save(
        wanted.with_suffix(".lock.toml")
    )
    return len(jars)


def main() -> None:
    maven = Cache().folder / "maven"
    for wanted in sorted(LOCKS.glob("*.toml")):
        if not wanted.name.endswith(".lock.toml"):
            click.echo(f"{wanted.stem}: {lock_jars(wanted, maven)} jars")


if __name__ == "__main__":
    main()
