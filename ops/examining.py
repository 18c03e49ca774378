"""Measures what `quindex doctor` judges; each part by itself, so that one that is down hides none."""

import asyncio
import os
import shutil
import socket
import ssl
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from aiokafka.errors import KafkaError as AiokafkaError
from elasticsearch import ApiError, AsyncElasticsearch, TransportError
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from ops import checks
from ops.asking_pim import asking_pim
from ops.checks import Check
from ops.collector import Collector, to_reason
from ops.connections import elasticsearch_client, kafka_admin, publisher_of
from ops.whole_logs import read_whole
from pim.client import PimClient
from pim.kinds import Kind
from runtime.errors import PimAnswerUnusable, PimUnauthorized, QuindexError, Refused
from runtime.settings import SECRETS, Settings, to_variable
from sinks.indices import check_server
from sinks.plan import Step
from sinks.planning import read_plans
from sinks.rules_file import load_rules
from topics.creation import read_settings
from topics.grants import GrantKind, GrantRecord
from topics.layout import to_layouts
from topics.names import TopicNames

_FAILURES: Final = (
    AiokafkaError,
    KafkaError,
    ApiError,
    TransportError,
    QuindexError,
    OSError,
    TimeoutError,
)
_GIVEN: Final = frozenset({"pim_token", "elasticsearch_api_key"})
"""Secrets that others make: nobody here chose a weak one."""
_CONNECT_S: Final = 5.0
_FSYNCS: Final = 5
_GRADES: Final = {Step.NOTHING: "ok", Step.LEFT_OVER: "ok"}


@dataclass(frozen=True, slots=True)
class Examiner:
    """Examines an installation; *public_url* is where Quable calls, if its certificate matters."""

    settings: Settings
    public_url: str | None = None

    async def examine(self) -> AsyncIterator[Check]:
        """Yield one check after the other, the parts in the order in which others rest on them."""
        yield checks.ok("settings", "are complete and valid")
        for each in self._check_secrets():
            yield each
        for name, part in (
            ("Kafka", self._check_kafka),
            ("Elasticsearch", self._check_elasticsearch),
            ("PIM", self._check_pim),
            ("spool", self._check_spool),
            ("certificate", self._check_certificate),
            ("webhook", self._check_webhook),
        ):
            try:
                async for check in part():
                    yield check
            except PimUnauthorized as error:
                yield checks.error(
                    name,
                    f"refuses the token with {error.status}",
                    "Set QUINDEX_PIM_TOKEN to a token with Read Access.",
                )
            except _FAILURES as error:
                yield checks.error(name, to_reason(error), _to_advice(name))

    def _check_secrets(self) -> list[Check]:
        found = []
        for name in SECRETS:
            secret = getattr(self.settings, name).get_secret_value()
            if name in _GIVEN:
                continue
            check = checks.check_secret(to_variable(name), secret)
            if check is not None:
                found.append(check)
        return found

    # --- Kafka ---

    async def _check_kafka(self) -> AsyncIterator[Check]:
        topics = await asyncio.to_thread(self._read_topics)
        yield checks.ok("Kafka", f"answers at {self.settings.kafka}")
        for check in topics:
            yield check
        with suppress(Refused):  # topics are missing, which was just said
            yield checks.check_clock("Kafka's clock", await self._measure_clock())

    def _read_topics(self) -> list[Check]:
        wanted = self.settings.replication_factor
        layouts = to_layouts(TopicNames(self.settings.topic_prefix), replication_factor=wanted)
        names = [layout.name for layout in layouts]
        with kafka_admin(self.settings) as admin:
            replicas = read_replicas(admin, names)
            found = read_settings(admin, list(replicas))
        return list(checks.check_topics(layouts, found, replicas, wanted=wanted))

    async def _measure_clock(self) -> float:
        """The broker stamps what is appended to `quota`; a check of no request changes nothing."""
        topic = TopicNames(self.settings.topic_prefix).quota
        record = GrantRecord(GrantKind.CHECK, "doctor", 0)
        async with publisher_of(self.settings) as publisher:
            before_s = time.time()
            offset = await publisher.append(
                topic, key=b"doctor", value=record.to_json(), partition=0
            )
            middle_s = (before_s + time.time()) / 2
        records = await read_whole(self.settings, topic, start=offset)
        return records[0].appended_s - middle_s if records else 0.0

    # --- Elasticsearch ---

    async def _check_elasticsearch(self) -> AsyncIterator[Check]:
        async with elasticsearch_client(self.settings) as client:
            version = await check_server(client)
            yield checks.ok("Elasticsearch", f"answers, version {version}")
            async for check in self._check_cluster(client):
                yield check

    async def _check_cluster(self, client: AsyncElasticsearch) -> AsyncIterator[Check]:
        settings = self.settings
        indices = f"{settings.index_prefix}-*"
        health = await client.cluster.health(index=indices, level="cluster")
        yield checks.check_health(str(health["status"]))
        before_s = time.time()
        stats = await client.nodes.stats(metric="os")
        middle_s = (before_s + time.time()) / 2
        for node in list(stats["nodes"].values())[:1]:
            yield checks.check_clock("Elasticsearch's clock", node["timestamp"] / 1000 - middle_s)
        for plan in await read_plans(
            client,
            prefix=settings.index_prefix,
            locales=settings.locales,
            rules=load_rules(settings.attributes),
        ):
            name = f"index {plan.index or plan.alias}"
            what = "; ".join(change.what for change in plan.changes)
            if plan.step in _GRADES:
                yield checks.ok(name, what or "mapping and alias are as they should be")
            elif plan.step is Step.CREATE:
                yield checks.error(name, what, "Run `quindex setup`.")
            else:
                advice = "index apply" if plan.step is Step.IN_PLACE else "rebuild"
                loses = any(change.loses for change in plan.changes)
                judge = checks.error if loses else checks.warning
                yield judge(name, what, f"Run `quindex {advice}`.")

    # --- the PIM ---

    async def _check_pim(self) -> AsyncIterator[Check]:
        async with asking_pim(self.settings, before_setup=True) as (pim, gate):
            await pim.check()
            yield checks.ok("PIM", f"answers at {self.settings.pim_url} and takes the token")
            for kind in map(Kind, self.settings.kinds):
                yield checks.check_packing(works=await pim.probe_packing(kind), kind=kind.value)
            async for check in self._check_subscriptions(pim):
                yield check
            is_counted = gate.publisher is not None
            unseen = "" if is_counted else "; no worker counts them, since topics are missing"
            yield checks.ok("PIM requests", f"this examination has sent {gate.requests}{unseen}")

    async def _check_subscriptions(self, pim: PimClient) -> AsyncIterator[Check]:
        """Quable's API is not documented to show webhooks: where it does not, nothing is said."""
        with suppress(PimAnswerUnusable, PimUnauthorized):
            for webhook in await pim.webhooks():
                yield checks.check_subscription(webhook)

    # --- what is around ---

    async def _check_spool(self) -> AsyncIterator[Check]:
        folder = self.settings.spool_path
        fsync_s, free_bytes = await asyncio.to_thread(measure_folder, Path(folder))
        for check in checks.check_spool(folder, fsync_s=fsync_s, free_bytes=free_bytes):
            yield check

    async def _check_certificate(self) -> AsyncIterator[Check]:
        if self.public_url is not None:
            left_s = await asyncio.to_thread(measure_certificate, self.public_url)
            yield checks.check_certificate(f"public address {self.public_url}", left_s)

    async def _check_webhook(self) -> AsyncIterator[Check]:
        facts = await Collector(self.settings).collect()
        if facts.stages is not None:
            yield checks.check_webhook(facts.webhook_s, facts.now_s, facts.silence)
        if facts.quota is not None:
            yield checks.check_quota(facts.quota.used_ratio)


