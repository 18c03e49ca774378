"""The catalogue of metrics: every name that any process exposes, documented in docs/metrics.md."""

import math
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)  # process_*: start, memory, CPU, open files
_SECONDS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600)

webhook_calls = Counter(
    "quindex_webhook_calls", "Webhook calls answered.", ["status", "stored"], registry=REGISTRY
)
webhook_call_seconds = Histogram(
    "quindex_webhook_call_seconds",
    "Time from the request line to the answer.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5),
    registry=REGISTRY,
)
spool_rows = Gauge("quindex_spool_rows", "Notifications waiting in the spool.", registry=REGISTRY)
spool_bytes = Gauge("quindex_spool_bytes", "Bytes waiting in the spool.", registry=REGISTRY)
spool_drained = Counter(
    "quindex_spool_drained", "Records of the spool that reached Kafka.", registry=REGISTRY
)
spool_damaged_bytes = Counter(
    "quindex_spool_damaged_bytes", "Bytes of the spool that could not be read.", registry=REGISTRY
)
webhook_marks = Counter(
    "quindex_webhook_marks",
    "Calls that only the mark could accept: a reconcile makes up for them.",
    registry=REGISTRY,
)
webhook_secret_seen = Gauge(
    "quindex_webhook_secret_seen_timestamp_seconds",
    "When a call last came with this secret, unix seconds.",
    ["secret"],
    registry=REGISTRY,
)
webhook_last_call = Gauge(
    "quindex_webhook_last_call_timestamp_seconds",
    "When Quable called last, unix seconds; by the worker that watches over the webhook.",
    registry=REGISTRY,
)
webhook_silent = Gauge(
    "quindex_webhook_silent",
    "1 while Quable does not call though the PIM says that something has changed.",
    registry=REGISTRY,
)
kafka_in_flight_records = Gauge(
    "quindex_ingress_in_flight_records", "Records on their way to Kafka.", registry=REGISTRY
)
breaker_open = Gauge(
    "quindex_ingress_breaker_open", "1 while calls go straight to the spool.", registry=REGISTRY
)

notifications = Counter(
    "quindex_notifications",
    "Notifications read by debounce, by what became of them.",
    ["event", "outcome"],
    registry=REGISTRY,
)
pending_keys = Gauge(
    "quindex_debounce_pending_keys", "Resources in their quiet period.", registry=REGISTRY
)
due_records = Counter(
    "quindex_due_records", "Due records appended.", ["lane", "early"], registry=REGISTRY
)
fetch_waiting_keys = Gauge(
    "quindex_fetch_waiting_keys", "Resources waiting to be fetched.", ["lane"], registry=REGISTRY
)
pim_requests = Counter(
    "quindex_pim_requests", "Requests to the PIM, by outcome.", ["outcome"], registry=REGISTRY
)
pim_request_seconds = Histogram(
    "quindex_pim_request_seconds",
    "Time of a request to the PIM.",
    buckets=_SECONDS,
    registry=REGISTRY,
)
pim_breaker_open = Gauge(
    "quindex_pim_breaker_open",
    "1 while the PIM is in trouble and asked by single requests only.",
    registry=REGISTRY,
)
pim_refused = Gauge("quindex_pim_refused", "1 while the PIM refuses the token.", registry=REGISTRY)
pim_denies_all = Gauge(
    "quindex_pim_denies_all", "1 while the PIM answers 404 to everything.", registry=REGISTRY
)
pim_kind_refused = Gauge(
    "quindex_pim_kind_refused",
    "1 while the PIM refuses the token for one kind and accepts it for another.",
    ["kind"],
    registry=REGISTRY,
)
pim_concurrency = Gauge(
    "quindex_pim_concurrency", "Requests that may be under way at once.", registry=REGISTRY
)
stale_answers = Counter(
    "quindex_stale_answers",
    "Answers of the PIM that were older than the change: looked at again.",
    registry=REGISTRY,
)
quota_used_ratio = Gauge(
    "quindex_quota_used_ratio",
    "Used part of our share of a quota window.",
    ["window"],
    registry=REGISTRY,
)
snapshots = Counter(
    "quindex_snapshots", "Snapshots appended.", ["kind", "deleted"], registry=REGISTRY
)
search_documents = Counter(
    "quindex_search_documents", "Search documents by verdict.", ["verdict"], registry=REGISTRY
)
dropped_values = Counter(
    "quindex_dropped_values",
    "Values that are in no search document, by attribute and reason, counted per locale.",
    ["attribute", "reason"],
    registry=REGISTRY,
)
late_snapshots = Counter(
    "quindex_late_snapshots",
    "Stale snapshots that nothing newer followed: their resources were looked at again.",
    registry=REGISTRY,
)
bulk_seconds = Histogram(
    "quindex_bulk_seconds", "Time of a bulk request.", buckets=_SECONDS, registry=REGISTRY
)
freshness_seconds = Histogram(
    "quindex_freshness_seconds",
    "From the newest notification's append to written in Elasticsearch.",
    ["lane"],
    buckets=_SECONDS,
    registry=REGISTRY,
)
dead_letters = Counter(
    "quindex_dead_letters", "Records set aside.", ["stage", "reason"], registry=REGISTRY
)
stage_stopped = Gauge(
    "quindex_stage_stopped",
    "1 while a stage has stopped, since too many of its records died.",
    ["stage"],
    registry=REGISTRY,
)

