"""What an operator reads is whole and true: settings, metrics, topics, commands and links."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest
from prometheus_client import Counter, Gauge, Histogram

from ops.__main__ import _COMMANDS, command
from runtime import metrics
from runtime.points import POINTS
from runtime.settings import _FOREIGN, PREFIX, SECRETS, Settings, to_variable
from topics.layout import TopicLayout, to_layouts
from topics.names import TopicNames

ROOT: Final = Path(__file__).parent.parent
PAGES: Final = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LAYOUTS: Final = to_layouts(TopicNames("quindex"), replication_factor=3)

FENCE: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK: Final = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)
IN_TEXT: Final = re.compile(r"`(?:\S+=\S+ )*quindex ([a-z][^`\n]*)`")
IN_FENCE: Final = re.compile(r"^(?:\S+=\S+ )*(?:\.venv/bin/)?quindex ([a-z].*)$", re.MULTILINE)
FILE: Final = re.compile(r"`((?:[\w.-]+/)+[\w-]+\.(?:py|md|yml|yaml|toml|conf|json))`")
SCRIPT: Final = re.compile(r"(?<![\w/])scripts/[a-z]+(?:-[a-z]+)*")
SECTION: Final = re.compile(r"^### quindex ([a-z-]+)$(.*?)(?=^##)", re.MULTILINE | re.DOTALL)
MISSPELT: Final = frozenset({"QUINDEX_KAKFA"})  # on purpose: docs/decisions/0002
VARIABLE: Final = re.compile(rf"\b{PREFIX}[A-Z0-9_]+")


def read(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


def to_id(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def to_anchors(text: str) -> set[str]:
    """Return the anchors that a page's headings get."""
    headings = HEADING.findall(FENCE.sub("", text))
    slugs = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {slug.strip().replace(" ", "-") for slug in slugs}


def calls_in(text: str) -> Iterator[list[str]]:
    """Yield the words after *quindex* of each command line that a page shows."""
    shown = [*IN_TEXT.findall(FENCE.sub("", text))]
    for fence in FENCE.findall(text):
        shown += IN_FENCE.findall(fence)
    for call in shown:
        yield call.partition(" #")[0].split()


def find(words: list[str]) -> click.Command | None:
    """Return the command that a command line calls, or None if there is none."""
    found: click.Command | None = command
    context = click.Context(command)
    for word in words:
        if not isinstance(found, click.Group):
            break
        found = found.get_command(context, word)
    return found


def options_of(group: click.Command) -> set[str]:
    """Return the options of a command, and of the commands in it."""
    options = {name for param in group.params for name in param.opts}
    if isinstance(group, click.Group):
        for each in group.commands.values():
            options |= options_of(each)
    return options | {"--help"}


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_described_with_its_default(name: str) -> None:
    default = Settings.model_fields[name].default
    if name in SECRETS or default in ("", (), {}, None):
        shown = "–"  # noqa: RUF001  # a dash, as docs/settings.md writes it
    elif isinstance(default, tuple):
        shown = f"`{','.join(default)}`"
    else:
        shown = f"`{default}`"

    assert f"| `{to_variable(name)}` | {shown} |" in read("settings.md")


def test_nothing_is_described_that_is_no_setting() -> None:
    described = set(re.findall(r"^\| `(QUINDEX_\w+)` \|", read("settings.md"), re.MULTILINE))

    assert described == {to_variable(name) for name in Settings.model_fields}


def test_every_secret_is_listed_as_one() -> None:
    line = next(line for line in read("settings.md").splitlines() if line.startswith("Secrets"))

    assert set(VARIABLE.findall(line)) == {to_variable(name) for name in SECRETS}


@pytest.mark.parametrize("page", PAGES, ids=to_id)
def test_every_variable_that_is_named_is_read_by_something(page: Path) -> None:
    named = set(VARIABLE.findall(page.read_text("utf-8")))
    settings = {to_variable(name) for name in Settings.model_fields}
    files = {f"{to_variable(name)}_FILE" for name in SECRETS}

    assert {
        name
        for name in named - settings - files - MISSPELT
        if not name.startswith(_FOREIGN) and not name.endswith("_")
    } == set()


def test_every_metric_is_described() -> None:
    described = set(re.findall(r"^\| `(quindex_\w+)` \|", read("metrics.md"), re.MULTILINE))

    assert described == existing_metrics()


@pytest.mark.parametrize("page", PAGES, ids=to_id)
def test_every_metric_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(r"`(quindex_[a-z]\w*)[`{]", page.read_text("utf-8")))

    assert named <= existing_metrics()


