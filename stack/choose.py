"""
Which servers a test run gets, from the top:

1. QUINDEX_TEST_KAFKA and QUINDEX_TEST_ELASTICSEARCH name servers that someone started;
2. QUINDEX_TEST_STACK=containers: the official images, where a Docker engine answers;
3. child processes (stack/local.py), which need nothing but Python.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum

from runtime.errors import SettingsInvalid, Unreachable
from stack.cache import Cache, cache_folder
from stack.local import LocalStack
from stack.say import Say, say_on_stderr


class Rung(Enum):
    """The value is what the run says about it."""

    NAMED = "the servers that QUINDEX_TEST_KAFKA and QUINDEX_TEST_ELASTICSEARCH name"
    CONTAINERS = "containers, by testcontainers"
    LOCAL = "child processes of this run"


@dataclass(frozen=True, slots=True)
class Servers:
    kafka: str
    elasticsearch: str
    rung: Rung


def choose_rung(environment: Mapping[str, str]) -> Rung:
    """
    Raises:
        SettingsInvalid: only one of both servers is named, or the kind of stack is unknown.
    """
    named = [bool(environment.get(f"QUINDEX_TEST_{it}")) for it in ("KAFKA", "ELASTICSEARCH")]
    if all(named):
        return Rung.NAMED
    if any(named):
        raise SettingsInvalid(
            "QUINDEX_TEST_KAFKA and QUINDEX_TEST_ELASTICSEARCH go together: set both, or neither "
            "for servers that the run starts itself."
        )
    kind = environment.get("QUINDEX_TEST_STACK") or "local"
    if kind not in {"local", "containers"}:
        raise SettingsInvalid(f"QUINDEX_TEST_STACK is {kind!r}: it can be local or containers.")
    return Rung.LOCAL if kind == "local" else Rung.CONTAINERS


@contextmanager
def open_servers(environment: Mapping[str, str], say: Say = say_on_stderr) -> Iterator[Servers]:
    """
    Start what the rung needs, hand it out, and stop it.

    Raises:
        OperatorError: a server cannot be started or does not answer; tests must fail then.
    """
    rung = choose_rung(environment)
    if rung is Rung.NAMED:
        yield Servers(
            environment["QUINDEX_TEST_KAFKA"], environment["QUINDEX_TEST_ELASTICSEARCH"], rung
        )
        return
    if rung is Rung.LOCAL:
        with LocalStack(cache=Cache(cache_folder(environment), say)) as local:
            yield Servers(local.kafka, local.elasticsearch, rung)
        return

    from stack.containers import ContainerStack, engine_answers  # noqa: PLC0415  # developers only

    if not engine_answers():
        raise Unreachable(
            "No Docker engine answers, and QUINDEX_TEST_STACK=containers needs one. "
            "Start it, or unset that variable: the run then starts both servers itself."
        )
    with ContainerStack() as containers:
        yield Servers(containers.kafka, containers.elasticsearch, rung)
