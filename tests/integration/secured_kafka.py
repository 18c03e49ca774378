"""A broker that wants TLS, a user and rights, as operators have them."""

import os
import shlex
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourceType,
    UserScramCredentialUpsertion,
)
from kafka.admin import ScramMechanism as Mechanism

from stack.cache import Cache, cache_folder
from stack.kafka import Kafka, to_settings
from stack.ports import HOST, free_port
from tests.certificates import Certificates

ACLS: Final = Path(__file__).parents[2] / "docs" / "examples" / "kafka-acls.sh"
PASSWORD: Final = "correct horse"  # noqa: S105  # of a test
USERS: Final = ("quindex-ingress", "quindex-worker", "quindex-setup")
_ADDS: Final = "add --allow-principal"


class SecuredKafka(Kafka):
    """
    A broker with TLS, SCRAM and access control on its second listener.

    The first one is the administrator's, and lets everything pass.
    """

    def __init__(self, folder: Path, certificates: Certificates) -> None:
        super().__init__(folder, cache=Cache(cache_folder(os.environ)))
        self.secured_port = free_port()
        self._certificates = certificates

    @property
    def secured(self) -> str:
        """The address that clients are given."""
        return f"{HOST}:{self.secured_port}"

    def _to_settings(self) -> Mapping[str, str]:
        plain, secured = f"PLAINTEXT://{self.address}", f"SASL_SSL://{self.secured}"
        controller = f"{HOST}:{free_port()}"
        settings = to_settings(listens=self.address, advertised=self.address, controller=controller)
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        return {
            **settings,
            "listeners": f"{plain},{secured},CONTROLLER://{controller}",
            "advertised.listeners": f"{plain},{secured}",
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": (
                "PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT"
            ),
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": scram,
            "listener.name.sasl_ssl.ssl.keystore.type": "PEM",
            "listener.name.sasl_ssl.ssl.keystore.location": str(self._certificates.keystore),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "false",
            "super.users": "User:ANONYMOUS",
        }

    def let_in(self, prefix: str) -> None:
        """Give the three users their password, and the rights of the example, for *prefix*."""
        admin = KafkaAdminClient(bootstrap_servers=self.address)
        try:
            admin.alter_user_scram_credentials(
                [
                    UserScramCredentialUpsertion(user, Mechanism.SCRAM_SHA_512, PASSWORD)
                    for user in USERS
                ]
            )
            done = admin.create_acls(list(to_acls(ACLS.read_text("utf-8"), prefix)))
            assert not done["failed"], done
        finally:
            admin.close()

    def forbid(
        self, user: str, topic: str, operation: ACLOperation = ACLOperation.WRITE
    ) -> Callable[[], None]:
        """Forbid somebody to write to a topic, or something else; return what takes that back."""
        pattern = ResourcePattern(ResourceType.TOPIC, topic)
        never = ACL(f"User:{user}", "*", operation, ACLPermissionType.DENY, pattern)

        def allow() -> None:
            with closing(KafkaAdminClient(bootstrap_servers=self.address)) as admin:
                admin.delete_acls([never])

        with closing(KafkaAdminClient(bootstrap_servers=self.address)) as admin:
            done = admin.create_acls([never])
        assert not done["failed"], done
        return allow


def to_acls(script: str, prefix: str) -> Iterator[ACL]:
    """Read the calls of kafka-acls.sh, for another prefix than the script's."""
    parser = ArgumentParser()
    parser.add_argument("--allow-principal", required=True)
    parser.add_argument("--operation", action="append", required=True)
    parser.add_argument("--topic")
    parser.add_argument("--group")
    parser.add_argument("--resource-pattern-type", default="literal")
    for line in script.splitlines():
        if not line.startswith(_ADDS):
            continue
        call = parser.parse_args(shlex.split(line)[1:])
        name = call.topic or call.group
        assert name.startswith("quindex"), line
        pattern = ResourcePattern(
            ResourceType.TOPIC if call.topic else ResourceType.GROUP,
            prefix + name.removeprefix("quindex"),
            ACLResourcePatternType[call.resource_pattern_type.upper()],
        )
        for operation in call.operation:
            word = "".join(f"_{it}" if it.isupper() else it for it in operation).strip("_").upper()
            yield ACL(
                call.allow_principal, "*", ACLOperation[word], ACLPermissionType.ALLOW, pattern
            )
