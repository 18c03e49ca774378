"""What the layout promises: imports point one way, pure files stay pure, nothing is tied to a machine."""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]

SEES: Final[Mapping[str, frozenset[str]]] = {
    "runtime": frozenset(),
    "pim": frozenset({"runtime"}),
    "topics": frozenset({"runtime", "pim"}),
    "sinks": frozenset({"runtime", "pim", "topics"}),
    "streams": frozenset({"runtime", "pim", "topics", "sinks"}),
    "ingress": frozenset({"runtime", "pim", "topics"}),
    "simulator": frozenset({"runtime", "pim"}),
    "stack": frozenset({"runtime"}),
    "ops": frozenset(
        {"runtime", "pim", "topics", "sinks", "streams", "ingress", "simulator", "stack"}
    ),
}
"""Which folders each folder may import, beside itself."""

PURE: Final = frozenset(
    {
        *("ingress/accepted.py", "ingress/authorization.py", "ingress/body.py"),
        *("ingress/breaker.py", "ingress/frames.py", "ingress/judgement.py"),
        "ops/checks.py",
        *("ops/facts.py", "ops/letter.py", "ops/life.py", "ops/side_by_side.py", "ops/spoken.py"),
        *("ops/letter_lines.py", "ops/noticed.py", "ops/seen.py"),
        *("ops/pages/access.py", "ops/pages/charts.py", "ops/pages/queries.py"),
        "ops/pages/suggesting.py",
        *("ops/story.py", "ops/terminal.py", "ops/verdict.py"),
        *("pim/answers.py", "pim/bodies.py", "pim/cuts.py", "pim/gate.py", "pim/kinds.py"),
        *("pim/notifications.py", "pim/pace.py", "pim/pages.py", "pim/retries.py", "pim/urls.py"),
        "pim/webhooks.py",
        *("runtime/clock.py", "runtime/doubling.py", "runtime/errors.py"),
        *("simulator/answers.py", "simulator/behaviour.py", "simulator/catalog.py"),
        *("simulator/changes.py", "simulator/control_bodies.py", "simulator/delivery.py"),
        *("simulator/drawing.py", "simulator/edits.py", "simulator/entries.py"),
        *("simulator/events.py", "simulator/faults.py", "simulator/garments.py"),
        *("simulator/hydra.py", "simulator/instance.py", "simulator/listing.py"),
        *("simulator/locales.py", "simulator/model.py", "simulator/notifications.py"),
        *("simulator/past.py", "simulator/quota.py", "simulator/reading.py"),
        *("simulator/schema.py", "simulator/seeding.py", "simulator/special_codes.py"),
        *("simulator/subscription.py", "simulator/vocabulary.py", "simulator/wording.py"),
        *("sinks/analyzers.py", "sinks/attribute_rules.py", "sinks/attribute_types.py"),
        *("sinks/backoff.py", "sinks/batches.py", "sinks/bulk.py", "sinks/classified.py"),
        *("sinks/comparison.py", "sinks/documents.py", "sinks/fallbacks.py", "sinks/fields.py"),
        *("sinks/found.py", "sinks/held.py", "sinks/late.py", "sinks/mappings.py"),
        *("sinks/markup.py", "sinks/memory.py", "sinks/plan.py"),
        *("sinks/moments.py", "sinks/relations.py", "sinks/searching.py", "sinks/values.py"),
        *("sinks/verdicts.py", "sinks/writes.py"),
        *("streams/debounce.py", "streams/epochs.py", "streams/fetch_queue.py"),
        *("streams/grants.py", "streams/kept.py", "streams/ledger.py", "streams/missing.py"),
        *("streams/offset_trust.py", "streams/quota.py", "streams/replaying.py"),
        "streams/scan_budget.py",
        *("streams/scan_patience.py", "streams/scan_queue.py", "streams/scan_steps.py"),
        *("streams/stage.py", "streams/stall.py", "streams/webhook_silence.py"),
        *("topics/audit.py", "topics/control.py", "topics/due.py", "topics/end_offsets.py"),
        *("topics/grants.py", "topics/processes.py"),
        *("topics/layout.py", "topics/names.py", "topics/notifications.py", "topics/records.py"),
        "topics/letter_breaker.py",
        *("topics/reference.py", "topics/scans.py", "topics/silence.py", "topics/snapshots.py"),
        "topics/versions.py",
    }
)
"""
Files that decide and do no I/O. They import each other, what does no I/O of the standard library,
pydantic, and orjson, which is to bytes what json is to text. topics/dead_letters.py is not one of
them, since a class beside its pure function appends: judgement.py may have that function all the
same.
"""

