"""The fixture that every test on real servers uses."""

import pytest

from stack.choose import Servers
from stack.readiness import elasticsearch_answers, kafka_answers


@pytest.mark.stack
def test_the_servers_of_the_run_answer(servers: Servers) -> None:
    assert kafka_answers(servers.kafka)
    assert elasticsearch_answers(servers.elasticsearch)


def test_nothing_answers_where_nothing_listens() -> None:
    assert not kafka_answers("127.0.0.1:1")
    assert not elasticsearch_answers("http://127.0.0.1:1")
