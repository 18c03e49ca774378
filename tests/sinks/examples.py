"""Snapshots, records and time to try things with."""

import asyncio
from collections.abc import Mapping
from typing import Any

from pim.kinds import Kind
from tests.clock import FakeClock
from topics.records import Received
from topics.snapshots import Snapshot

NOW_S = 1_700_000_000.0

SKIRT: Mapping[str, Any] = {
    "id": "short-skirt-yellow",
    "isActive": True,
    "documentType": {"id": "color"},
    "attributeSet": {"id": "skirts"},
    "classifications": [{"id": "skirts"}],
    "attributes": {
        "color_name": {"fr_FR": "Jupe courte jaune", "en_GB": "Short yellow skirt"},
        "color_long_name": {"fr_FR": "<p>Jupe <b>d&apos;été</b></p><p>légère</p>", "fr_BE": None},
        "r_indicative_price": 49.9,
        "r_sellable": True,
        "r_selling_start_date": "2023-11-09T10:00:00",
        "r_season": [
            {
                "id": "attribute=r_season;code=SS28",
                "labels": {"fr_FR": "Été 28", "en_GB": "Summer 28"},
            }
        ],
    },
    "documentLinks": [
        {
            "id": "881",
            "linkType": {"id": "col_ref"},
            "origin": {"id": "short-skirt"},
            "target": {"id": "short-skirt-yellow"},
        }
    ],
    "assetLinks": [{"linkType": {"id": "main_asset"}, "target": {"id": "photo-1"}}],
    "variants": [{"id": "short-skirt-yellow-S"}, {"id": "short-skirt-yellow-M"}],
    "dateCreated": "2023-09-20T08:00:00+00:00",
    "dateModified": "2023-11-09T12:00:00+02:00",
}


def snapshot(
    code: str = "short-skirt-yellow",
    version: int = 7,
    *,
    kind: Kind = Kind.DOCUMENT,
    deleted: bool = False,
    resource: Mapping[str, Any] | None = None,
    names: Mapping[str, Any] | None = None,
) -> Snapshot:
    """Return a snapshot, of the skirt unless told otherwise."""
    shown = SKIRT if resource is None else resource
    return Snapshot(
        kind,
        code,
        version,
        partition=3,
        deleted=deleted,
        fetched_s=NOW_S - 1,
        notified_s=NOW_S - 4,
        newest_s=NOW_S - 3,
        lane="live",
        notifications=2,
        resource={} if deleted else shown,
        names={"skirts": {"fr_FR": "Jupes", "en_GB": "Skirts"}} if names is None else names,
    )


class Acknowledged(list[int]):
    """The offsets that were acknowledged, in that order; makes the records that tell it."""

    def record(
        self,
        value: bytes | None,
        offset: int = 0,
        *,
        key: bytes = b"k",
        headers: Mapping[str, bytes] | None = None,
    ) -> Received:
        """Return a record of `snapshots`."""
        return Received(
            "quindex.snapshots",
            0,
            offset,
            key,
            value,
            NOW_S,
            lambda: self.append(offset),
            headers or {},
        )


class FakeTime:
    """A clock that moves by itself whenever all that is left to do is to wait."""

    TURNS = 20  # of the event loop, in which the others do what they can

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.paused_s: list[float] = []

    async def pause(self, event: asyncio.Event, within_s: float | None) -> None:
        """Wait for the event, and let time pass if nobody sets it."""
        if within_s is None:
            await event.wait()
            return
        for _ in range(self.TURNS):
            if event.is_set():
                return
            await asyncio.sleep(0)
        self.paused_s.append(within_s)
        self.clock.advance(within_s)
