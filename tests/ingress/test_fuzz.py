"""Whatever is sent, nothing breaks: a short seeded part of what scripts/ingress-campaign does."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from stack.choose import Servers
from tests.ingress.examples import AUTHORIZATION
from tests.ingress.processes import ingress_for

FUZZ = Path(__file__).parents[2] / "scripts" / "fuzz"
CASES = int(os.environ.get("QUINDEX_TEST_FUZZ_CASES", "200"))
"""The campaign has 10,000."""
SECONDS = int(os.environ.get("QUINDEX_TEST_FUZZ_S", "5"))
"""The campaign has 300."""
INSTALL_S = 300
CASE_MAX_S = 0.5
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


async def fuzz(*arguments: str, within_s: float) -> str:
    """Run the script; fail with all it said if it fails."""
    process = await asyncio.create_subprocess_exec(
        FUZZ, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(within_s):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()
    assert process.returncode == 0, said.decode(errors="replace")
    return said.decode(errors="replace")


def test_no_body_is_beyond_judgement() -> None:
    said = asyncio.run(
        fuzz("body", "-seed=1", f"-max_total_time={SECONDS}", within_s=SECONDS + INSTALL_S)
    )

    assert "DONE" in said


@pytest.mark.stack
@pytest.mark.parametrize("port", ["public", "operations"])
def test_no_call_gets_an_answer_that_is_not_described(
    servers: Servers, tmp_path: Path, port: str
) -> None:
    is_public = port == "public"

    async def test() -> None:
        async with ingress_for(servers.kafka, tmp_path) as (ingress, _):
            await ingress.start()
            await fuzz(
                "calls",
                f"http://127.0.0.1:{ingress.ports[0 if is_public else 1]}",
                *("--header", f"Authorization: {AUTHORIZATION}"),
                *("--include-path" if is_public else "--exclude-path", "/webhooks/quable"),
                *("--checks", CHECKS, "--mode", "all", "--phases", "fuzzing"),
                *("--max-examples", str(CASES if is_public else 10), "--seed", "1"),
                *("--generation-deterministic", "--suppress-health-check", "all"),
                within_s=INSTALL_S + CASES * CASE_MAX_S,
            )
            assert await ingress.stop() == 0

    asyncio.run(test())
