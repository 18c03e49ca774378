"""Commands of an installation, run as an operator runs them."""

import asyncio

from ops.installation import Installation
from tests.integration.commands import run_command


async def quindex(installation: Installation, *arguments: str, code: int = 0) -> str:
    """Run a command that ends with *code*; return what it says."""
    done = await asyncio.to_thread(
        run_command, *arguments, environ=installation.variables, folder=installation.folder
    )
    assert done.returncode == code, f"{arguments}: {done.returncode} {done.stdout}{done.stderr}"
    return done.stdout + done.stderr
