"""Quable disables the webhook: one alarm, a person enables it, and the gap is found by itself."""

import re
from collections.abc import Iterator
from contextlib import suppress

import orjson
import pytest

from stack.choose import Servers
from tests.eventually import eventually
from tests.integration.commands import run_command
from tests.integration.sites import Site, open_site, to_installation

pytestmark = [pytest.mark.stack, pytest.mark.faults]  # it takes half a minute

DOCUMENTS = 20
SILENT_S = 3.0
SOON_S = 3 * SILENT_S
WITHIN_S = 90.0
DELETED_WITHIN_S = 180.0  # what nobody announced as deleted is looked at twice


@pytest.fixture
def site(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    installation = to_installation(
        servers.kafka,
        servers.elasticsearch,
        tmp_path_factory.mktemp("silence"),
        documents=DOCUMENTS,
        more={"QUINDEX_KINDS": "document", "QUINDEX_WEBHOOK_SILENT_S": f"{SILENT_S:g}"},
    )
    with open_site(installation) as opened:
        yield opened


def command(site: Site, *arguments: str) -> tuple[int, str]:
    installation = site.installation
    done = run_command(*arguments, environ=installation.variables, folder=installation.folder)
    return done.returncode, done.stdout


def log_of(site: Site, event: str) -> list[str]:
    worker = site.installation.workers[0]
    return [line for line in worker.log.read_text("utf-8").splitlines() if event in line]


def is_doubted_after_edits(site: Site) -> bool:
    """
    Edit a few documents, of which nobody is told; return whether the worker finds out soon.

    Once would not do: so soon after the last call an edit may count as announced by that.
    """
    site.control("bulk-edit", documents=3)
    with suppress(AssertionError):
        eventually(lambda: log_of(site, '"webhook.silent"'), within_s=SOON_S)
        return True
    return False


def test_a_disabled_webhook_is_noticed_and_what_it_missed_is_found(site: Site) -> None:
    site.control("bulk-edit", documents=DOCUMENTS)
    site.assert_converges()
    site.run(site.installation.control("webhook/disable"))
    gone = site.control("delete", kind="document")["code"]  # nobody is told
    eventually(lambda: is_doubted_after_edits(site), within_s=WITHIN_S)

    code, said = command(site, "status", "--json")
    verdict = orjson.loads(said)["verdict"]
    assert any("Quable has not called since" in each["what"] for each in verdict["findings"])
    _, said = command(site, "doctor")
    assert "ERROR   webhook: Quable last called" in said
    assert "ERROR   webhook quindex in Quable: is not active" in said
    assert "quindex  INACTIVE" in command(site, "webhook", "show")[1]

    assert command(site, "webhook", "enable", "--dry-run") == (0, "would enable quindex\n")
    assert command(site, "webhook", "enable") == (0, "enabled quindex\n")
    code, said = command(site, "webhook", "enable", "--json")
    assert orjson.loads(said) == {"name": "quindex", "was_active": True, "enabled": False}
    code, _ = command(site, "webhook", "create", "--url", "https://h/webhooks/quable")
    assert code == 5  # there is one of this name
    site.control("edit")  # the first call in a while

    eventually(lambda: log_of(site, '"webhook.resumed"'), within_s=WITHIN_S)
    site.assert_converges(DELETED_WITHIN_S)
    assert site.find("fr_FR", gone) == []
    eventually(lambda: scans_done(site) >= {"since", "full"}, within_s=WITHIN_S)
    listed = command(site, "scans", "list")[1]
    assert re.search(r"reconcile +document +done .* [1-9]\d* requests", listed)
    assert len(log_of(site, '"webhook.silent"')) == 1


def scans_done(site: Site) -> set[str]:
    """Return which reconciles nobody gave a command for are done."""
    _, said = command(site, "scans", "list", "--json")
    scans = [orjson.loads(line) for line in said.splitlines()]
    return {
        each["id"].rsplit("-", 1)[1]
        for each in scans
        if each["phase"] == "done" and each["asked_by"] == "mark"
    }