PURE_PACKAGES: Final = frozenset({"pydantic", "orjson"})
IMPURE_MODULES: Final = frozenset(
    {
        *(
            "asyncio",
            "concurrent",
            "fcntl",
            "http.client",
            "http.server",
            "importlib",
            "io",
            "logging",
            "multiprocessing",
        ),
        *("os", "pathlib", "queue", "select", "selectors", "shutil", "signal", "socket", "sqlite3"),
        *("ssl", "subprocess", "sys", "tempfile", "threading", "time", "urllib.request"),
    }
)
"""Of the standard library: what reaches the machine, waits, or tells the time."""

PURE_FUNCTIONS: Final = frozenset({("topics.dead_letters", "to_dead_letter_headers")})
"""Names that pure files may have of files that are not."""

MOCKS: Final = re.compile(r"unittest(\.| import )mock|\bmonkeypatch\b|\bpytest_mock\b|\bmocker\b")
INDEX_ADDRESS: Final = re.compile(r"https?://|--(extra-)?index-url|--find-links|--trusted-host")
REGISTRIES: Final = re.compile(
    r"\b(?:pypi\.org|pythonhosted\.org|npmjs\.org|anaconda\.org|maven\.apache\.org|maven\.org"
    r"|(?:docker|ghcr|quay|gcr)\.io|docker\.elastic\.co)\b"
)
"""Packages, jars and images come from wherever a machine is configured to take them from."""

MACHINE_PATH: Final = re.compile(r"(?<![\w.$}~-])/(?:home|root|Users|work|mnt)/\w+")
LINES_MAX: Final = 400
EXCUSED: Final[Mapping[str, str]] = {}
"""Files that are longer all the same, each with the reason why it has no split by idea."""

LOCKS: Final = ("requirements.txt", "requirements-dev.txt", "requirements-build.txt")
TEXT_SUFFIXES: Final = frozenset(
    {"", ".py", ".md", ".toml", ".txt", ".yml", ".yaml", ".json", ".conf", ".java", ".cfg"}
)
LEFT_OUT: Final = frozenset({"build", "dist"})


def code_files() -> list[Path]:
    return [path for package in SEES for path in sorted((ROOT / package).rglob("*.py"))]


def text_files() -> Iterator[Path]:
    """All of ours; folders that begin with a dot are tools' and machines', but for CI's."""
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        is_hidden = any(part.startswith(".") and part != ".ci" for part in parts[:-1])
        if is_hidden or LEFT_OUT.intersection(parts) or path.suffix not in TEXT_SUFFIXES:
            continue
        if path.is_file() and path.name not in {".env", ".coverage", ".git"}:
            yield path


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def imports_of(path: Path) -> frozenset[tuple[str, str]]:
    """Return module and name of each import, also of those inside of functions."""
    found: set[tuple[str, str]] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {(alias.name, "") for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)} imports by a relative name"
            found |= {(node.module or "", alias.name) for alias in node.names}
    return frozenset(found)


def to_file(module: str, name: str) -> str:
    """Return the file of ours that an import loads: a module, or a module of a package."""
    inside = ROOT / module.replace(".", "/") / f"{name}.py"
    return name_of(inside) if inside.is_file() else f"{module.replace('.', '/')}.py"


@pytest.mark.parametrize("package", SEES)
def test_imports_point_one_way(package: str) -> None:
    wrong = [
        f"{name_of(path)} imports {module}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for module, _ in sorted(imports_of(path))
        if (other := module.partition(".")[0]) in SEES and other not in SEES[package] | {package}
    ]

    assert wrong == []


def test_nothing_imports_the_tests() -> None:
    assert [
        name_of(path)
        for path in code_files()
        if any(module.partition(".")[0] in {"tests", "bench"} for module, _ in imports_of(path))
    ] == []


