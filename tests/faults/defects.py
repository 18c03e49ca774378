"""
What each planted bug does to a small scenario; a healthy worker goes through all of them.

A scenario provokes what its check is about, so that it needs no luck. It fails by an AssertionError
if the worker has the bug; `check` says in words what that is. Where it does not even come so far, it
fails by `NotProvoked`: nothing is caught then.
"""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from elasticsearch import ApiError, TransportError
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient

from ops.catalog import compare_with_catalog
from ops.connections import kafka_admin
from ops.installation import Installation
from ops.lag import read_positions
from pim.kinds import Kind
from runtime.points import VARIABLE
from sinks.fields import to_id
from tests.faults.burst import put
from tests.faults.commands import quindex
from tests.faults.evidence import Lying, read_topic
from tests.faults.runs import Run, until, until_true
from tests.faults.sampling import read_all_documents
from tests.faults.settling import settle

SETTLES_WITHIN_S: Final = 40.0
DIES_WITHIN_S: Final = 40.0
ASKED_WITHIN_S: Final = 60.0
ANSWERS_AFTER_S: Final = 15.0
"""Less than the client's time-out; an edit comes while the PIM takes so long."""
BELIEVED_WITHIN_S: Final = 20.0
DOCUMENTS: Final = 12
_RAISED: Final = 18
_LOOK_EVERY_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Scenario:
    """*play* asserts; *settings* and *environment* are those of its workers."""

    check: str
    play: Callable[[Run], Awaitable[None]]
    settings: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    patches: tuple[str, ...] = ()
    workers: int = 1


class NotProvoked(Exception):
    """What a scenario is about has not come about: it says nothing of the worker."""


@contextmanager
def preparing() -> Iterator[None]:
    """
    What fails in here is no catch.

    Raises:
        NotProvoked: it has failed.
    """
    try:
        yield
    except AssertionError as error:
        raise NotProvoked(str(error)) from error


async def converges(run: Run) -> None:
    """Fail unless index and PIM agree, and nothing went back."""
    agreement = await settle(run.installation, SETTLES_WITHIN_S)
    assert agreement.is_equal, f"{agreement}: {agreement.examples()}"
    assert not run.sampler.regressions, run.sampler.regressions[0]


async def rearm(run: Run, **environment: str) -> None:
    """Replace all workers by one with another environment."""
    for worker in list(run.fleet.workers):
        await run.fleet.leave(worker)
    worker = run.fleet.start_worker(once=environment)
    await run.fleet.ready(worker)


async def dies(run: Run) -> None:
    """Wait until a worker has died at its point."""
    with preparing():
        await until(
            lambda: any(code == 256 - signal.SIGKILL for _, code in run.fleet.exits),
            within_s=DIES_WITHIN_S,
            otherwise="no worker died",
        )


async def asked(run: Run, fault: str, *, times: int = 1) -> None:
    """Wait until so many requests have come that meet a fault; they may not be answered yet."""

    async def has_hit() -> bool:
        return bool((await run.installation.look("faults"))[fault]["hits"] >= times)

    with preparing():
        await until_true(has_hit, within_s=ASKED_WITHIN_S, otherwise="the PIM was not asked")


async def die_before_the_due_record(run: Run) -> None:
    await rearm(run, **{VARIABLE: "due.before:1"})
    await run.burst.edit(0)
    await dies(run)
    await converges(run)


async def die_with_the_first_unanswered(run: Run) -> None:
    *others, slow = run.burst.plain  # its code is in no other one's path
    await put(run.installation, "faults/latency", seconds=10, path=run.burst.codes[slow])
    await run.burst.edit(slow)
    await asyncio.sleep(1.0)
    for number in others:
        await run.burst.edit(number)
    await asyncio.sleep(4.0)  # commits happen every second
    await run.fleet.kill(run.fleet.workers[0])
    await run.installation.http.delete("/control/faults")
    await converges(run)


async def append_an_older_snapshot(run: Run) -> None:
    code = await run.burst.edit(0)
    with preparing():
        await converges(run)
    older = await first_snapshot(run.installation, code)
    await append(run.installation, older)
    await asyncio.sleep(3.0)
    await converges(run)


