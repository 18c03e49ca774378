"""What all tests share."""

import os
import signal
import warnings
from collections.abc import Iterator

import pytest
from hypothesis import settings

with warnings.catch_warnings():
    # kafka-python reads its schemas by functions that Python 3.11 and 3.12 call deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    from stack.choose import Servers, open_servers


# A shared machine is slow at times; and CI finds the same examples every time, so that what it
# says is about the change. Elsewhere each run looks for new ones.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")

# A shell ignores Ctrl-C for what it runs in the background, and so would all that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Iterator[Servers]:
    """A real Kafka and a real Elasticsearch; if they cannot be had, the tests fail."""
    terminal = pytestconfig.get_terminal_writer()
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")

    def say(line: str) -> None:
        with capture.global_and_fixture_disabled():
            terminal.line(f"\n{line}")

    with open_servers(os.environ, say) as opened:
        say(f"servers: {opened.rung.value}, {opened.kafka} and {opened.elasticsearch}")
        yield opened
