import signal
import socket
import subprocess
import sys

import httpx
import pytest

from runtime.errors import Refused, SettingsInvalid, Unreachable
from simulator.quota import QUABLE_WINDOWS, Window
from simulator.server import ServerOptions, parse_options, serve

OPTIONS: dict[str, object] = {
    "host": "127.0.0.1",
    "port": 0,
    "documents": 3,
    "locales": "fr_FR, fr_BE",
    "fallbacks": "fr_BE:fr_FR",
    "seed": 1,
    "token": "token",
    "read_token": None,
    "webhook_url": None,
    "webhook_authorization": None,
    "webhook_in_flight": 8,
    "webhook_counting": "webhook",
    "time_scale": 60.0,
    "quotas": (),
}


def options(**changed: object) -> ServerOptions:
    return parse_options({**OPTIONS, **changed})


def test_lists_are_comma_separated() -> None:
    parsed = options(quotas=("10/1", "100/60"))

    assert parsed.locales == ("fr_FR", "fr_BE")
    assert parsed.fallbacks == {"fr_BE": "fr_FR"}
    assert parsed.quotas == (Window(10, 1.0), Window(100, 60.0))
    assert options().quotas == QUABLE_WINDOWS


def test_all_mistakes_are_told_together() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        options(fallbacks="fr_BE", quotas=("many",))

    assert "--fallbacks" in str(caught.value)
    assert "requests/seconds" in str(caught.value)


@pytest.mark.parametrize("quota", ["6000/0", "6000/-1", "-1/600", "6000/nan", "6000/inf", "6000"])
def test_a_quota_that_is_no_window_is_a_mistake(quota: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"--quota: .*requests/seconds"):
        options(quotas=(quota,))


def test_fallbacks_in_a_circle_are_a_mistake_of_the_settings() -> None:
    with pytest.raises(SettingsInvalid, match="circle"):
        serve(options(fallbacks="fr_BE:fr_FR,fr_FR:fr_BE"), announce=print)


def test_a_port_in_use_is_told_with_what_to_do() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(Refused, match="--port"),
    ):
        serve(options(port=taken.getsockname()[1]), announce=print)


def test_an_address_of_another_machine_is_told_with_what_to_do() -> None:
    with pytest.raises(Unreachable, match="--host"):
        serve(options(host="192.0.2.1"), announce=print)


def test_an_address_of_ipv6_is_told_as_a_url_has_it() -> None:
    with pytest.raises(Unreachable, match=r"listen on \[2001:db8::1\]:0: "):
        serve(options(host="2001:db8::1"), announce=print)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_when_it_is_ready_and_ends_on_a_signal(number: signal.Signals) -> None:
    arguments = [sys.executable, "-m", "ops", "simulator", "--port", "0", "--documents", "3"]
    with subprocess.Popen(  # noqa: S603 - our own command
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines = [process.stdout.readline() for _ in range(3)]
        base = lines[0].split()[-1]
        headers = {"Authorization": "Bearer simulator-token"}
        with httpx.Client(trust_env=False) as client:
            collection = client.get(f"{base}documents", headers=headers).json()
            client.put(f"{lines[1].split()[-1]}faults/reset", json={}).raise_for_status()
            with pytest.raises(httpx.RemoteProtocolError):
                client.get(f"{base}documents", headers=headers)
        process.send_signal(number)

        assert process.wait(timeout=10) == 0
        assert process.stderr.read() == ""
    assert collection["hydra:totalItems"] == 3
    assert lines[2].startswith("webhook to")
