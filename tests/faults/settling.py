"""Waiting until nothing is on its way, at little cost: several installations wait side by side."""

import asyncio
import time
from typing import Final

from ops.catalog import Agreement, compare_with_catalog
from ops.installation import Installation

_LOOK_EVERY_S: Final = 0.7


async def settle(installation: Installation, within_s: float) -> Agreement:
    """
    Wait until no webhook call waits, the workers have acknowledged all, and the index agrees.

    Returns the last comparison when the time is over, equal or not.
    """
    deadline_s = time.monotonic() + within_s
    async with installation.client() as client:
        while True:
            is_over = time.monotonic() > deadline_s
            is_quiet = (await installation.look("idle"))["idle"] and await installation.lag() == 0
            if is_quiet or is_over:
                agreement = await compare_with_catalog(
                    installation.http, client, installation.settings
                )
                if agreement.is_equal or is_over:
                    return agreement
            await asyncio.sleep(_LOOK_EVERY_S)
