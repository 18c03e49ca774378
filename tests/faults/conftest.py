"""Scenarios: coroutine tests of this folder, which run side by side (lab.py)."""

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.choose import Servers
from tests.faults.lab import Lab


@pytest.fixture(scope="session")
def lab(
    request: pytest.FixtureRequest,
    servers: Servers,
    tmp_path_factory: pytest.TempPathFactory,
    pytestconfig: pytest.Config,
) -> Iterator[Lab]:
    """Where scenarios run; all that were chosen start now, the others wait for theirs."""
    lab = Lab(servers, tmp_path_factory.mktemp("faults"))
    try:
        lab.start(
            {
                item.nodeid: item.obj(lab, **to_parameters(item))
                for item in request.session.items
                if isinstance(item, pytest.Function) and is_scenario(item)
            }
        )
        yield lab
    finally:
        lab.close()
        terminal = pytestconfig.get_terminal_writer()
        capture = pytestconfig.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            for name, seconds in lab.seconds.items():
                terminal.line(f"\n{seconds:5.0f} s  {name}")
            for line in lab.said:
                terminal.line(f"\n{line}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Put scenarios last, and let pass what kafka-python leaves open when a broker goes away.

    Once the first has started, all run in a thread beside the tests, and draw numbers there:
    Hypothesis, which replays examples with the same ones, would take that for a flaky test.
    """
    items.sort(key=lambda item: "lab" in getattr(item, "fixturenames", ()))
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(
                pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
            )


def is_scenario(item: pytest.Function) -> bool:
    return inspect.iscoroutinefunction(item.obj)


def to_parameters(item: pytest.Function) -> dict[str, object]:
    return dict(item.callspec.params) if hasattr(item, "callspec") else {}


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Wait for a scenario instead of calling it."""
    if not is_scenario(pyfuncitem):
        return None
    lab = pyfuncitem.funcargs["lab"]
    assert isinstance(lab, Lab)
    lab.wait(pyfuncitem.nodeid)
    return True