def existing_metrics() -> set[str]:
    return {
        metric._name + ("_total" if isinstance(metric, Counter) else "")  # noqa: SLF001  # no public name
        for metric in vars(metrics).values()
        if isinstance(metric, Counter | Gauge | Histogram)
    }


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_every_topic_is_described_with_its_partitions(layout: TopicLayout) -> None:
    name = layout.name.removeprefix("quindex.")

    assert f"| `{name}` | {layout.partitions} |" in read("architecture.md")


@pytest.mark.parametrize("point", POINTS)
def test_every_fault_point_is_described(point: str) -> None:
    rows = [line for line in read("testing.md").splitlines() if line.startswith("| `")]

    assert [row for row in rows if f"`{point}`" in row.split("|")[1]] != []


@pytest.mark.parametrize("name", _COMMANDS)
def test_every_command_has_a_section(name: str) -> None:
    assert f"\n### quindex {name}\n" in read("operations.md")


@pytest.mark.parametrize("page", PAGES, ids=to_id)
def test_every_command_that_is_named_exists(page: Path) -> None:
    calls = list(calls_in(page.read_text("utf-8")))

    assert [" ".join(words) for words in calls if find(words) is None] == []


@pytest.mark.parametrize("page", PAGES, ids=to_id)
def test_every_option_of_a_command_that_is_shown_exists(page: Path) -> None:
    wrong = [
        " ".join(words)
        for words in calls_in(page.read_text("utf-8"))
        if (called := find(words)) is not None
        and {word.partition("=")[0] for word in words if word.startswith("--")} - options_of(called)
    ]

    assert wrong == []


@pytest.mark.parametrize("name", _COMMANDS)
def test_the_section_of_a_command_names_only_options_that_it_has(name: str) -> None:
    sections = dict(SECTION.findall(read("operations.md") + "\n##"))
    called = find([name])
    assert called is not None
    named = {
        option
        for text in re.findall(r"`(-[^`]*)`", sections[name])
        for option in re.findall(r"--[a-z-]+", text)
    }

    assert named <= options_of(called)


def test_every_dependency_has_a_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    named = {re.split(r"[^\w.-]", each)[0] for group in groups for each in group}
    reasons = "".join(page.read_text("utf-8") for page in ROOT.glob("docs/decisions/*.md"))

    assert {
        name for name in named if name not in reasons and not name.startswith("types-")
    } == set()


@pytest.mark.parametrize("page", PAGES, ids=to_id)
def test_every_file_that_is_named_exists(page: Path) -> None:
    text = page.read_text("utf-8")
    named = FILE.findall(text) + SCRIPT.findall(text)

    assert [name for name in named if "*" not in name and not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("page", PAGES, ids=to_id)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text("utf-8")):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in to_anchors(target.read_text("utf-8")), link


@pytest.mark.parametrize("page", PAGES, ids=to_id)
def test_a_line_holds_one_sentence(page: Path) -> None:
    text = FENCE.sub("", page.read_text("utf-8"))
    lines = [line for line in text.splitlines() if not line.startswith(("|", "#"))]
    sentences = [re.sub(r"^\s*(?:[-*]|\d+\.) ", "", line) for line in lines]

    assert [line for line in sentences if re.search(r"[\w)`”][.!?] [A-Z]", line)] == []


def test_an_anchor_is_a_heading_in_lower_case_with_dashes() -> None:
    assert to_anchors("# A b: `c`\n```sh\n# no heading\n```\n## …it waits\n") == {
        "a-b-c",
        "it-waits",
    }


def test_a_command_line_is_found_in_text_and_in_fences() -> None:
    text = "Run `quindex scans list` or `A=b quindex worker`.\n```sh\nquindex setup  # once\n```\n"

    assert list(calls_in(text)) == [["scans", "list"], ["worker"], ["setup"]]


@pytest.mark.parametrize(
    "folder", ["ingress", "ops", "pim", "runtime", "sinks", "streams", "topics"]
)
def test_every_command_that_the_code_advises_exists(folder: str) -> None:
    advised = {
        (path.name, name)
        for path in sorted((ROOT / folder).rglob("*.py"))
        for name in re.findall(
            r"(?:[`\"]|[Rr]un |[Ss]ee |Next: )quindex ([a-z]+(?:-[a-z]+)*)", path.read_text("utf-8")
        )
    }

    assert {each for each in advised if each[1] not in _COMMANDS} == set()
