"""What an operator sets reaches the part that it is for."""

from typing import Any, cast

from ops.parts import Parts
from runtime.settings import Settings
from streams.quota import Quota, Window
from streams.quota_gate import QuotaGate
from topics.control import EpochRecord
from topics.memory import MemoryPublisher


def to_parts(**settings: Any) -> Parts:
    """Return the parts of a worker that is connected to nothing."""
    publisher = MemoryPublisher()
    unused = cast(Any, None)

    async def read(_start: int) -> list[Any]:
        return []

    gate = QuotaGate(
        Quota((Window(limit=10, span_s=1),)),
        publisher=publisher,
        topic="t.quota",
        read=read,
        deadline_s=1,
        clock=lambda: 0.0,
    )
    return Parts(
        settings=Settings(locales=("fr_FR", "fr_BE"), **settings),
        client=unused,
        publisher=cast(Any, publisher),
        pim=cast(Any, _Client()),
        gate=gate,
        ends=unused,
        snapshot_ends=unused,
        epoch=EpochRecord(epoch=3, topic_id="t", partitions=12, raised_s=0.0, reason="test"),
        snapshots=unused,
        reference=cast(Any, _Reference()),
        look_around=unused,
    )


class _Client:
    def through(self, _gate: object) -> "_Client":
        return self


class _Reference:
    types: Any = None


def test_the_document_types_reach_what_makes_snapshots() -> None:
    assert to_parts(document_types=("color",)).settler.document_types == {"color"}
    assert to_parts().settler.document_types == frozenset()


def test_the_limit_of_unannounced_deletes_reaches_the_brake() -> None:
    assert to_parts(unannounced_deletes_max=0).settler.brake.limit == 0


def test_fallbacks_reach_the_projection() -> None:
    parts = to_parts(locale_fallbacks={"fr_BE": "fr_FR"})

    assert parts.chains == {"fr_FR": ("fr_FR",), "fr_BE": ("fr_BE", "fr_FR")}


def test_prefixes_reach_topics_and_aliases() -> None:
    parts = to_parts(topic_prefix="shop", index_prefix="search")

    assert parts.topics.notifications == "shop.notifications"
    assert parts.aliases == ["search-fr_fr", "search-fr_be"]
