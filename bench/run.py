"""
The same scenario through quindex and through what would be used instead, on the same servers.

    scripts/bench [--documents 2000] [--rounds 3] [--only quindex] [--no-faults] [--large]

Kafka, Elasticsearch and one simulator at a time, on ports and folders of their own. The PIM's time
runs ten times as fast: 6,000 requests in a minute for 2,000 documents, three for each, and a webhook
that is tried again after half a minute. Faults come in the first round. Raw figures lie in
bench/results/, one line of JSON for each candidate and round.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import orjson
import uvloop

from bench import rebuild, report
from bench.scenario import Scenario
from bench.sites import ROOT, DirectSite, QuixSite, Site
from runtime.logs import configure_logs
from stack.local import LocalStack

RESULTS: Final = ROOT / "bench" / "results"
CANDIDATES: Final[dict[str, type[Site]]] = {
    "quindex": Site,
    "direct": DirectSite,
    "quix": QuixSite,
}
DOCUMENTS: Final = 2_000
DOCUMENTS_LARGE: Final = 20_000
QUOTA_FOR_EACH: Final = 3
"""Quable's 6,000 in ten minutes are three for each of 2,000 documents."""
TIME_SCALE: Final = 10.0
WINDOW_S: Final = 600.0 / TIME_SCALE


async def measure(
    name: str, stack: LocalStack, *, documents: int, seed: int, faults: bool
) -> dict[str, Any]:
    """Run one candidate once."""
    limit = QUOTA_FOR_EACH * documents
    began_s, load_before = time.monotonic(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        site = CANDIDATES[name](
            stack.kafka,
            stack.elasticsearch,
            Path(folder),
            prefix=f"bench{uuid4().hex[:8]}",
            documents=documents,
            seed=seed,
            more={
                "QUINDEX_KINDS": "document",
                "QUINDEX_PIM_QUOTA_10MIN": str(limit),
                "QUINDEX_PIM_QUOTA_WINDOW_S": f"{WINDOW_S:g}",
            },
        )
        try:
            await site.start(workers=0)
            windows = [{"requests_max": limit, "window_s": WINDOW_S}]
            await site.http.put("/control/quota", json={"windows": windows})
            await site.http.put("/control/webhook/options", json={"time_scale": TIME_SCALE})
            async with site.client() as client:
                figures = await Scenario(site, stack, client, seed).run(faults=faults)
        finally:
            await site.stop()
    return {
        "candidate": name,
        "documents": documents,
        "seed": seed,
        "quota": limit,
        "seconds": round(time.monotonic() - began_s, 1),
        "machine_load_before": round(load_before, 2),
        "machine_load": round(os.getloadavg()[0], 2),
        **figures,
    }


async def run(options: argparse.Namespace, documents: int, out: Path) -> None:
    """Run all candidates in turn, round by round; each result is kept as soon as it is there."""
    with LocalStack() as stack:
        for number in range(options.rounds):
            for name in options.only or CANDIDATES:
                figures = await measure(
                    name,
                    stack,
                    documents=documents,
                    seed=options.seed + number,
                    faults=options.faults and number == 0,
                )
                with out.open("ab") as lines:
                    lines.write(orjson.dumps(figures) + b"\n")
                print(orjson.dumps(figures, option=orjson.OPT_INDENT_2).decode(), flush=True)
        if not options.only or "quindex" in options.only:
            rates = await rebuild.measure((stack.kafka, stack.elasticsearch), documents, rounds=3)
            with out.open("ab") as lines:
                lines.write(orjson.dumps({"rebuild": rates, "documents": documents}) + b"\n")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(
        "scripts/bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--documents", type=int, default=DOCUMENTS, help=f"{DOCUMENTS:,} by default"
    )
    parser.add_argument("--large", action="store_true", help="20,000 documents too")
    parser.add_argument("--rounds", type=int, default=3, help="3 by default")
    parser.add_argument("--seed", type=int, default=1, help="of the first round")
    parser.add_argument("--only", action="append", choices=list(CANDIDATES), help="may be repeated")
    parser.add_argument("--report", action="store_true", help="only say what was measured")
    parser.add_argument("--keep", action="store_true", help="add to what was measured before")
    parser.add_argument(
        "--faults", action=argparse.BooleanOptionalAction, default=True, help="in the first round"
    )
    options = parser.parse_args()
    configure_logs(level="warning")
    RESULTS.mkdir(exist_ok=True)
    for documents in [options.documents, *([DOCUMENTS_LARGE] if options.large else [])]:
        out = RESULTS / f"{documents}.ndjson"
        if not options.report:
            if not options.keep:
                out.unlink(missing_ok=True)
            uvloop.run(run(options, documents, out))
        report.write(out, ROOT / "docs" / f"side-by-side-{documents}.svg", print)


if __name__ == "__main__":
    main()
