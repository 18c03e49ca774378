import socket
import subprocess
import sys

import pytest

from runtime.errors import OperatorError
from stack.ports import FREE_PORTS, HOST, check_free, free_port


def test_a_free_port_is_not_one_of_outgoing_connections() -> None:
    assert free_port() in FREE_PORTS


def test_no_port_is_handed_out_twice_though_nobody_listens_yet() -> None:
    command = (
        "from stack.ports import free_port; import sys\n"
        "print(*(free_port() for _ in range(500)), flush=True); sys.stdin.read()"
    )
    arguments = [sys.executable, "-c", command]
    # Both in processes of their own: what is handed out stays open as long as its process.
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:  # noqa: S603  # our own command
        assert first.stdout is not None
        ours = set(map(int, first.stdout.readline().split()))
        done = subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, check=True)  # noqa: S603  # the same
        first.communicate()
    theirs = set(map(int, done.stdout.split()))

    assert len(ours) == len(theirs) == 500
    assert ours.isdisjoint(theirs)


def test_a_taken_port_is_refused_with_what_to_do() -> None:
    with socket.create_server((HOST, free_port())) as other:
        port = other.getsockname()[1]

        with pytest.raises(OperatorError, match=rf"Kafka .* {HOST}:{port}.*--kafka-port"):
            check_free(port, "Kafka")

    check_free(port, "Kafka")
