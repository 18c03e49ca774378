"""A server goes away for a while: nothing is lost, and nobody has to do anything."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from stack.local import LocalStack
from stack.ports import HOST
from stack.server import Server
from tests.eventually import eventually
from tests.integration.sites import Site, open_site, to_installation

pytestmark = pytest.mark.stack

DOCUMENTS = 60
READY_WITHIN_S = 120
NOTICED_WITHIN_S = 60
EDITS = {"documents": DOCUMENTS, "repeat": 3}


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    """Servers of its own, since they will be stopped."""
    with LocalStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def site(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    installation = to_installation(
        stack.kafka,
        stack.elasticsearch,
        tmp_path_factory.mktemp("restart"),
        documents=DOCUMENTS,
        more={"QUINDEX_KINDS": "document"},
    )
    with open_site(installation) as opened:
        yield opened


@contextmanager
def stopped(server: Server) -> Iterator[None]:
    """Stop a server, and start it again in the end, with its data and its port."""
    server.stop()
    try:
        yield
    finally:
        server.start()
        server.wait_ready(READY_WITHIN_S)


def called(site: Site) -> int:
    """Return how many webhook calls have been answered with success."""
    return int(site.look("webhook")["notifications"].get("accepted", 0))


def is_reached(site: Site) -> bool:
    """Return whether the ingress puts its calls on Kafka, as it says itself."""
    answer = httpx.get(f"http://{HOST}:{site.installation.ops_port}/readyz")
    return bool(answer.json()["kafka"])


def test_calls_are_accepted_while_kafka_is_away_and_all_arrive(
    site: Site, stack: LocalStack
) -> None:
    with stopped(stack.kafka_server):
        done = site.control("bulk-edit", **EDITS)
        eventually(lambda: called(site) >= done["notifications"], within_s=NOTICED_WITHIN_S)
        told = site.look("webhook")

        assert told["notifications"] == {"accepted": done["notifications"]}
        assert told["calls"]["total"] == done["notifications"]  # each at the first attempt
        assert not is_reached(site)
    site.assert_converges()
    eventually(lambda: is_reached(site), within_s=NOTICED_WITHIN_S)
    assert site.ends(site.installation.topics.notifications) >= done["notifications"]


def test_what_changed_while_elasticsearch_was_away_can_be_searched_once_it_is_back(
    site: Site, stack: LocalStack
) -> None:
    snapshots = site.installation.topics.snapshots
    before = site.ends(snapshots)
    with stopped(stack.elasticsearch_server):
        site.control("bulk-edit", **EDITS)
        eventually(lambda: site.ends(snapshots) >= before + DOCUMENTS, within_s=NOTICED_WITHIN_S)

        assert sum(position.lag for position in site.positions().values()) >= DOCUMENTS
    site.assert_converges()


def test_the_worker_is_still_the_same(site: Site) -> None:
    (worker,) = site.installation.workers

    assert worker.is_running, worker.log_tail()
