"""Waiting until nothing is on its way, at little cost: several installations wait side by side."""

from typing import Final

from ops.catalog import Agreement
from ops.installation import Installation

_LOOK_EVERY_S: Final = 0.7


async def settle(installation: Installation, within_s: float) -> Agreement:
    """
    Wait until no webhook call waits, the workers have acknowledged all, and the index agrees.

    Returns the last comparison when the time is over, equal or not.
    """
    return await installation.settle(within_s, look_every_s=_LOOK_EVERY_S)
