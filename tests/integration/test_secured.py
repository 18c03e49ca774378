"""TLS, users and rights: the whole path on a broker and an Elasticsearch that let nobody else in."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from ops.installation import Installation
from ops.setup import set_up
from runtime.settings import load_settings
from stack.choose import Servers
from tests.certificates import Certificates, make_certificates
from tests.ingress.brokers import running
from tests.integration.commands import run_command
from tests.integration.elasticsearch_guard import Guard, to_key, to_needs, to_roles
from tests.integration.secured_kafka import PASSWORD, SecuredKafka

pytestmark = [pytest.mark.stack, pytest.mark.faults]  # it starts a Kafka of its own

WITHIN_S = 90
UNREACHABLE = 4
DRIFT = 6
NAME = "Unmistakable Kilt"
WRONG = "not-this-one"


@dataclass
class Secured:
    """An installation whose processes each have a user and a role of their own."""

    installation: Installation
    guard: Guard

    def as_(self, user: str, role: str) -> dict[str, str]:
        """Return the settings of somebody."""
        return {
            "QUINDEX_KAFKA_SASL_USERNAME": user,
            "QUINDEX_ELASTICSEARCH_API_KEY": to_key(role),
        }

    async def quindex(self, *arguments: str, **environ: str) -> tuple[int, str]:
        """Run a command as the workers' user, or as *environ* says."""
        worker = self.as_("quindex-worker", "quindex-worker")
        done = await asyncio.to_thread(
            run_command,
            *arguments,
            environ={**self.installation.variables, **worker, **environ},
            folder=self.installation.folder,
        )
        return done.returncode, done.stdout + done.stderr


@asynccontextmanager
async def open_secured(
    kafka: SecuredKafka, elasticsearch: str, certificates: Certificates, folder: Path
) -> AsyncIterator[Secured]:
    prefix = f"s{uuid4().hex[:8]}"
    await asyncio.to_thread(kafka.let_in, prefix)
    guard = Guard(elasticsearch, to_roles(prefix))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.certificate, certificates.key)
    async with guard.listening(context) as address:
        installation = Installation(
            kafka.secured,
            address,
            folder,
            prefix=prefix,
            documents=20,
            more={
                "QUINDEX_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
                "QUINDEX_KAFKA_SASL_PASSWORD": PASSWORD,
                "QUINDEX_KAFKA_CA": str(certificates.authority),
                "QUINDEX_ELASTICSEARCH_CA": str(certificates.authority),
            },
        )
        try:
            yield Secured(installation, guard)
        finally:
            await installation.stop()


async def start(secured: Secured) -> None:
    """Set up as one user, then start each process as its own."""
    installation = secured.installation
    installation.simulator.start()
    setup = {**installation.variables, **secured.as_("quindex-setup", "quindex-setup")}
    await set_up(load_settings(setup, env_file=None))
    installation.ingress.start(QUINDEX_KAFKA_SASL_USERNAME="quindex-ingress")
    worker = installation.start_worker(**secured.as_("quindex-worker", "quindex-worker"))
    await asyncio.to_thread(worker.wait_for_log, "worker.started", WITHIN_S)
    await asyncio.to_thread(installation.simulator.wait_for_log, "REST API", WITHIN_S)


def test_with_tls_users_and_rights_an_edit_becomes_searchable_and_nobody_asks_for_more(
    servers: Servers, tmp_path: Path
) -> None:
    certificates = make_certificates(tmp_path / "certificates")
    kafka = SecuredKafka(tmp_path / "kafka", certificates)

    async def test() -> None:
        async with open_secured(kafka, servers.elasticsearch, certificates, tmp_path) as secured:
            await start(secured)
            await secured.installation.control("edit", attributes={"name": NAME}, locale="en_GB")
            await search(secured, NAME)
            await look(secured)
            assert (await secured.quindex("reconcile", "--dry-run", "--kind", "asset"))[0] == DRIFT
            assert secured.guard.refused == []
            check_logs(secured.installation)

            await refuse_strangers(secured)

    with running(kafka):
        asyncio.run(test())


async def search(secured: Secured, name: str) -> None:
    """Wait until a reader finds it."""
    reader = {"QUINDEX_ELASTICSEARCH_API_KEY": to_key("quindex-reader")}
    async with asyncio.timeout(WITHIN_S):
        while True:
            code, said = await secured.quindex("search", name, "--locale", "en_GB", **reader)
            assert code == 0, said
            if name in said:
                return
            await asyncio.sleep(0.2)


async def look(secured: Secured) -> None:
    """Wait until both processes have told of themselves."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            code, said = await secured.quindex("status", "--json")
            assert code == 0, said
            if {each["role"] for each in json.loads(said)["processes"]} == {"ingress", "worker"}:
                return
            await asyncio.sleep(0.5)


def check_logs(installation: Installation) -> None:
    """One JSON line for each outcome of a resource, and neither a secret nor a value in any."""
    text = installation.ingress.log.read_text() + installation.workers[0].log.read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    outcomes = {"resource.fetched", "resource.indexed"}
    told = [each for each in lines if each["event"] in outcomes]

    assert {each["event"] for each in told} == outcomes
    assert len({(each["event"], each["key"]) for each in told}) == len(told)
    for secret in (PASSWORD, to_key("quindex-worker"), "simulator-token", "webhook-secret", NAME):
        assert secret not in text


async def refuse_strangers(secured: Secured) -> None:
    """Whoever has a wrong password, key or authority gets in nowhere, and is told which."""
    said = await secured.quindex("status", QUINDEX_KAFKA_SASL_PASSWORD=WRONG)
    assert said[0] == UNREACHABLE
    assert "Kafka does not answer" in said[1]
    said = await secured.quindex("status", QUINDEX_KAFKA_CA="")
    assert said[0] == UNREACHABLE
    said = await secured.quindex("index", "plan", QUINDEX_ELASTICSEARCH_API_KEY=to_key("nobody"))
    assert said[0] == UNREACHABLE
    assert "QUINDEX_ELASTICSEARCH_API_KEY" in said[1]
    said = await secured.quindex("index", "plan", QUINDEX_ELASTICSEARCH_CA="")
    assert said[0] == UNREACHABLE
    said = await secured.quindex("setup", QUINDEX_ELASTICSEARCH_API_KEY=to_key("quindex-reader"))
    assert said[0] != 0
    assert "refused with 403" in said[1]


def test_a_request_that_is_in_no_line_of_the_table_needs_what_nobody_has() -> None:
    assert list(to_needs("POST", "/_security/api_key", b"")) == []
    assert list(to_needs("GET", "/a,b/_search", b"")) == [("read", "a"), ("read", "b")]