async def log_heals(run: Run) -> None:
    await append_an_older_snapshot(run)
    await asyncio.sleep(2.0)
    await converges(run)
    with preparing():
        verdict = await run.judge()
    assert not verdict.evidence.behind, f"an older snapshot is last of {verdict.evidence.behind}"


async def append_after_a_delete(run: Run) -> None:
    installation = run.installation
    async with installation.client() as client:
        await client.indices.put_settings(
            index=f"{installation.prefix}-*", settings={"index.gc_deletes": "1s"}
        )
    code = await run.burst.edit(0)
    with preparing():
        await converges(run)
    older = await first_snapshot(installation, code)
    await installation.control("delete", kind="document", code=code)
    with preparing():
        await converges(run)
    await asyncio.sleep(4.0)
    await append(installation, older)
    await asyncio.sleep(3.0)
    async with installation.client() as client:
        found = await read_all_documents(installation, client)
    id_ = to_id(Kind.DOCUMENT, code)
    visible = [place for place, seen in found.items() if place[1] == id_ and not seen.deleted]
    assert not visible, f"visible again: {visible}"


async def die_after_a_snapshot_that_lags(run: Run) -> None:
    await put(run.installation, "faults/stale", seconds=3.0)
    await asyncio.sleep(4.0)
    await rearm(run, **{VARIABLE: "snapshot.after:1"})
    await run.burst.edit(0)
    await dies(run)  # the next fetch is another one, at the same end, and fresh
    await settle(run.installation, SETTLES_WITHIN_S)
    await run.installation.http.delete("/control/faults")
    await converges(run)
    with preparing():
        verdict = await run.judge()
    assert verdict.evidence.triggers == 0, "an equal version was taken for stale"


async def raise_the_partitions(run: Run) -> None:
    installation = run.installation
    topic = installation.topics.notifications
    await asyncio.to_thread(
        _ask, installation, lambda admin: admin.create_partitions({topic: _RAISED})
    )
    await quindex(installation, "setup")
    await asyncio.sleep(30.0)  # the watchdog looks every 15 s
    for number in range(DOCUMENTS):
        await run.burst.edit(number)
    await converges(run)


async def edit_while_the_pim_answers(run: Run) -> None:
    installation = run.installation
    await put(installation, "faults/latency", seconds=ANSWERS_AFTER_S, path="documents")
    began_s = time.monotonic()  # the request comes later, and its answer later still
    await run.burst.edit(0)
    await asked(run, "latency")
    await run.burst.edit(0)
    with preparing():
        async with asyncio.timeout(ASKED_WITHIN_S):
            await installation.webhooks_idle()
        assert time.monotonic() - began_s < ANSWERS_AFTER_S, "the edit came after the answer"
    await installation.http.delete("/control/faults")
    await converges(run)
    with preparing():
        verdict = await run.judge()
    assert not verdict.evidence.overclaims, verdict.evidence.overclaims[0]


async def leave_in_order(run: Run) -> None:
    for number in range(5):
        await run.burst.edit(number)
    with preparing():
        await until_true(
            lambda: _agrees(run.installation), within_s=SETTLES_WITHIN_S, otherwise="not indexed"
        )
    await run.fleet.leave(run.fleet.workers[0])
    behind = await asyncio.to_thread(_read_behind, run.installation)
    assert behind == 0, f"{behind} records would be read again"


async def join_in_the_quiet_period(run: Run) -> None:
    for number in range(DOCUMENTS):
        await run.burst.edit(number)
        await run.burst.edit(number)
    run.fleet.start_worker()
    await converges(run)


async def deny_for_a_moment(run: Run) -> None:
    await put(run.installation, "faults/status", status=404, path="documents")
    for number in range(DOCUMENTS):
        await run.burst.edit(number)
    await asked(run, "status", times=DOCUMENTS)
    deleted = await _find_deleted(run.installation, within_s=BELIEVED_WITHIN_S)
    await run.installation.http.delete("/control/faults")
    assert not deleted, f"a 404 was believed: {deleted}"


async def answer_503_for_a_moment(run: Run) -> None:
    await put(run.installation, "faults/status", status=503)
    for number in range(3):
        await run.burst.edit(number)
    await asyncio.sleep(5.0)
    await run.installation.http.delete("/control/faults")
    await converges(run)
    topic = run.installation.topics.dead_letters
    letters = await asyncio.to_thread(read_topic, run.installation, topic)
    assert not letters, f"{len(letters)} dead letters"