def test_only_the_files_of_streams_and_of_a_worker_know_faust() -> None:
    knowing = {
        name_of(path)
        for path in code_files()
        if any(module.partition(".")[0] in {"faust", "mode"} for module, _ in imports_of(path))
    }

    assert knowing == {"streams/app.py", "streams/safe_consumer.py", "streams/watchdog.py"}


def test_the_sinks_know_nothing_of_what_feeds_them() -> None:
    feeding = {"faust", "mode", "aiokafka"}

    assert [
        name_of(path)
        for path in sorted((ROOT / "sinks").rglob("*.py"))
        if any(module.partition(".")[0] in feeding for module, _ in imports_of(path))
    ] == []


def test_the_ingress_needs_neither_faust_nor_elasticsearch_nor_a_client_of_the_pim() -> None:
    foreign = {"faust", "aiokafka", "elasticsearch", "httpx"}

    assert reach_of("ingress/process.py").isdisjoint(foreign)


def reach_of(start: str) -> set[str]:
    """Return the packages that a file imports, itself or by what it imports."""
    seen, packages, left = set[str](), set[str](), [start]
    while left:
        if (file := left.pop()) in seen:
            continue
        seen.add(file)
        for module, name in imports_of(ROOT / file):
            if module.partition(".")[0] in SEES:
                left.append(to_file(module, name))
            else:
                packages.add(module.partition(".")[0])
    return packages


@pytest.mark.parametrize("file", sorted(PURE))
def test_a_pure_file_imports_only_what_does_no_io(file: str) -> None:
    wrong = []
    for module, name in sorted(imports_of(ROOT / file)):
        package = module.partition(".")[0]
        if package in SEES:
            is_pure = to_file(module, name) in PURE or (module, name) in PURE_FUNCTIONS
        elif package in sys.stdlib_module_names:
            is_pure = not {package, module, f"{module}.{name}"} & IMPURE_MODULES
        else:
            is_pure = package in PURE_PACKAGES
        if not is_pure:
            wrong.append(f"{module} {name}".strip())

    assert wrong == []


def test_files_can_be_read_at_a_glance() -> None:
    long = {
        name_of(path): lines
        for path in [*code_files(), *sorted((ROOT / "tests").rglob("*.py"))]
        if (lines := len(path.read_text("utf-8").splitlines())) > LINES_MAX
    }

    assert {name for name in long if name not in EXCUSED} == set(), "is there a split by idea?"
    assert [name for name in EXCUSED if name not in long] == [], "needs no excuse any more"


def test_every_init_file_is_empty() -> None:
    folders = [*SEES, "tests"]

    assert [
        name_of(path)
        for folder in folders
        for path in (ROOT / folder).rglob("__init__.py")
        if path.read_bytes()
    ] == []
    assert [name for name in folders if not (ROOT / name / "__init__.py").is_file()] == []


def test_no_test_patches_anything() -> None:
    patching = [
        name_of(path)
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if path != Path(__file__) and MOCKS.search(path.read_text("utf-8"))
    ]

    assert patching == []


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_address_and_has_a_hash_for_everything(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    entries = [entry for entry in re.split(r"\n(?=\S)", text.strip()) if not entry.startswith("#")]

    assert INDEX_ADDRESS.search(text) is None
    assert entries
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert [entry for entry in entries if "==" not in entry.partition(" ")[0]] == []


def test_the_locks_of_the_jars_name_no_address() -> None:
    locks = sorted((ROOT / "stack/jars").glob("*.lock.toml"))

    assert locks
    assert [name_of(lock) for lock in locks if INDEX_ADDRESS.search(lock.read_text("utf-8"))] == []


def test_no_file_names_a_registry() -> None:
    found = [
        f"{name_of(path)}: {match.group()}"
        for path in text_files()
        if path != Path(__file__)
        for match in REGISTRIES.finditer(path.read_text("utf-8"))
    ]

    assert found == []


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    found = [
        f"{name_of(path)}: {match.group()}"
        for path in text_files()
        if path != Path(__file__)
        for match in MACHINE_PATH.finditer(path.read_text("utf-8"))
    ]

    assert found == []
