"""What the operator's desk knows of an installation at one moment: plain data, all of it optional."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from topics.silence import WebhookSilence


class Part(StrEnum):
    """What answers, or does not."""

    KAFKA = "Kafka"
    ELASTICSEARCH = "Elasticsearch"


@dataclass(frozen=True, slots=True)
class PartitionFacts:
    """One partition that a stage reads; *oldest_s* is None where nothing waits, or is unknown."""

    partition: int
    end: int
    committed: int | None
    lag: int
    oldest_s: float | None = None  # when the oldest waiting record was appended
    since_s: float | None = None  # of its change: when its first notification was appended


@dataclass(frozen=True, slots=True)
class StageFacts:
    """One stage, over all of its partitions."""

    stage: str
    partitions: Sequence[PartitionFacts]

    @property
    def lag(self) -> int:
        """Records that wait."""
        return sum(each.lag for each in self.partitions)

    @property
    def oldest_s(self) -> float | None:
        """When the oldest waiting record was appended."""
        return min((each.oldest_s for each in self.partitions if each.oldest_s), default=None)

    @property
    def since_s(self) -> float | None:
        """When the oldest change that waits here was announced."""
        return min((each.since_s for each in self.partitions if each.since_s), default=None)


@dataclass(frozen=True, slots=True)
class WorkerFacts:
    """A member of the consumer group."""

    client: str
    host: str
    partitions: Mapping[str, Sequence[int]]  # by topic


@dataclass(frozen=True, slots=True)
class FreshnessFacts:
    """Seconds from notified to indexed, of one locale, over the last hour."""

    locale: str
    documents: int
    p50_s: float | None = None
    p95_s: float | None = None
    p99_s: float | None = None


@dataclass(frozen=True, slots=True)
class QuotaFacts:
    """How full the windows of the PIM's quota are, of our share."""

    used_10min: int
    limit_10min: int
    used_24h: int
    limit_24h: int

    @property
    def used_ratio(self) -> float:
        """The used part of the fuller window."""
        return max(self.used_10min / self.limit_10min, self.used_24h / self.limit_24h)


@dataclass(frozen=True, slots=True)
class LetterFacts:
    """The dead letters: *total* in the topic; the rest of the newest ones, as far as was read."""

    total: int = 0
    open: int = 0  # neither overtaken, redriven nor discarded
    is_partial: bool = False  # older ones were not read
    newest_s: float | None = None
    last_hour: int = 0  # open ones
    by_reason: Mapping[str, int] = field(default_factory=dict)  # open ones, by stage/reason


@dataclass(frozen=True, slots=True)
class ScanFacts:
    """A scan."""

    id: str
    purpose: str
    kind: str
    phase: str
    resources: int
    total: int | None
    requests: int
    drift: int
    began_s: float
    updated_s: float
    is_over: bool


@dataclass(frozen=True, slots=True)
class StopFacts:
    """A stage that has stopped by itself, since too many of its records died."""

    stage: str
    at_s: float
    died: int
    taken: int
    reason: str


@dataclass(frozen=True, slots=True)
class PauseFacts:
    """A stage that a person has paused."""

    stage: str
    at_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class Facts:
    """
    All that is known; None means: not known, and *unknown* says why, by the fact's name.

    *down* holds the parts that do not answer, with what they, or our clients, said.
    """

    now_s: float
    version: str
    down: Mapping[Part, str] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)
    missing_topics: Sequence[str] = ()
    missing_indices: Sequence[str] = ()
    stages: Sequence[StageFacts] | None = None
    workers: Sequence[WorkerFacts] | None = None
    group_state: str | None = None
    webhook_s: float | None = None  # when the newest call of Quable's was appended
    silence: WebhookSilence | None = None  # Quable does not call, though something has changed
    freshness: Sequence[FreshnessFacts] | None = None
    quota: QuotaFacts | None = None
    letters: LetterFacts | None = None
    scans: Sequence[ScanFacts] | None = None
    stops: Sequence[StopFacts] | None = None
    pauses: Sequence[PauseFacts] | None = None
    parked: int | None = None  # unannounced deletes behind the brake
    epoch: int | None = None
    processes: Sequence[Mapping[str, Any]] | None = None
    server_version: str | None = None  # Elasticsearch's

    @property
    def complete_s(self) -> float | None:
        """
        Up to when every notification is searchable.

        The oldest change at the head of any queue; now, where nothing waits.
        """
        if self.stages is None:
            return None
        waiting = [stage.since_s for stage in self.stages if stage.since_s is not None]
        if any(stage.lag and stage.since_s is None for stage in self.stages):
            return None
        return min(waiting, default=self.now_s)
