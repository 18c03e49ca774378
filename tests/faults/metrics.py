"""What the processes of an installation say of themselves on their operations ports."""

import re
from typing import Final

import httpx

from ops.installation import Installation

ANSWERS_WITHIN_S: Final = 30.0
"""More than an answer takes on a machine that is busy."""
_OPERATIONS: Final = re.compile(rb'"operations": ?"([^"]+)"')


def to_ingress_address(installation: Installation) -> str:
    """Return the ingress's operations port."""
    return f"127.0.0.1:{installation.ops_port}"


def to_worker_addresses(installation: Installation) -> list[str]:
    """Return those of the workers that run."""
    found = []
    for worker in installation.workers:
        told = _OPERATIONS.findall(worker.log.read_bytes())
        if worker.is_running and told:
            found.append(told[-1].decode().removeprefix("http://"))
    return found


async def read_metric(address: str, name: str) -> float:
    """
    Return a metric that has no labels.

    Raises:
        httpx.TransportError: nobody answers there.
    """
    async with httpx.AsyncClient(timeout=ANSWERS_WITHIN_S) as http:
        lines = (await http.get(f"http://{address}/metrics")).text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))