async def _find_deleted(installation: Installation, *, within_s: float) -> list[str]:
    """Return the ids of tombstones as soon as there are any; none, if there are none in time."""
    deadline_s = time.monotonic() + within_s
    async with installation.client() as client:
        while True:
            is_over = time.monotonic() > deadline_s
            try:
                found = await read_all_documents(installation, client)
            except (ApiError, TransportError):  # it says nothing yet
                if is_over:
                    raise
            else:
                deleted = sorted({id_ for (_, id_), seen in found.items() if seen.deleted})
                if deleted or is_over:
                    return deleted
            await asyncio.sleep(_LOOK_EVERY_S)


async def _agrees(installation: Installation) -> bool:
    """Whether index and PIM agree, whatever is committed."""
    async with installation.client() as client:
        agreement = await compare_with_catalog(installation.http, client, installation.settings)
    return agreement.is_equal


async def first_snapshot(installation: Installation, code: str) -> Lying:
    """Return the oldest snapshot of a document."""
    records = await asyncio.to_thread(read_topic, installation, installation.topics.snapshots)
    key = f"document:{code}".encode()
    return min((each for each in records if each.key == key), key=lambda each: each.offset)


async def append(installation: Installation, snapshot: Lying) -> None:
    """Append a snapshot once more, as a zombie would."""
    await asyncio.to_thread(_append, installation, snapshot)


def _append(installation: Installation, snapshot: Lying) -> None:
    producer = KafkaProducer(bootstrap_servers=installation.kafka)
    try:
        producer.send(
            installation.topics.snapshots,
            key=snapshot.key,
            value=snapshot.value,
            partition=snapshot.partition,
        ).get(timeout=30)
    finally:
        producer.close()


def _ask(installation: Installation, change: Callable[[KafkaAdminClient], Any]) -> None:
    with kafka_admin(installation.settings) as admin:
        change(admin)


def _read_behind(installation: Installation) -> int:
    with kafka_admin(installation.settings) as admin:
        positions = read_positions(admin, installation.topics)
    return sum(position.lag for position in positions.values())


SCENARIOS: Final[Mapping[str, Scenario]] = {
    "acknowledge-first": Scenario(
        "killed between the acknowledgement and the due record: the edit is never indexed",
        die_before_the_due_record,
    ),
    "vanilla-commit": Scenario(
        "killed while the first of several requests is unanswered: its edit is never indexed",
        die_with_the_first_unanswered,
        settings={"QUINDEX_PIM_BATCH_MAX": "1"},
    ),
    "no-version": Scenario(
        "an older snapshot appended after a newer one: version and revision go down",
        append_an_older_snapshot,
    ),
    "real-deletes": Scenario(
        "an older snapshot appended after a delete that Elasticsearch forgot: visible again",
        append_after_a_delete,
    ),
    "strict-version": Scenario(
        "fetched again at the same end, since a worker died after its snapshot: taken for stale",
        die_after_a_snapshot_that_lags,
    ),
    "epoch-at-start": Scenario(
        "partitions raised under running workers: edits are not indexed",
        raise_the_partitions,
    ),
    "end-after-request": Scenario(
        "an edit while the PIM answers: a snapshot claims to cover what came after its request",
        edit_while_the_pim_answers,
        settings={"QUINDEX_PIM_BATCH_MAX": "1"},
    ),
    "no-final-commit": Scenario(
        "a worker that leaves in order: what it has done is read again",
        leave_in_order,
        patches=("commit-rarely",),
    ),
    "no-redelivery": Scenario(
        "a worker joins in the quiet period: what was held is never indexed",
        join_in_the_quiet_period,
        settings={"QUINDEX_QUIET_S": "6", "QUINDEX_DELAY_MAX_S": "15", "QUINDEX_LEAD_S": "6"},
    ),
    "believe-every-404": Scenario(
        "the PIM answers 404 for some seconds: documents vanish",
        deny_for_a_moment,
    ),
    "dead-letter-on-503": Scenario(
        "the PIM answers 503 for some seconds: dead letters, and edits are not indexed",
        answer_503_for_a_moment,
    ),
    "no-healing": Scenario(
        "an older snapshot appended last: it stays the one that compaction keeps",
        log_heals,
    ),
}
