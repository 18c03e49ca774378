"""What `quindex doctor` makes of what it measured: ok, warning or error, and what to do."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ops.spoken import to_span
from pim.webhooks import Webhook
from topics.layout import TopicLayout
from topics.silence import WebhookSilence

SECRET_BITS_MIN: Final = 96
"""As many as 16 random characters of an alphabet of 64 hold."""
SECRET_CHARS_MIN: Final = 20
CLOCK_WARNING_S: Final = 1.0
CLOCK_ERROR_S: Final = 30.0
FSYNC_WARNING_S: Final = 0.1
FREE_MIN_BYTES: Final = 4 * 1024**3
"""Two spools of 2 GiB."""
SILENT_S: Final = 86_400.0
CERTIFICATE_WARNING_S: Final = 21 * 86_400.0
REPLICAS_MIN: Final = 3
QUOTA_SHORT_RATIO: Final = 0.9
_MIB: Final = 1024 * 1024
_PLAIN: Final = frozenset({"Bearer", "bearer", "Basic", "Token"})


class Grade(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what was looked at, what was found, and what to do."""

    name: str
    grade: Grade
    found: str
    advice: str = ""


def ok(name: str, found: str) -> Check:
    """Return a check that found all as it should be."""
    return Check(name, Grade.OK, found)


def warning(name: str, found: str, advice: str) -> Check:
    """Return a check that found what may do harm."""
    return Check(name, Grade.WARNING, found, advice)


def error(name: str, found: str, advice: str) -> Check:
    """Return a check that found what does harm."""
    return Check(name, Grade.ERROR, found, advice)


def check_secret(variable: str, secret: str) -> Check | None:
    """Judge a secret without saying anything of it; None: it is not set."""
    name = f"secret {variable}"
    if not secret:
        return None
    word, _, rest = secret.partition(" ")
    random = rest.strip() if word in _PLAIN and rest else secret
    if len(random) < SECRET_CHARS_MIN or to_bits(random) < SECRET_BITS_MIN:
        return warning(
            name,
            "can be guessed",
            "Take 32 random characters, such as `openssl rand -base64 32` prints.",
        )
    return ok(name, "is long and varied enough")


def to_bits(secret: str) -> float:
    """Return how many bits a secret holds at most, by how varied its characters are."""
    counts, length = Counter(secret), len(secret)
    return -sum(count * math.log2(count / length) for count in counts.values())


def check_topics(
    layouts: Sequence[TopicLayout],
    found: Mapping[str, Mapping[str, str]],
    replicas: Mapping[str, Sequence[tuple[int, int]]],
    *,
    wanted: int,
) -> Iterator[Check]:
    """
    Judge topics: their settings by name, and (replicas, replicas in sync) of each partition.

    *wanted* is QUINDEX_REPLICATION_FACTOR.
    """
    for layout in layouts:
        name = f"topic {layout.name}"
        if layout.name not in found:
            yield error(name, "is not there", "Run `quindex setup`.")
            continue
        off = [
            f"{key} is {found[layout.name].get(key)} instead of {value}"
            for key, value in layout.settings.items()
            if found[layout.name].get(key) != value
        ]
        fewest = min((each[0] for each in replicas[layout.name]), default=0)
        lagging = sum(in_sync < all_ for all_, in_sync in replicas[layout.name])
        if off:
            yield error(name, "; ".join(off), "Run `quindex setup`.")
        elif lagging:
            yield warning(
                name, f"{lagging} partitions lack replicas that are in sync", "Look at the brokers."
            )
        elif fewest < wanted:
            yield warning(
                name,
                f"has {fewest} replicas, not the {wanted} of QUINDEX_REPLICATION_FACTOR",
                "Give it more by Kafka's own tools (kafka-reassign-partitions).",
            )
        else:
            yield ok(name, f"is as it should be, {fewest} replicas")
    if wanted < REPLICAS_MIN:
        yield warning(
            "replication",
            f"QUINDEX_REPLICATION_FACTOR is {wanted}: one lost broker loses notifications",
            "Outside of a demonstration, run three brokers and set it to 3.",
        )


