"""Elasticsearch is down while everything changes: memory stays bounded, and all converges."""

import pytest

from tests.faults.flood import assert_bounded
from tests.faults.lab import Lab

pytestmark = [pytest.mark.stack, pytest.mark.faults]


async def test_a_flood_while_elasticsearch_is_down_stays_in_bounds(lab: Lab) -> None:
    async with lab.own_stack() as stack:
        lab.say(await assert_bounded(stack, lab.folder, keys=5_000, notifications=20_000))
