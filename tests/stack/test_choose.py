import pytest

from runtime.errors import SettingsInvalid
from stack.choose import Rung, choose_rung, open_servers

NAMED = {"QUINDEX_TEST_KAFKA": "k:1", "QUINDEX_TEST_ELASTICSEARCH": "http://e:2"}


def test_named_servers_come_first() -> None:
    assert choose_rung({**NAMED, "QUINDEX_TEST_STACK": "containers"}) is Rung.NAMED
    with open_servers(NAMED) as servers:
        assert (servers.kafka, servers.elasticsearch) == ("k:1", "http://e:2")


def test_containers_have_to_be_asked_for() -> None:
    assert choose_rung({"QUINDEX_TEST_STACK": "containers"}) is Rung.CONTAINERS
    assert choose_rung({}) is Rung.LOCAL


@pytest.mark.parametrize(
    "environment",
    [{"QUINDEX_TEST_KAFKA": "k:1"}, {"QUINDEX_TEST_STACK": "docker"}],
)
def test_half_an_answer_is_a_mistake(environment: dict[str, str]) -> None:
    with pytest.raises(SettingsInvalid, match="QUINDEX_TEST_"):
        choose_rung(environment)
