"""The manifests for Kubernetes, held to what the processes are and to what settings exist."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from dotenv import dotenv_values

from runtime.settings import SECRETS, Settings, load_settings, to_variable
from tests.test_docs import find

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / "deploy" / "kubernetes"
KUSTOMIZATION: Final[dict[str, Any]] = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
MANIFESTS: Final[list[dict[str, Any]]] = [
    manifest
    for name in KUSTOMIZATION["resources"]
    for manifest in yaml.safe_load_all((FOLDER / name).read_text("utf-8"))
]
VALUES: Final = dotenv_values(FOLDER / "settings.env")


def to_pod(manifest: dict[str, Any]) -> dict[str, Any] | None:
    """Return the specification of the pods that a manifest makes, if it makes any."""
    specification = manifest["spec"]
    if manifest["kind"] == "CronJob":
        specification = specification["jobTemplate"]["spec"]
    pod: dict[str, Any] | None = specification.get("template", {}).get("spec")
    return pod


PODS: Final = {
    manifest["metadata"]["name"]: pod
    for manifest in MANIFESTS
    if (pod := to_pod(manifest)) is not None
}


def named(kind: str, name: str) -> dict[str, Any]:
    return next(
        each for each in MANIFESTS if (each["kind"], each["metadata"]["name"]) == (kind, name)
    )


@pytest.mark.parametrize("name", PODS)
def test_what_kubernetes_says_of_its_services_is_not_taken_for_settings(name: str) -> None:
    assert PODS[name]["enableServiceLinks"] is False


def test_the_setup_makes_room_for_the_next_one() -> None:
    assert named("Job", "quindex-setup")["spec"]["ttlSecondsAfterFinished"] == 600


def test_every_file_is_a_resource() -> None:
    files = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}

    assert files == set(KUSTOMIZATION["resources"])
    assert set(PODS) == {"quindex-ingress", "quindex-worker", "quindex-setup", "quindex-reconcile"}


def test_the_settings_exist_and_are_no_secrets() -> None:
    names = set(VALUES)

    assert names <= {to_variable(name) for name in Settings.model_fields}
    assert not names & {to_variable(name) for name in SECRETS}
    given = {key: value for key, value in VALUES.items() if value is not None}
    assert load_settings(given, env_file=None).replication_factor == 3


def test_no_secret_is_inline() -> None:
    assert [each for each in MANIFESTS if each["kind"] == "Secret"] == []
    assert "secretGenerator" not in KUSTOMIZATION
    for pod in PODS.values():
        for container in pod["containers"]:
            assert "env" not in container


@pytest.mark.parametrize("name", PODS)
def test_a_pod_gets_settings_and_the_secret_of_its_own_role(name: str) -> None:
    (container,) = PODS[name]["containers"]
    secret = "quindex-worker" if name == "quindex-reconcile" else name

    assert container["envFrom"] == [
        {"configMapRef": {"name": KUSTOMIZATION["configMapGenerator"][0]["name"]}},
        {"secretRef": {"name": secret}},
    ]
    assert container["image"] == KUSTOMIZATION["images"][0]["name"]


@pytest.mark.parametrize("name", PODS)
def test_a_pod_runs_a_command_that_exists(name: str) -> None:
    (container,) = PODS[name]["containers"]
    words = container["args"]
    if container.get("command") == ["sh", "-c"]:
        (script,) = words
        words = re.split(r" \|\| ", script)[0].removeprefix("quindex ").split()

    assert find(words) is not None


@pytest.mark.parametrize("name", PODS)
def test_a_pod_has_no_more_rights_than_it_needs_and_limits(name: str) -> None:
    pod = PODS[name]
    (container,) = pod["containers"]

    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]
    assert {each["mountPath"] for each in container["volumeMounts"]} >= {"/tmp"}  # noqa: S108  # theirs


@pytest.mark.parametrize("name", ["quindex-ingress", "quindex-worker"])
def test_the_probes_ask_what_the_processes_answer_where_they_answer(name: str) -> None:
    (container,) = PODS[name]["containers"]
    ports = {each["name"]: str(each["containerPort"]) for each in container["ports"]}

    assert ports["operations"] == VALUES["QUINDEX_OPS_PORT"]
    assert ports.get("webhook", VALUES["QUINDEX_INGRESS_PORT"]) == VALUES["QUINDEX_INGRESS_PORT"]
    probes = [value for key, value in container.items() if key.endswith("Probe")]
    assert {each["httpGet"]["port"] for each in probes} == {"operations"}
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert {each["httpGet"]["path"] for each in probes} == {"/livez", "/readyz"}


def test_processes_get_the_time_that_they_need_to_stop() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for name in ("ingress", "worker"):
        grace = f"{PODS[f'quindex-{name}']['terminationGracePeriodSeconds']}s"
        assert grace == compose[name]["stop_grace_period"]


def test_the_spool_outlives_its_pod() -> None:
    stateful = named("StatefulSet", "quindex-ingress")["spec"]
    (claim,) = stateful["volumeClaimTemplates"]
    mounts = PODS["quindex-ingress"]["containers"][0]["volumeMounts"]

    assert {"name": claim["metadata"]["name"], "mountPath": VALUES["QUINDEX_SPOOL_PATH"]} in mounts


@pytest.mark.parametrize("name", ["quindex-ingress", "quindex-worker"])
def test_budgets_services_and_spreads_select_the_pods(name: str) -> None:
    kind = "StatefulSet" if name == "quindex-ingress" else "Deployment"
    manifest = named(kind, name)["spec"]
    labels = manifest["template"]["metadata"]["labels"]

    assert manifest["replicas"] == 2
    assert manifest["selector"]["matchLabels"] == labels
    assert named("PodDisruptionBudget", name)["spec"]["selector"]["matchLabels"] == labels
    (spread,) = PODS[name]["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"] == labels
    (key,) = named("NetworkPolicy", "quindex")["spec"]["podSelector"]["matchExpressions"]
    assert labels[key["key"]] in key["values"]


def test_only_the_webhook_can_be_reached_from_outside() -> None:
    service = named("Service", "quindex-ingress")["spec"]
    assert [port["targetPort"] for port in service["ports"]] == ["webhook"]
    assert service["selector"] == {"app.kubernetes.io/name": "quindex-ingress"}
    (rule,) = named("Ingress", "quindex")["spec"]["rules"]
    (path,) = rule["http"]["paths"]

    assert (path["path"], path["pathType"]) == ("/webhooks/quable", "Exact")
    assert path["backend"]["service"] == {"name": "quindex-ingress", "port": {"name": "webhook"}}


def test_the_reconcile_tells_drift_from_failure() -> None:
    (container,) = PODS["quindex-reconcile"]["containers"]

    assert container["args"] == ['quindex reconcile || [ "$?" -eq 6 ]']
    assert named("CronJob", "quindex-reconcile")["spec"]["concurrencyPolicy"] == "Forbid"
