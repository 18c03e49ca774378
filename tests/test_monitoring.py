"""Alerts and dashboards, held to what the processes really export and to the runbooks."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from prometheus_client import Counter, Gauge, Histogram, generate_latest

from runtime import metrics
from tests.test_docs import calls_in, find, to_anchors

ROOT: Final = Path(__file__).parents[1]
EXAMPLES: Final = ROOT / "docs" / "examples"
RULES: Final[list[dict[str, Any]]] = [
    rule
    for group in yaml.safe_load((EXAMPLES / "alerts.yml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
BOARDS: Final = sorted(EXAMPLES.glob("grafana/*.json"))
OPERATIONS: Final = (ROOT / "docs" / "operations.md").read_text("utf-8")
METRIC: Final = re.compile(r"\b((?:quindex|process)_[a-z0-9_]+|up)\b(?!=)")
JOB: Final = re.compile(r'job=~?"([^"]*)"')
LABELS: Final = re.compile(r"\b(quindex_[a-z0-9_]+)\{([^}]*)\}")
BY: Final = re.compile(r"\bby \(([^)]*)\)")


def samples() -> dict[str, frozenset[str]]:
    """Return the labels of every series that a process may export, by its name."""
    found: dict[str, frozenset[str]] = {}
    for metric in vars(metrics).values():
        if not isinstance(metric, Counter | Gauge | Histogram):
            continue
        name, labels = metric._name, frozenset(metric._labelnames)  # noqa: SLF001  # no public names
        if isinstance(metric, Counter):
            found[f"{name}_total"] = labels
        elif isinstance(metric, Histogram):
            found |= {f"{name}_{it}": labels for it in ("sum", "count")}
            found[f"{name}_bucket"] = labels | {"le"}
        else:
            found[name] = labels
    text = generate_latest(metrics.REGISTRY).decode()
    found |= {each: frozenset() for each in re.findall(r"^(process_\w+) ", text, re.MULTILINE)}
    return {**found, "up": frozenset()}


def expressions_of(board: Path) -> list[str]:
    """Return all expressions of a dashboard."""
    content = json.loads(board.read_text("utf-8"))
    return [target["expr"] for panel in content["panels"] for target in panel.get("targets", [])]


EXPRESSIONS: Final = [
    *((rule["alert"], rule["expr"]) for rule in RULES),
    *((board.stem, expression) for board in BOARDS for expression in expressions_of(board)),
]


@pytest.mark.parametrize(("name", "expression"), EXPRESSIONS)
def test_every_series_that_is_named_is_exported_with_its_labels(name: str, expression: str) -> None:
    known = samples()
    bare = re.sub(r'"[^"]*"', '""', expression)

    named = set(METRIC.findall(bare))
    assert named != set(), name
    assert named <= set(known)
    for series, selectors in LABELS.findall(bare):
        labels = set(re.findall(r"(\w+)(?:=~?|!=|!~)", selectors)) - {"job", "instance"}
        assert labels <= known[series], series
    for group in BY.findall(bare):
        labels = {each.strip() for each in group.split(",")} - {"job", "instance"}
        assert labels <= frozenset[str]().union(*(known[series] for series in named))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_every_alert_has_a_runbook_with_commands_that_exist(rule: dict[str, Any]) -> None:
    name = rule["alert"]
    path, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert anchor in to_anchors((ROOT / path).read_text("utf-8"))
    assert anchor == name.lower()
    section = OPERATIONS.partition(f"### {name}\n")[2].partition("\n##")[0]

    calls = list(calls_in(section))
    assert calls or "\n1. " in section
    assert [" ".join(words) for words in calls if find(words) is None] == []
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"]["summary"].endswith(".")


def test_every_runbook_has_its_alert() -> None:
    section = OPERATIONS.partition("\n## Alerts\n")[2].partition("\n## ")[0]

    assert re.findall(r"^### (\w+)$", section, re.MULTILINE) == [rule["alert"] for rule in RULES]


def test_the_jobs_are_those_of_the_example() -> None:
    content = yaml.safe_load((EXAMPLES / "prometheus.yml").read_text("utf-8"))
    jobs = {each["job_name"] for each in content["scrape_configs"]}
    named = {job for _, expression in EXPRESSIONS for job in JOB.findall(expression)}

    assert {job for pattern in named for job in jobs if re.fullmatch(pattern, job)} == jobs
    assert all(any(re.fullmatch(pattern, job) for job in jobs) for pattern in named)


def test_no_port_of_the_examples_is_taken_twice() -> None:
    scraped = (EXAMPLES / "prometheus.yml").read_text("utf-8")
    behind_nginx = (EXAMPLES / "nginx.conf").read_text("utf-8")
    ports = re.findall(r"127\.0\.0\.1:(\d+)", scraped + behind_nginx)

    assert len(ports) == len(set(ports)) == 5


def test_prometheus_itself_reads_rules_and_configuration() -> None:
    command = shutil.which("promtool")
    assert command, "promtool is not installed; apt-get install prometheus, as .ci/run does"
    done = subprocess.run(  # noqa: S603  # a tool that is installed
        [command, "check", "config", EXAMPLES / "prometheus.yml"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(RULES)} rules found" in done.stdout


@pytest.mark.parametrize(
    ("name", "series"),
    [
        ("QuindexCallsRefused", 'quindex_webhook_calls_total{status="503", %s}'),
        ("QuindexCallsUnauthorized", 'quindex_webhook_calls_total{status="401", %s}'),
        ("QuindexSpoolDamaged", "quindex_spool_damaged_bytes_total{%s}"),
        ("QuindexMarkUsed", "quindex_webhook_marks_total{%s}"),
    ],
)
def test_what_a_process_counts_before_it_is_first_looked_at_is_seen(
    name: str, series: str, tmp_path: Path
) -> None:
    labels = 'job="quindex-ingress", instance="new"'
    (rule,) = (rule for rule in RULES if rule["alert"] == name)
    fires = [{"exp_labels": rule["labels"], "exp_annotations": rule["annotations"]}]
    counted = {"series": series % labels, "values": "_ 40+0x90"}
    began = {"series": f"process_start_time_seconds{{{labels}}}", "values": "_ 30+0x90"}

    assert_alerts(tmp_path, name, [counted, began], {"0m": [], "2m": fires, "90m": []})


def assert_alerts(
    folder: Path, name: str, series: list[dict[str, str]], expected: dict[str, list[dict[str, Any]]]
) -> None:
    """Let Prometheus judge *series*, a value a minute; fail unless the alert is as *expected*."""
    command = shutil.which("promtool")
    assert command, "promtool is not installed; apt-get install prometheus, as .ci/run does"
    moments = [
        {"eval_time": at, "alertname": name, "exp_alerts": alerts}
        for at, alerts in expected.items()
    ]
    test = {"interval": "1m", "input_series": series, "alert_rule_test": moments}
    content = {"rule_files": [str(EXAMPLES / "alerts.yml")], "tests": [test]}
    (folder / "test.yml").write_text(yaml.safe_dump(content), "utf-8")
    done = subprocess.run(  # noqa: S603  # a tool that is installed
        [command, "test", "rules", folder / "test.yml"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.stem)
def test_a_dashboard_is_whole(board: Path) -> None:
    content = json.loads(board.read_text("utf-8"))
    panels = content["panels"]

    assert content["uid"] == f"quindex-{board.stem}"
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["title"] and panel["gridPos"]["w"] <= 24 for panel in panels)
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels)


def test_there_are_three_dashboards() -> None:
    assert [board.stem for board in BOARDS] == ["overview", "quota-and-drift", "stages"]


def test_every_metric_is_in_a_dashboard_or_an_alert() -> None:
    shown = {series for _, expression in EXPRESSIONS for series in METRIC.findall(expression)}
    ours = {
        re.sub(r"_(bucket|sum|count)$", "", name)
        for name in samples()
        if name.startswith("quindex_")
    }

    assert ours - {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown} <= {
        "quindex_facts_timestamp_seconds"
    }
