"""What one worker knows of the installation, as metrics."""

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace

from ops.facts import Facts, LetterFacts, Part, PauseFacts, ScanFacts, StopFacts
from ops.facts_export import FactsExporter, forget, show
from runtime import metrics
from runtime.metrics import REGISTRY
from tests.ops.test_verdict import HEALTHY, NOW_S, stage


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def test_all_that_is_known_is_shown() -> None:
    facts = replace(
        HEALTHY,
        stages=[stage("debounce"), stage("index", lag=7, waits_s=90)],
        letters=LetterFacts(9, 4, by_reason={"index/mapper_parsing_exception": 4}),
        scans=[
            ScanFacts("a", "reconcile", "asset", "reading", 5, 9, 1, 0, NOW_S, NOW_S, False),
            ScanFacts("b", "compare", "asset", "done", 5, 9, 1, 3, NOW_S - 9, NOW_S, True),
        ],
        stops=[StopFacts("index", NOW_S, 120, 130, "x")],
        pauses=[PauseFacts("fetch", NOW_S, "the PIM is moved")],
        parked=2,
    )
    show(facts)

    assert value("quindex_facts_timestamp_seconds") == NOW_S
    assert value("quindex_part_up", part="kafka") == 1
    assert value("quindex_stage_lag_records", stage="index", partition="3") == 7
    assert value("quindex_stage_waiting_seconds", stage="index") == 90
    assert value("quindex_stage_waiting_seconds", stage="debounce") == 0
    assert value("quindex_complete_timestamp_seconds") == NOW_S - 90
    assert value("quindex_freshness_last_hour_seconds", locale="fr_FR", quantile="0.95") == 1.4
    assert value("quindex_quota_used_requests", window="24h") == 10
    assert value("quindex_quota_limit_requests", window="10min") == 4_800
    labels = {"stage": "index", "reason": "mapper_parsing_exception"}
    assert value("quindex_dead_letters_open", **labels) == 4
    assert value("quindex_deletes_parked") == 2
    assert value("quindex_drift_documents") == 3
    assert value("quindex_scans_running", purpose="reconcile") == 1
    assert value("quindex_scans_running", purpose="compare") == 0
    assert value("quindex_group_workers") == 1
    assert value("quindex_stage_stopped", stage="index") == 1
    assert value("quindex_stage_stopped", stage="fetch") == 0
    assert value("quindex_stage_paused", stage="fetch") == 1
    assert value("quindex_stage_paused", stage="index") == 0


def test_what_is_unknown_is_no_number_and_what_is_down_is_said() -> None:
    show(HEALTHY)
    show(Facts(now_s=NOW_S, version="1", down={Part.KAFKA: "refused"}))

    assert value("quindex_part_up", part="kafka") == 0
    assert value("quindex_part_up", part="elasticsearch") == 1
    assert value("quindex_facts_timestamp_seconds") == NOW_S
    assert value("quindex_stage_waiting_seconds", stage="debounce") is None
    for name in ("complete_timestamp_seconds", "deletes_parked", "drift_documents"):
        shown = value(f"quindex_{name}")
        assert shown is not None
        assert math.isnan(shown)


def test_another_worker_that_looks_is_left_alone() -> None:
    stop = StopFacts("index", NOW_S, 90, 100, "document_parsing_exception")
    show(replace(HEALTHY, stops=[stop]))
    assert value("quindex_stage_stopped", stage="index") == 1
    forget()

    assert math.isnan(now())
    assert value("quindex_part_up", part="kafka") is None
    assert value("quindex_stage_stopped", stage="index") == 0


def test_only_the_owner_looks_and_a_look_that_fails_ends_nothing() -> None:
    looks = []

    async def collect() -> Facts:
        looks.append(owner[0])
        if len(looks) == 1:
            raise RuntimeError("a bug")
        return HEALTHY

    owner = [False]

    async def scrape(exporter: FactsExporter, *, until: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not until():
                exporter.scraped()
                await asyncio.sleep(0.001)

    async def run() -> None:
        exporter = FactsExporter(collect, lambda: owner[0], lambda: 0.5, pause_s=0.001)
        exporting = asyncio.create_task(exporter.run())
        metrics.facts_timestamp.set(1)
        await scrape(exporter, until=lambda: math.isnan(now()))
        assert looks == []
        owner[0] = True
        await scrape(exporter, until=lambda: len(looks) >= 3)
        seen = len(looks)
        await asyncio.sleep(0.05)
        assert len(looks) <= seen + 1  # nobody scrapes, nobody looks
        exporting.cancel()
        await asyncio.gather(exporting, return_exceptions=True)

    asyncio.run(run())

    assert now() == NOW_S
    assert value("quindex_quota_used_ratio", window="fullest") == 0.5


def now() -> float:
    shown = value("quindex_facts_timestamp_seconds")
    assert shown is not None
    return shown