# --- What one worker knows of the whole installation: see ops/facts_export.py ---

facts_timestamp = Gauge(
    "quindex_facts_timestamp_seconds",
    "When this worker last looked at the whole installation, unix seconds.",
    registry=REGISTRY,
)
part_up = Gauge("quindex_part_up", "1 while the part answers.", ["part"], registry=REGISTRY)
stage_lag_records = Gauge(
    "quindex_stage_lag_records",
    "Records that wait before a stage.",
    ["stage", "partition"],
    registry=REGISTRY,
)
stage_waiting_seconds = Gauge(
    "quindex_stage_waiting_seconds",
    "For how long the oldest record before a stage has waited.",
    ["stage"],
    registry=REGISTRY,
)
stage_paused = Gauge(
    "quindex_stage_paused", "1 while a person has paused the stage.", ["stage"], registry=REGISTRY
)
complete_timestamp = Gauge(
    "quindex_complete_timestamp_seconds",
    "Up to when every notification is searchable, unix seconds.",
    registry=REGISTRY,
)
freshness_last_hour_seconds = Gauge(
    "quindex_freshness_last_hour_seconds",
    "Seconds from notified to indexed over the last hour.",
    ["locale", "quantile"],
    registry=REGISTRY,
)
quota_used_requests = Gauge(
    "quindex_quota_used_requests",
    "Requests that count in a quota window.",
    ["window"],
    registry=REGISTRY,
)
quota_limit_requests = Gauge(
    "quindex_quota_limit_requests",
    "Requests that our share of a quota window allows.",
    ["window"],
    registry=REGISTRY,
)
dead_letters_open = Gauge(
    "quindex_dead_letters_open",
    "Dead letters that nothing newer overtook and nobody decided about.",
    ["stage", "reason"],
    registry=REGISTRY,
)
deletes_parked = Gauge(
    "quindex_deletes_parked", "Unannounced deletes behind the brake.", registry=REGISTRY
)
drift_documents = Gauge(
    "quindex_drift_documents",
    "Search documents that were not as the PIM says, by the last comparison.",
    registry=REGISTRY,
)
scans_running = Gauge(
    "quindex_scans_running", "Scans that are not over.", ["purpose"], registry=REGISTRY
)
group_workers = Gauge("quindex_group_workers", "Workers in the consumer group.", registry=REGISTRY)
build_info = Gauge(
    "quindex_build_info", "1; the version is its label.", ["version"], registry=REGISTRY
)

UNKNOWN_AT_FIRST: Final = (
    facts_timestamp,
    complete_timestamp,
    deletes_parked,
    drift_documents,
    group_workers,
)
"""NaN where nobody has looked, or an alert would compare with 0."""
for _gauge in (*UNKNOWN_AT_FIRST, webhook_last_call):
    _gauge.set(math.nan)


def begin_at_zero() -> None:
    """
    Show the answers that alerts count before the first of them is given.

    A counter that appears with 1 has not increased, as Prometheus sees it.
    """
    for status, stored in (
        ("202", "kafka"),
        ("202", "spool"),
        ("401", "nowhere"),
        ("503", "nowhere"),
    ):
        webhook_calls.labels(status, stored)
