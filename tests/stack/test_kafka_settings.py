import tomllib

from stack.cache import LOCKS
from stack.containers import to_environment
from stack.kafka import to_properties, to_settings


def test_a_broker_listens_where_it_says_it_does() -> None:
    settings = to_settings(listens="127.0.0.1:1", advertised="127.0.0.1:1", controller="h:2")

    assert settings["listeners"] == "PLAINTEXT://127.0.0.1:1,CONTROLLER://h:2"
    assert settings["advertised.listeners"] == "PLAINTEXT://127.0.0.1:1"
    assert settings["controller.quorum.voters"] == "1@h:2"
    assert settings["auto.create.topics.enable"] == "false"


def test_properties_are_one_a_line() -> None:
    assert to_properties({"a.b": "1", "log.dirs": "/x y\\z"}) == "a.b=1\nlog.dirs=/x y\\\\z\n"


def test_a_container_gets_the_same_settings_as_variables() -> None:
    environment = to_environment("127.0.0.1:1")

    assert environment["KAFKA_ADVERTISED_LISTENERS"] == "PLAINTEXT://127.0.0.1:1"
    assert environment["KAFKA_LISTENERS"] == "PLAINTEXT://:9092,CONTROLLER://localhost:9093"
    assert environment["KAFKA_MESSAGE_MAX_BYTES"] == str(16 * 2**20)


def test_every_locked_jar_has_its_checksum_and_no_address() -> None:
    for lock in LOCKS.glob("*.lock.toml"):
        assert "://" not in lock.read_text()
        assert all(jar["sha256"] for jar in tomllib.loads(lock.read_text())["dependencies"])
