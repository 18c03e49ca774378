"""More keys of a process wait than memory holds: a live edit does not wait behind them."""

import pytest

from tests.faults.backlog import assert_live_goes_first
from tests.faults.lab import Lab

pytestmark = [pytest.mark.stack, pytest.mark.faults]

KEYS = 50_000


async def test_a_live_edit_is_fetched_while_a_bulk_fills_the_memory(lab: Lab) -> None:
    lab.say(
        await assert_live_goes_first(
            lab.servers.kafka, lab.servers.elasticsearch, lab.folder, keys=KEYS
        )
    )
