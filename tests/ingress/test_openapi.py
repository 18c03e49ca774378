"""The description says what the applications answer, and nothing else."""

from pathlib import Path

import pytest
import yaml
from starlette.applications import Starlette
from starlette.routing import Route

from ingress.app import PATH
from ingress.operations import create_operations_app

DESCRIPTION = Path(__file__).parents[2] / "docs" / "ingress.openapi.yaml"


@pytest.fixture
def paths() -> dict[str, dict[str, object]]:
    described: dict[str, dict[str, dict[str, object]]] = yaml.safe_load(DESCRIPTION.read_text())
    return described["paths"]


def test_every_path_is_described(paths: dict[str, dict[str, object]]) -> None:
    operations: Starlette = create_operations_app(dict)

    of_operations = {route.path for route in operations.routes if isinstance(route, Route)}
    assert set(paths) == {PATH, *of_operations}


def test_every_answer_to_a_call_is_described(paths: dict[str, dict[str, object]]) -> None:
    call = paths[PATH]["post"]

    assert isinstance(call, dict)
    assert set(call["responses"]) == {"202", "400", "401", "503"}
