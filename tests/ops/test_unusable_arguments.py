"""Arguments that name nothing: said as wrong usage, before anything is connected to."""

import pytest
from click.testing import CliRunner

from ops.doctor import check_address
from ops.doctor import command as doctor
from ops.trigger import command as trigger

USAGE = 2


@pytest.mark.parametrize(
    "url",
    [
        "https://h:99999",
        "https://h:port",
        "https://h:0",
        "hooks.example.org",
        "hooks.example.org:443",
        "//hooks.example.org",
        "http://hooks.example.org",
        "https://",
        "https://[::1",
        "https://hooks..example.org",
        "https://\udcff",
        "",
    ],
)
def test_an_address_that_nobody_can_call_is_wrong_usage(url: str) -> None:
    result = CliRunner().invoke(doctor, ["--url", url])

    assert result.exit_code == USAGE, result.exception
    assert "--url" in result.output
    assert "is not an address such as https://hooks.example.org" in result.output


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.org",
        "https://h:8443/webhooks/quable",
        "https://[::1]",
        "https://été.example",
    ],
)
def test_other_addresses_are_examined(url: str) -> None:
    check_address(url)


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_a_code_that_is_no_text_is_wrong_usage(options: list[str]) -> None:
    result = CliRunner().invoke(trigger, [*options, "a", "\udcff"])  # as Python reads the byte 255

    assert result.exit_code == USAGE, result.exception
    assert "\\udcff is not UTF-8" in result.output
    assert "triggered" not in result.output
