"""Commands of an installation, run as an operator runs them."""

import asyncio
from collections.abc import Collection

from ops.connections import kafka_admin
from ops.installation import Installation
from streams.surroundings import describe_topics
from tests.faults.runs import until_true
from tests.integration.calls import WITHIN_S
from tests.integration.commands import run_command

UNREACHABLE = 4
ANEW_WITHIN_S = 120


async def quindex(
    installation: Installation, *arguments: str, codes: Collection[int] = (0,)
) -> str:
    """Run a command that ends with one of *codes*; return what it says."""
    done = await asyncio.to_thread(
        run_command,
        *arguments,
        environ=installation.variables,
        folder=installation.folder,
        within_s=WITHIN_S,
    )
    assert done.returncode in codes, f"{arguments}: {done.returncode} {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


async def make_anew(installation: Installation, topic: str) -> None:
    """Delete a topic that workers read, and have `quindex setup` create it again."""

    def delete() -> None:
        with kafka_admin(installation.settings) as admin:
            admin.delete_topics([topic])

    def read_id() -> object:
        state = describe_topics(installation.settings).get(topic)
        return state and state.topic_id

    async def is_anew() -> bool:
        # While the brokers delete it, the one says that it is there, and the next that it is not.
        await quindex(installation, "setup", codes=(0, UNREACHABLE))
        return await asyncio.to_thread(read_id) not in {None, before}

    before = await asyncio.to_thread(read_id)
    assert before is not None
    await asyncio.to_thread(delete)
    await until_true(is_anew, within_s=ANEW_WITHIN_S, otherwise=f"{topic} is still there")
    await quindex(installation, "setup")
