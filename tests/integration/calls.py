"""`quindex …` as an operator runs it: a process, its output and its exit code."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.installation import Installation

WITHIN_S = 180.0


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    def to_json(self) -> Any:
        """Return what it printed, as one JSON object."""
        return json.loads(self.out)


async def start(
    installation: Installation,
    *arguments: str,
    runner: Sequence[str] = ("ops",),
    more: Mapping[str, str] | None = None,
) -> asyncio.subprocess.Process:
    """
    Start a command with the installation's settings, and *more* variables.

    *runner* is the module that runs it, with its arguments.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith("QUINDEX_")}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *runner, *arguments),
        env={**kept, **installation.variables, **(more or {})},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def finish(process: asyncio.subprocess.Process, within_s: float = WITHIN_S) -> Done:
    """Wait for a command's end."""
    async with asyncio.timeout(within_s):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())


async def quindex(installation: Installation, *arguments: str) -> Done:
    """Run a command."""
    return await finish(await start(installation, *arguments))
