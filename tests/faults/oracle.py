"""
States, after a run, whether the installation has kept its promises.

Per document and locale: nothing missing, stale or extra. Nothing went back while it ran. Every
notification that was accepted lies in the log, or the mark that stands for it, and is covered by
what the index holds. No dead letters but planned ones. And the run was not vacuous.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from ops.catalog import Agreement
from ops.installation import Installation
from pim.notifications import Meaning, parse_notification
from runtime.errors import MalformedNotification
from sinks.fields import to_id
from tests.eventually import patiently
from tests.faults.evidence import Evidence, Lying, gather, read_topic
from tests.faults.metrics import read_metric, to_ingress_address
from tests.faults.sampling import Place, Sampler, Seen
from tests.faults.settling import settle
from topics.notifications import Source, to_source
from topics.versions import to_end, to_epoch

SETTLE_WITHIN_S: Final = 120.0
_SHOWN_MAX: Final = 12


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found."""

    agreement: Agreement
    regressions: list[str]
    unaccounted: list[str]
    accepted: int
    marks: int  # calls that only the mark could accept
    samples: int
    moves: int
    rewritten: int
    evidence: Evidence

    def assert_kept(self, *, dead_letters: Mapping[str, int] | None = None) -> None:
        """Fail unless every promise was kept."""
        assert self.agreement.is_equal, f"{self.agreement}: {self.agreement.examples()}"
        assert self.agreement.same > 0
        assert not self.regressions, self.regressions[:_SHOWN_MAX]
        assert not self.unaccounted, self.unaccounted[:_SHOWN_MAX]
        assert not self.evidence.overclaims, self.evidence.overclaims[:_SHOWN_MAX]
        assert not self.evidence.behind, self.evidence.behind[:_SHOWN_MAX]
        assert self.accepted > 0
        assert self.samples > 0
        found = self.evidence.dead_letters
        assert found == (dead_letters or {}), found

    def __str__(self) -> str:
        return (
            f"{self.agreement}, same {self.agreement.same}; regressions {len(self.regressions)} in"
            f" {self.samples} samples with {self.moves} moves,"
            f" {self.rewritten} showed an earlier answer of the same version; unaccounted"
            f" {len(self.unaccounted)} of {self.accepted} accepted, {self.marks} by the mark alone;"
            f" {self.evidence}"
        )


async def judge(
    installation: Installation, sampler: Sampler, *, within_s: float = SETTLE_WITHIN_S
) -> Verdict:
    """Wait until nothing is on its way, then look at everything."""
    agreement = await settle(installation, within_s)
    ingress = to_ingress_address(installation)
    marks = int(await patiently(lambda: read_metric(ingress, "quindex_webhook_marks_total")))
    shown = await patiently(lambda: installation.http.get("/control/webhook/notifications"))
    published = [orjson.loads(line) for line in shown.content.splitlines()]
    topic = installation.topics.notifications
    notifications = await asyncio.to_thread(read_topic, installation, topic)
    async with installation.client() as client:
        await patiently(lambda: client.indices.refresh(index=f"{installation.prefix}-*"))
        index = await patiently(lambda: sampler.look(client))
    accepted = {each["uuid"] for each in published if each["state"] == "accepted"}
    moments = {each["uuid"]: each["published_s"] for each in published}
    return Verdict(
        agreement=agreement,
        regressions=list(sampler.regressions),
        unaccounted=[
            *find_missing(accepted, notifications, marks=marks),
            *find_uncovered(installation, notifications, index),
        ],
        accepted=len(accepted),
        marks=marks,
        samples=sampler.samples,
        moves=sampler.moves,
        rewritten=sampler.rewritten,
        evidence=await asyncio.to_thread(gather, installation, notifications, moments),
    )


def find_missing(accepted: set[str], notifications: list[Lying], *, marks: int) -> list[str]:
    """
    Return the accepted notifications that do not lie in the log, in words.

    Of the calls that only the mark could accept, *marks*, the mark lies there instead: what they
    announced is looked for by its reconcile, and found if index and catalog agree.
    """
    lying = {str(each.json.get("uuid")) for each in notifications}
    missing = sorted(accepted - lying)
    is_marked = any(to_source(each.headers) is Source.MARK for each in notifications)
    if is_marked and len(missing) <= marks:
        return []
    return [f"{uuid} is not in the log" for uuid in missing]


def find_uncovered(
    installation: Installation, notifications: list[Lying], index: Mapping[Place, Seen]
) -> list[str]:
    """
    Return the notifications in the log that the index does not cover, in words.

    The version of the resource must end beyond each of them in every locale.
    """
    kinds = installation.settings.kinds
    epoch = max((to_epoch(seen.version) for seen in index.values()), default=0)
    ends: dict[str, list[int]] = {}
    for (_, id_), seen in index.items():
        covers = to_end(seen.version) if to_epoch(seen.version) == epoch else 0
        ends.setdefault(id_, []).append(covers)
    locales = len(installation.locales.split(","))
    found = []
    for each in notifications:
        try:
            notification = parse_notification(each.value or b"")
        except MalformedNotification as error:
            found.append(f"unreadable at {each.partition}/{each.offset}: {error}")
            continue
        kind = notification.kind
        if notification.meaning is not Meaning.RESOURCE or kind is None or kind.value not in kinds:
            continue
        covered = ends.get(to_id(kind, notification.code), [])
        if len(covered) < locales or min(covered) <= each.offset:
            found.append(
                f"{notification.event} of {notification.code} at {each.partition}/{each.offset}:"
                f" the index covers {covered}"
            )
    return found
