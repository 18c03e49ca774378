from collections.abc import Iterator

import pytest

from stack.choose import Servers
from tests.sinks.cluster import Cluster, open_cluster


@pytest.fixture
def cluster(servers: Servers) -> Iterator[Cluster]:
    with open_cluster(servers.elasticsearch) as opened:
        yield opened