def check_clock(name: str, difference_s: float) -> Check:
    """Judge how far a server's clock is from ours."""
    found = f"differs from this machine's by {to_span(abs(difference_s))}"
    advice = "Let NTP set the clocks: quiet times and deadlines compare them."
    if abs(difference_s) >= CLOCK_ERROR_S:
        return error(name, found, advice)
    if abs(difference_s) >= CLOCK_WARNING_S:
        return warning(name, found, advice)
    return ok(name, found)


def check_spool(folder: str, *, fsync_s: float, free_bytes: int) -> Iterator[Check]:
    """Judge the folder that calls are kept in while Kafka is away."""
    name = f"spool {folder}"
    if fsync_s >= FSYNC_WARNING_S:
        yield warning(
            name, f"takes {to_span(fsync_s)} to store a call", "Put it on a local, faster disk."
        )
    else:
        yield ok(name, f"stores a call in {fsync_s * 1000:.1f} ms")
    free = f"has {free_bytes // _MIB:,} MiB free"
    if free_bytes < FREE_MIN_BYTES:
        yield warning(name, free, "Each ingress process may need 2 GiB.")
    else:
        yield ok(name, free)


def check_webhook(
    called_s: float | None, now_s: float, silence: WebhookSilence | None = None
) -> Check:
    """Judge when Quable called last, by what the workers know to have changed meanwhile."""
    advice = (
        "See `quindex webhook show`: is it active (Quable disables it after three failures in a "
        "row), and does it have all events? A scan of the gap starts once calls come again."
    )
    if silence is not None:
        return error(
            "webhook",
            f"Quable last called {to_span(now_s - silence.since_s)} ago, and {silence.changed} was "
            f"changed {to_span(now_s - silence.changed_s)} ago",
            advice,
        )
    if called_s is None:
        return warning("webhook", "the newest notifications hold no call of Quable's", advice)
    ago = f"Quable called {to_span(now_s - called_s)} ago"
    if now_s - called_s > SILENT_S:
        return warning("webhook", ago, advice)
    return ok("webhook", ago)


def check_subscription(webhook: Webhook) -> Check:
    """Judge a subscription as Quable shows it."""
    name = f"webhook {webhook.name} in Quable"
    if webhook.is_active is False:
        return error(
            name,
            "is not active",
            "Once its address and its Authorization header are right, `quindex webhook enable`.",
        )
    if webhook.missing_events:
        return warning(
            name,
            f"lacks the events {', '.join(webhook.missing_events)}",
            "Select them in Quable, unless this webhook is not for quindex.",
        )
    return ok(name, f"calls {webhook.url}")


def check_packing(*, works: bool, kind: str) -> Check:
    """Judge whether lists honour the filter by ids."""
    name = f"PIM id[] filter of {kind}s"
    if works:
        return ok(name, "is honoured: many resources share a request")
    return warning(
        name,
        "is not honoured, or too few resources exist to tell",
        "Each resource costs a request of its own; ask Quable's support.",
    )


def check_quota(used_ratio: float) -> Check:
    """Judge how full the windows of the quota are."""
    found = f"{used_ratio:.0%} of our share is used"
    if used_ratio >= QUOTA_SHORT_RATIO:
        return warning("PIM quota", found, "See “the quota is short” in docs/operations.md.")
    return ok("PIM quota", found)


def check_certificate(name: str, left_s: float) -> Check:
    """Judge how long a certificate is still valid."""
    if left_s <= 0:
        return error(name, "its certificate has expired", "Renew it: Quable wants a valid one.")
    found = f"its certificate is valid for {to_span(left_s)}"
    if left_s < CERTIFICATE_WARNING_S:
        return warning(name, found, "Renew it: Quable wants a valid one.")
    return ok(name, found)


def check_health(status: str) -> Check:
    """Judge the cluster by its colour."""
    found = f"is {status}"
    if status == "red":
        return error("cluster", found, "Primary shards are missing: look at the nodes.")
    if status == "yellow":
        return warning("cluster", found, "Replicas are missing: a lost node loses the index.")
    return ok("cluster", found)


def to_worst(checks: Sequence[Check]) -> Grade:
    """Return the worst grade."""
    grades = {check.grade for check in checks}
    for grade in (Grade.ERROR, Grade.WARNING):
        if grade in grades:
            return grade
    return Grade.OK
