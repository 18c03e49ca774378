"""Imports point one way, pure files stay pure, and nothing of this machine is in the repository."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("ingress", "ops", "pim", "runtime", "simulator", "sinks", "stack", "streams", "topics")

MAY_IMPORT = {
    "runtime": set[str](),
    "pim": {"runtime"},
    "topics": {"pim", "runtime"},
    "sinks": {"topics", "pim", "runtime"},
    "streams": {"sinks", "topics", "pim", "runtime"},
    "ingress": {"topics", "pim", "runtime"},
    "simulator": {"pim", "runtime"},
    "stack": {"runtime"},
    "ops": set(PACKAGES) - {"ops"},
}

NEVER_IMPORT = {
    # A process of its own, which must start and answer when these cannot.
    "ingress": {"faust", "aiokafka", "elasticsearch", "httpx"},
    # Stages know nothing of what feeds them.
    "sinks": {"faust", "aiokafka"},
}

PURE = (
    "ingress/authorization.py",
    "ingress/breaker.py",
    "pim/kinds.py",
    "pim/notifications.py",
    "pim/pace.py",
    "sinks/batches.py",
    "sinks/comparison.py",
    "sinks/late.py",
    "sinks/mappings.py",
    "sinks/values.py",
    "streams/debounce.py",
    "streams/epochs.py",
    "streams/fetch_queue.py",
    "streams/grants.py",
    "streams/ledger.py",
    "streams/missing.py",
    "streams/offset_trust.py",
    "streams/quota.py",
    "streams/scan_steps.py",
    "streams/stall.py",
    "topics/due.py",
    "topics/snapshots.py",
    "topics/versions.py",
)
"""Decisions without I/O. They see the standard library, pydantic, orjson, each other and their like."""

IO_MODULES = {
    *("aiokafka", "asyncio", "elasticsearch", "elastic_transport", "faust", "httpx", "kafka"),
    *("logging", "os", "pathlib", "socket", "sqlite3", "starlette", "structlog", "subprocess"),
    *("threading", "time", "uvicorn"),
}

LONG_FILES_MAX_LINES = 400


def to_imports(path: Path) -> set[str]:
    """Return the modules that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            found.add(node.module)
    return found


def tracked(pattern: str = "*") -> list[Path]:
    """Return the files that git knows."""
    listed = subprocess.run(  # noqa: S603  # a fixed command
        ["git", "ls-files", "-z", "--", pattern],  # noqa: S607  # git is where the developer has it
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_one_way(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        roots = {name.partition(".")[0] for name in to_imports(path)}
        ours = roots.intersection(PACKAGES) - {package}
        assert ours <= MAY_IMPORT[package], f"{path.relative_to(ROOT)} imports {ours}"
        assert not roots & NEVER_IMPORT.get(package, set()), path.relative_to(ROOT)


@pytest.mark.parametrize("name", PURE)
def test_pure_files_do_no_io(name: str) -> None:
    roots = {module.partition(".")[0] for module in to_imports(ROOT / name)}
    foreign = roots - set(PACKAGES) - {"pydantic", "orjson"} - sys.stdlib_module_names

    assert not foreign
    assert not roots & IO_MODULES


def test_packages_hold_nothing_in_their_init() -> None:
    for package in (*PACKAGES, "tests"):
        for path in (ROOT / package).rglob("__init__.py"):
            assert path.read_text() == "", path.relative_to(ROOT)


def test_tests_patch_nothing() -> None:
    forbidden = re.compile("unittest" + r"\.mock|Magic" + "Mock|monkey" + "patch|mock" + "er")
    # The mutants are patched on purpose, in processes of their own.
    for path in (ROOT / "tests").rglob("*.py"):
        assert not forbidden.search(path.read_text()), path.relative_to(ROOT)


def test_locks_have_hashes_and_no_addresses() -> None:
    for path in tracked("requirements*.txt"):
        text = path.read_text()
        assert "--hash=sha256:" in text
        assert "://" not in text, path.name


def test_nothing_of_this_machine_is_in_the_repository() -> None:
    homes = "work|root|home|Users|tmp/[a-z]"
    found = re.compile(rf"(?<![\w./-])/(?:{homes})/\w")
    excused = {"tests/test_layout.py"}
    for path in tracked():
        name = str(path.relative_to(ROOT))
        if name in excused or path.suffix not in {".py", ".md", ".toml", ".yml", ".yaml", ".java"}:
            continue
        line = next((line for line in path.read_text().splitlines() if found.search(line)), None)
        assert line is None, f"{name}: {line}"


def test_files_can_be_read_at_a_glance() -> None:
    long = {
        str(path.relative_to(ROOT)): count
        for path in tracked("*.py")
        if (count := len(path.read_text().splitlines())) > LONG_FILES_MAX_LINES
    }

    assert long == {}, "is there a split by idea?"
