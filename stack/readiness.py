"""Whether a server does what it is there for. An open port alone says little."""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

ANSWER_WITHIN_S = 3.0


def kafka_answers(address: str) -> bool:
    """Whether the broker at *address* (host:port) knows its cluster."""
    if not _accepts(address):
        return False
    within_ms = int(ANSWER_WITHIN_S * 1000)
    with _silent("kafka"):
        try:
            admin = KafkaAdminClient(
                bootstrap_servers=address,
                bootstrap_timeout_ms=within_ms,
                request_timeout_ms=within_ms,
            )
            try:
                return bool(admin.describe_cluster()["brokers"])
            finally:
                admin.close()
        except KafkaError:
            return False


def elasticsearch_answers(url: str) -> bool:
    """Whether the node at *url* has a master and all that it stored at hand."""
    try:
        answer = httpx.get(f"{url}/_cluster/health", timeout=ANSWER_WITHIN_S, trust_env=False)
    except httpx.TransportError:
        return False
    return answer.is_success and answer.json()["status"] != "red"


def _accepts(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=ANSWER_WITHIN_S):
            return True
    except OSError:
        return False


@contextmanager
def _silent(name: str) -> Iterator[None]:
    """A server that is still starting is expected here, and no reason for warnings."""
    log = logging.getLogger(name)
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)
