"""Talk: progress for a person, on standard error."""

from collections.abc import Callable

import click

Say = Callable[[str], None]


def say_on_stderr(line: str) -> None:
    click.echo(line, err=True)
