"""A real Prometheus that watches an installation by the alert rules that operators get."""

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from stack.child import Child
from stack.ports import HOST, free_port
from tests.faults.runs import until_true

RULES: Final = Path(__file__).parents[2] / "docs" / "examples" / "alerts.yml"
READY_WITHIN_S: Final = 60.0
FIRES_WITHIN_S: Final = 120.0
OVER_WITHIN_S: Final = 150.0

ASKS_WITHIN_S: Final = 30.0
"""More than an answer takes on a machine that is busy."""

TEN_MINUTES: Final = (("[10m]", "[20s]"), ("< 600", "< 20"))
AN_HOUR: Final = (("[1h]", "[20s]"), ("< 3600", "< 20"))

QUICKENED: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "QuindexRestarts": (("[30m]", "[90s]"),),
    "QuindexCallsRefused": TEN_MINUTES,
    "QuindexCallsUnauthorized": TEN_MINUTES,
    "QuindexSpoolDamaged": AN_HOUR,
    "QuindexMarkUsed": AN_HOUR,
    "QuindexStageBehind": (("> 300", "> 5"),),
    "QuindexNotFresh": (("> 600", "> 15"),),
    "QuindexSlow": (("[15m]", "[20s]"), ("> 30", "> 10")),
}
"""
What a drill cannot wait for; each alert also fires without its `for`.

Slow is what takes more than 10 s: a bound of the histogram's, below what an edit has waited for once
QuindexNotFresh has fired, and above what one takes on a machine that is busy.
"""


def to_rules(source: str) -> tuple[list[str], str]:
    """Return the names of all alerts, and the rules made quick."""
    content: dict[str, Any] = yaml.safe_load(source)
    rules = [rule for group in content["groups"] for rule in group["rules"]]
    for rule in rules:
        rule["for"] = "0s"
        for usual, quick in QUICKENED.get(rule["alert"], ()):
            assert usual in rule["expr"], rule
            rule["expr"] = rule["expr"].replace(usual, quick)
    return [rule["alert"] for rule in rules], yaml.safe_dump(content)


class Prometheus:
    """One that runs; it scrapes every second."""

    def __init__(self, folder: Path, ports: Mapping[str, Sequence[int]]) -> None:
        command = shutil.which("prometheus")
        assert command, "prometheus is not installed; apt-get install prometheus, as .ci/run does"
        folder.mkdir(parents=True)
        self.alerts, rules = to_rules(RULES.read_text("utf-8"))
        (folder / "alerts.yml").write_text(rules)
        (folder / "prometheus.yml").write_text(to_configuration(ports))
        self._port = free_port()
        self._child = Child(
            "prometheus",
            [
                command,
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address={HOST}:{self._port}",
                "--log.level=warn",
            ],
            environment={"PATH": str(Path(sys.executable).parent)},
            log=folder / "prometheus.log",
        )
        self.seen: set[str] = set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Prometheus"]:
        """Start it, and stop it."""
        await asyncio.to_thread(self._child.start)
        try:
            async with httpx.AsyncClient(
                base_url=f"http://{HOST}:{self._port}", timeout=ASKS_WITHIN_S
            ) as self._http:
                await until_true(
                    self._knows_all, within_s=READY_WITHIN_S, otherwise=self._child.log_tail()
                )
                yield self
        finally:
            await asyncio.to_thread(self._child.stop)

    async def firing(self) -> frozenset[str]:
        """Return the names of the alerts that fire now."""
        answer = await self._http.get("/api/v1/alerts")
        answer.raise_for_status()
        found = answer.json()["data"]["alerts"]
        firing = frozenset(each["labels"]["alertname"] for each in found)
        self.seen |= firing
        return firing

    async def until_firing(self, *names: str, within_s: float = FIRES_WITHIN_S) -> None:
        """Return once all of them have fired since they were asked for."""
        left = set(names)

        async def have_fired() -> bool:
            left.difference_update(await self.firing())
            return not left

        await until_true(
            have_fired, within_s=within_s, otherwise=lambda: f"did not fire: {sorted(left)}"
        )

    async def until_over(self, *names: str, within_s: float = OVER_WITHIN_S) -> None:
        """Return once none of them fires; without names, once nothing does."""
        left: frozenset[str] = frozenset()

        async def is_over() -> bool:
            nonlocal left
            firing = await self.firing()
            left = firing & set(names) if names else firing
            return not left

        await until_true(
            is_over, within_s=within_s, otherwise=lambda: f"still firing: {sorted(left)}"
        )

    async def until_seen(self, address: str, *, after_s: float = 0.0) -> float:
        """
        Wait until a process at *address* was looked at that began after *after_s*; return when.

        What it counts from then on is an increase.
        """
        series = f'process_start_time_seconds{{instance="{address}"}}'
        query = f"{series} > {after_s:.3f}"
        await until_true(
            lambda: self.ask(query), within_s=READY_WITHIN_S, otherwise=f"{address} was not seen"
        )
        return float((await self.ask(series))[0]["value"][1])

    async def _knows_all(self) -> bool:
        """Whether it has seen the ingress twice, and what a worker knows of the installation."""
        seen = await self.ask("max(count_over_time(quindex_spool_rows[1m])) > 1")
        return bool(seen and await self.ask("quindex_facts_timestamp_seconds > 0"))

    async def ask(self, query: str) -> list[Any]:
        """Return the result of an expression, empty before it is ready."""
        answer = await self._http.get("/api/v1/query", params={"query": query})
        return list(answer.json()["data"]["result"]) if answer.is_success else []


def to_configuration(ports: Mapping[str, Sequence[int]]) -> str:
    """Return a configuration that looks every second, at the jobs that the rules name."""
    return yaml.safe_dump(
        {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["alerts.yml"],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [f"{HOST}:{it}" for it in those]}]}
                for job, those in ports.items()
            ],
        }
    )
