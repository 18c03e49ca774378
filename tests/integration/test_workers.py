"""Several workers: they share the partitions, and one may go at any moment."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from stack.child import Child
from stack.choose import Servers
from tests.eventually import eventually
from tests.integration.sites import Site, open_site, to_installation

pytestmark = pytest.mark.stack

DOCUMENTS = 500
REBALANCED_WITHIN_S = 60
STOPPED_WITHIN_S = 30
EXIT_KILLED = 256 - signal.SIGKILL


@pytest.fixture(scope="module")
def site(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    installation = to_installation(
        servers.kafka,
        servers.elasticsearch,
        tmp_path_factory.mktemp("workers"),
        documents=DOCUMENTS,
        more={"QUINDEX_SESSION_TIMEOUT_S": "6", "QUINDEX_KINDS": "document"},
    )
    with open_site(installation) as opened:
        yield opened


@pytest.fixture
def workers(site: Site) -> list[Child]:
    """Two workers that share the partitions."""
    running = [worker for worker in site.installation.workers if worker.is_running]
    while len(running) < 2:
        running.append(site.installation.start_worker())
    eventually(lambda: len(shares(site)) == 2, within_s=REBALANCED_WITHIN_S)
    return running


def shares(site: Site) -> list[dict[str, list[int]]]:
    """Return the partitions of each member by topic; none while they are handed out."""
    prefix = site.installation.prefix
    group = site.ask_kafka(lambda admin: admin.describe_groups([prefix]))[prefix]
    if group["group_state"] != "Stable":
        return []
    return [to_share(member) for member in group["members"]]


def to_share(member: Any) -> dict[str, list[int]]:
    assigned = member["member_assignment"]["assigned_partitions"]
    return {each["topic"]: each["partitions"] for each in assigned}


def fetched(worker: Child) -> int:
    """Return how many resources a worker has fetched, as its log tells."""
    return worker.log.read_bytes().count(b"resource.fetched")


@pytest.mark.usefixtures("workers")
def test_two_workers_share_the_partitions(site: Site) -> None:
    topics = site.installation.topics
    held = shares(site)

    for topic in (topics.notifications, topics.snapshots):
        assert sorted(partition for share in held for partition in share[topic]) == [*range(12)]
        assert all(share[topic] for share in held)
    assert [share[topics.due] for share in held if topics.due in share] == [[0]]


def test_a_worker_killed_in_the_middle_of_a_bulk_edit_loses_nothing(
    site: Site, workers: list[Child]
) -> None:
    site.run(site.installation.http.put("/control/faults/latency", json={"seconds": 0.5}))
    site.control("bulk-edit", documents=DOCUMENTS)
    before = {worker: fetched(worker) for worker in workers}
    eventually(lambda: any(fetched(it) > before[it] for it in workers), within_s=60)
    owner = next(worker for worker in workers if fetched(worker) > before[worker])
    owner.kill()
    site.installation.start_worker()
    site.run(site.installation.http.delete("/control/faults"))

    assert owner.wait(0) == EXIT_KILLED
    assert 0 < fetched(owner) - before[owner] < DOCUMENTS
    site.assert_converges()


def test_a_worker_told_to_stop_in_the_middle_of_a_burst_ends_in_order_and_loses_nothing(
    site: Site, workers: list[Child]
) -> None:
    ends = site.ends(site.installation.topics.notifications)
    site.control("bulk-edit", documents=DOCUMENTS, repeat=2)
    eventually(
        lambda: site.ends(site.installation.topics.notifications) > ends + DOCUMENTS // 2,
        within_s=60,
    )
    arrived = site.ends(site.installation.topics.notifications) - ends
    exit_code = workers[0].stop(within_s=STOPPED_WITHIN_S)

    assert arrived < 2 * DOCUMENTS
    assert exit_code == 0, workers[0].log_tail()
    site.assert_converges()
