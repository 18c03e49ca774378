"""Looking once, or again and again: what `--watch` does."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import click

WATCH_EVERY_S: Final = 2.0
_CLEAR: Final = "\x1b[H\x1b[J"

Result = TypeVar("Result")


async def watch(
    look: Callable[[], Awaitable[tuple[str, Result]]], *, again: bool, in_place: bool
) -> Result:
    """
    Print what *look* finds, and return what it says of it.

    With *again* it goes on until cancelled; on a terminal each text replaces the last one if it is
    shown *in_place*.
    """
    is_moving = again and in_place and sys.stdout.isatty()
    while True:
        text, result = await look()
        click.echo(f"{_CLEAR}{text}" if is_moving else text)
        if not again:
            return result
        await asyncio.sleep(WATCH_EVERY_S)
