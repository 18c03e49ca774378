"""Listening sockets."""

import resource

import pytest

from ingress.sockets import PortUnavailable, listen, raise_descriptor_limit, to_address


def test_port_0_means_a_free_one() -> None:
    with listen("127.0.0.1", 0, setting="QUINDEX_OPS") as server:
        host, _, port = to_address(server).partition(":")

    assert host == "127.0.0.1"
    assert int(port) > 0


def test_a_taken_port_says_what_to_do() -> None:
    with listen("127.0.0.1", 0, setting="QUINDEX_OPS") as server:
        port = server.getsockname()[1]
        with pytest.raises(PortUnavailable, match="QUINDEX_INGRESS_HOST") as raised:
            listen("127.0.0.1", port, setting="QUINDEX_INGRESS")

    assert "set another port" in str(raised.value)


def test_a_host_that_is_not_ours_says_what_to_do() -> None:
    with pytest.raises(PortUnavailable, match="QUINDEX_OPS_HOST"):
        listen("host.invalid", 1, setting="QUINDEX_OPS")


def test_an_ipv6_address_is_bracketed() -> None:
    with listen("::1", 0, setting="QUINDEX_OPS") as server:
        assert to_address(server).startswith("[::1]:")


def test_the_limit_of_descriptors_only_rises() -> None:
    before, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    raise_descriptor_limit()

    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= before
