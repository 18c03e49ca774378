"""The catalogue of metrics: every name that any process exposes, documented in docs/metrics.md."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY: Final = CollectorRegistry()
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
