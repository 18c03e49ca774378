"""The container image and the composed installation, held to what was decided, by reading them."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.simulator import command as simulator
from runtime.settings import Settings, to_variable

ROOT = Path(__file__).parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = ("simulator", "setup", "ingress", "worker")
DOCKERFILE = (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("name", OURS)
def test_our_processes_have_no_more_rights_than_they_need(name: str) -> None:
    service = SERVICES[name]

    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", ["kafka", "elasticsearch", "simulator", "ingress"])
def test_what_others_wait_for_has_a_health_check(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]


def test_setup_runs_once_before_the_rest() -> None:
    assert SERVICES["setup"]["restart"] == "no"
    assert {each["condition"] for each in SERVICES["setup"]["depends_on"].values()} == {
        "service_healthy"
    }
    for name in ("ingress", "worker"):
        condition = SERVICES[name]["depends_on"]["setup"]["condition"]
        assert condition == "service_completed_successfully"


def test_workers_can_be_scaled() -> None:
    assert "container_name" not in SERVICES["worker"]
    assert "ports" not in SERVICES["worker"]
    assert SERVICES["worker"]["stop_grace_period"] == "35s"


def test_nothing_is_published_beyond_this_machine() -> None:
    for service in SERVICES.values():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")


def test_settings_of_a_file_env_reach_what_reads_settings() -> None:
    for name in ("setup", "ingress", "worker"):
        assert SERVICES[name]["env_file"] == [{"path": ".env", "required": False}]
    assert SERVICES["simulator"]["env_file"] == []
    assert SERVICES["simulator"]["environment"] == {}


def test_the_file_env_does_not_decide_where_the_servers_are() -> None:
    for name in ("setup", "ingress", "worker"):
        environment = SERVICES[name]["environment"]
        assert environment["QUINDEX_KAFKA"] == "kafka:9092"
        assert environment["QUINDEX_ELASTICSEARCH"] == "http://elasticsearch:9200"


def test_the_health_checks_ask_what_the_processes_answer() -> None:
    ingress = SERVICES["ingress"]
    assert f":{ingress['environment']['QUINDEX_OPS_PORT']}/readyz" in str(ingress["healthcheck"])
    assert ":8190/control/idle" in str(SERVICES["simulator"]["healthcheck"])
    assert SERVICES["simulator"]["command"][0] == "simulator"
    assert "--host=0.0.0.0" in SERVICES["simulator"]["command"]


def test_the_simulator_takes_the_options_that_it_is_given() -> None:
    words = [word.partition("=")[0] for word in SERVICES["simulator"]["command"][1:]]
    known = {option for each in simulator.params for option in each.opts}

    assert set(words) <= known


def test_data_outlives_the_containers() -> None:
    assert set(COMPOSE["volumes"]) == {"kafka", "elasticsearch", "spool"}


@pytest.mark.parametrize(
    ("service", "lock", "artifact"),
    [
        ("kafka", "stack/jars/kafka", "kafka_2.13"),
        ("elasticsearch", "stack/jars/elasticsearch", "elasticsearch"),
    ],
)
def test_the_servers_are_those_of_the_tests(service: str, lock: str, artifact: str) -> None:
    version = SERVICES[service]["image"].rpartition(":")[2]
    locked = "\n".join(
        path.read_text() for path in ROOT.glob("stack/jars/**/*.toml") if lock in str(path)
    )

    assert re.search(rf"{re.escape(artifact)}\W.{{0,200}}?{re.escape(version)}", locked, re.DOTALL)


def test_every_variable_is_a_setting() -> None:
    names = set(re.findall(r"\bQUINDEX_\w+", (ROOT / "docker-compose.yml").read_text()))

    assert names <= {to_variable(name) for name in Settings.model_fields}


def test_the_example_of_an_env_file_names_settings() -> None:
    names = set(re.findall(r"^(QUINDEX_\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert names <= {to_variable(name) for name in Settings.model_fields}


def test_the_image_is_pinned_and_does_not_run_as_root() -> None:
    bases = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)

    assert bases == ["${BASE}", "${BASE}"]
    assert re.search(r"^ARG BASE=python:3\.13-slim-\w+(@sha256:\w{64})?$", DOCKERFILE, re.MULTILINE)
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    assert DOCKERFILE.count("--require-hashes") == 2


def test_the_image_holds_every_package() -> None:
    copied = set(re.findall(r"^COPY (\w+) \1$", DOCKERFILE, re.MULTILINE))
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}

    assert copied == packages
    kept = set(re.findall(r"^!(\w+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert packages <= kept
