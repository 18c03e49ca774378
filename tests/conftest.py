"""What all tests share."""

import os
import warnings
from collections.abc import Iterator

import pytest

with warnings.catch_warnings():
    # kafka-python reads its schemas by functions that Python 3.11 and 3.12 call deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from stack.choose import Servers, choose_rung, open_servers


def pytest_report_header() -> str:
    return f"servers: {choose_rung(os.environ).value}"


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    """A real Kafka and a real Elasticsearch; if they cannot be had, the tests fail."""
    terminal = request.config.get_terminal_writer()
    with open_servers(os.environ, say=terminal.line) as opened:
        yield opened