def read_replicas(admin: KafkaAdminClient, names: list[str]) -> dict[str, list[tuple[int, int]]]:
    """Return of each topic that is there (replicas, replicas in sync) by partition."""
    found: list[Any] = admin.describe_topics(names)
    return {
        topic["name"]: [
            (len(each["replica_nodes"]), len(each["isr_nodes"])) for each in topic["partitions"]
        ]
        for topic in found
        if topic["error_code"] == 0
    }


def measure_folder(folder: Path) -> tuple[float, int]:
    """
    Return how long storing a few bytes takes, in seconds, and how many bytes are free.

    A folder that is not there yet is judged by the one that it will be made in.

    Raises:
        OSError: it cannot be written.
    """
    existing = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    took_s = []
    with tempfile.NamedTemporaryFile(dir=existing, prefix=".doctor-") as file:
        for _ in range(_FSYNCS):
            began_s = time.perf_counter()
            file.write(b"x" * 1024)
            file.flush()
            os.fsync(file.fileno())
            took_s.append(time.perf_counter() - began_s)
    return sorted(took_s)[_FSYNCS // 2], shutil.disk_usage(existing).free


def measure_certificate(url: str) -> float:
    """
    Return how many seconds the certificate of an address is still valid.

    Raises:
        OSError: nothing answers, or the certificate is not one that a client trusts.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    context = ssl.create_default_context()
    with (
        socket.create_connection((host, port), timeout=_CONNECT_S) as plain,
        context.wrap_socket(plain, server_hostname=host) as secured,
    ):
        until = str((secured.getpeercert() or {}).get("notAfter", ""))
    moment = datetime.fromtimestamp(ssl.cert_time_to_seconds(until), UTC)
    return moment.timestamp() - time.time()


def _to_advice(name: str) -> str:
    return {
        "Kafka": "Is it running, and is QUINDEX_KAFKA right?",
        "Elasticsearch": "Is it running, and are QUINDEX_ELASTICSEARCH_* right?",
        "PIM": "Is QUINDEX_PIM_URL right? Workers wait for it by themselves.",
        "spool": "The ingress must be able to write to QUINDEX_SPOOL_PATH.",
        "certificate": "Quable wants HTTPS with a valid certificate.",
    }.get(name, "See what is wrong above.")
