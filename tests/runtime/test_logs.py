"""Log lines: JSON for machines, readable ones on a terminal."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from runtime.logs import configure_logs, get_logger
from tests.ops.hostile import HOSTILE


class Terminal(io.StringIO):
    """A stream that says that a person reads it."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_piped_line_is_one_json_object() -> None:
    stream = io.StringIO()
    configure_logs(stream=stream)
    get_logger("streams.example").info("document.written", key="document:é\n", version=3)

    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "document.written",
        "key": "document:é\n",
        "version": 3,
        "level": "info",
        "logger": "streams.example",
    }


def test_lines_of_libraries_have_the_same_shape() -> None:
    stream = io.StringIO()
    configure_logs(stream=stream)
    logging.getLogger("somebody.else").warning("lost %d", 3)
    logging.getLogger("somebody.else").info("chatter")

    (line,) = lines(stream)
    assert (line["event"], line["level"], line["logger"]) == ("lost 3", "warning", "somebody.else")


def test_an_exception_is_a_field_of_its_line() -> None:
    stream = io.StringIO()
    configure_logs(stream=stream)
    try:
        int("broken")
    except ValueError:
        get_logger("streams.example").exception("fetch.failed")

    (line,) = lines(stream)
    assert "ValueError: invalid literal" in line["exception"]


def test_a_value_that_json_does_not_know_is_still_logged() -> None:
    stream = io.StringIO()
    configure_logs(stream=stream)
    get_logger("streams.example").info("x", value={1, 2}, body=b"\xff")

    (line,) = lines(stream)
    assert (line["value"], line["body"]) == ("{1, 2}", "b'\\xff'")


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_stays_text(text: str) -> None:
    piped, terminal = io.StringIO(), Terminal()
    for stream in (piped, terminal):
        configure_logs(stream=stream, environ={"NO_COLOR": "1"})
        get_logger("streams.example").info("document.written", key=text, keys=[text])
        logging.getLogger("somebody.else").warning("lost %s", text)
        said = stream.getvalue()
        assert {char for char in said if not char.isprintable()} == {"\n"}
        assert len(said.splitlines()) == 2
        said.encode()

    assert [line.get("key") for line in lines(piped)] == [text, None]
    assert lines(piped)[0]["keys"] == [text]


@pytest.mark.parametrize("module", ["ingress", "ops", "pim", "sinks", "streams", "topics"])
def test_the_level_is_that_of_all_our_modules(module: str) -> None:
    stream = io.StringIO()
    configure_logs(stream=stream, level="debug")
    get_logger(f"{module}.example").debug("seen")
    configure_logs(stream=stream, level="warning")
    get_logger(f"{module}.example").info("not seen")

    assert [line["event"] for line in lines(stream)] == ["seen"]


@pytest.mark.parametrize(
    "library", ["kafka.net.selector", "aiokafka.consumer.group_coordinator", "elastic_transport"]
)
def test_warnings_of_libraries_that_cry_wolf_are_left_out(library: str) -> None:
    stream = io.StringIO()
    configure_logs(stream=stream)
    logging.getLogger(library).warning("as always")
    logging.getLogger(library).error("broken")

    assert [line["event"] for line in lines(stream)] == ["broken"]


def test_piped_lines_have_no_colour_and_a_terminal_has() -> None:
    piped, terminal = io.StringIO(), Terminal()
    configure_logs(stream=piped, json=False)
    get_logger("streams.example").info("document.written", key="a")
    configure_logs(stream=terminal)
    get_logger("streams.example").info("document.written", key="a")

    assert "document.written" in piped.getvalue()
    assert "\x1b" not in piped.getvalue()
    assert "\x1b" in terminal.getvalue()


def test_a_terminal_has_no_colour_where_nobody_wants_it() -> None:
    terminal = Terminal()
    configure_logs(stream=terminal, environ={"NO_COLOR": "1"})
    get_logger("streams.example").info("document.written", key="a")

    assert "document.written" in terminal.getvalue()
    assert "\x1b" not in terminal.getvalue()


def test_json_can_be_had_on_a_terminal_too() -> None:
    stream = Terminal()
    configure_logs(stream=stream, json=True)
    get_logger("streams.example").info("document.written")

    assert lines(stream)[0]["event"] == "document.written"


def test_a_library_that_repeats_itself_is_heard_once() -> None:
    stream = io.StringIO()
    configure_logs(stream=stream)
    for node in range(500):
        logging.getLogger("aiokafka").error("Unable connect to node with id %s", node)
        get_logger("streams.example").info("resource.fetched", key=f"document:{node}")

    events = [line["event"] for line in lines(stream)]
    assert events.count("Unable connect to node with id 0") == 1
    assert events.count("resource.fetched") == 500
    assert len(events) == 501


def test_configuring_again_does_not_repeat_lines() -> None:
    stream = io.StringIO()
    configure_logs(stream=stream)
    configure_logs(stream=stream)
    get_logger("streams.example").info("once")

    assert len(lines(stream)) == 1
