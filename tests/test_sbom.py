"""The bill of materials names what the image installs, and nothing else."""

import json
import re
import runpy
import subprocess
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
SCRIPT: Final = ROOT / "scripts" / "sbom"


def run() -> str:
    return subprocess.run([SCRIPT], capture_output=True, text=True, check=True).stdout  # noqa: S603  # ours


def test_every_locked_requirement_is_a_component_with_its_hashes() -> None:
    requirements = (ROOT / "requirements.txt").read_text("utf-8")
    bom: dict[str, Any] = json.loads(run())

    locked = dict(re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", requirements, re.MULTILINE))
    assert {each["name"]: each["version"] for each in bom["components"]} == locked
    hashes = [
        file["hashes"][0]["content"]
        for each in bom["components"]
        for file in each["externalReferences"]
    ]
    assert hashes == re.findall(r"sha256:([0-9a-f]{64})", requirements)
    assert bom["specVersion"] == "1.6"
    assert bom["metadata"]["component"]["licenses"] == [{"license": {"id": "Apache-2.0"}}]


def test_it_is_the_same_each_time() -> None:
    assert run() == run()


def test_an_address_of_a_package_is_spelt_as_the_standard_wants_it() -> None:
    to_components = runpy.run_path(str(SCRIPT))["to_components"]
    (component,) = to_components("Some_Thing[extra]==1.2 ; python_version < '3.12' \\\n")

    assert component["purl"] == "pkg:pypi/some-thing@1.2"
    assert component["properties"] == [
        {"name": "python:marker", "value": "python_version < '3.12'"}
    ]
