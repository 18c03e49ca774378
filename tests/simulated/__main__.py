"""
The simulated-time run, from the command line; scripts/simulate calls it.

    --seed 7                   one seed, and what happened in it
    --seeds 1-2000 --hours 6   many, on all cores
    --mutants --seeds 1-500    every planted bug must be caught by one of them
"""

import os
import sys
import time
from collections import Counter

import click

from tests.faults.mutants import MUTANTS
from tests.simulated.simulation import be_quiet, simulate, simulate_all

_SHOWN_MAX = 20


def to_range(_context: object, _parameter: object, value: str) -> range:
    """Read 1-200, or one number."""
    first, _, last = value.partition("-")
    return range(int(first), int(last or first) + 1)


@click.command()
@click.option("--seed", type=int, help="One seed, told in full.")
@click.option("--seeds", default="1-200", callback=to_range, help="First and last.")
@click.option("--hours", default=6.0, help="Simulated hours for each seed.")
@click.option("--processes", default=os.cpu_count() or 1, help="How many run at once.")
@click.option("--mutants", is_flag=True, help="Plant each bug, and see which seed catches it.")
@click.option("--mutant", type=click.Choice(sorted(MUTANTS)), help="Plant this one.")
def main(  # noqa: PLR0917  # click passes them by name
    seed: int | None, seeds: range, hours: float, processes: int, mutants: bool, mutant: str | None
) -> None:
    """Let simulated hours pass, and judge what came of them."""
    if mutants:
        missed = [name for name in MUTANTS if not catch(name, seeds, hours, processes)]
        sys.exit(f"not caught: {', '.join(missed)}" if missed else 0)
    if mutant is not None:
        sys.exit(0 if catch(mutant, seeds, hours, processes) else 1)
    if seed is not None:
        sys.exit(tell(seed, hours))
    sys.exit(run(seeds, hours, processes))


def tell(seed: int, hours: float) -> int:
    """Run one seed and say all that is wrong."""
    be_quiet()
    verdict = simulate(seed, hours=hours)
    for name, count in sorted(verdict.counts.items()):
        click.echo(f"{count:6} {name}")
    click.echo(f"trace  {verdict.trace}")
    for each in verdict.broken:
        click.echo(f"BROKEN {each}")
    return 1 if verdict.broken else 0


def run(seeds: range, hours: float, processes: int) -> int:
    """Run many, and say which of them broke a promise."""
    began_s, counts, broken = time.monotonic(), Counter[str](), 0
    for verdict in simulate_all(seeds, hours=hours, processes=processes):
        counts += verdict.counts
        if verdict.broken:
            broken += 1
            if broken <= _SHOWN_MAX:
                click.echo(f"BROKEN seed {verdict.seed}: {verdict.broken[0]}")
                click.echo(f"       scripts/simulate --seed {verdict.seed} --hours {hours:g}")
    took_s = time.monotonic() - began_s
    click.echo(", ".join(f"{count:,} {name}" for name, count in sorted(counts.items())))
    click.echo(f"{len(seeds)} seeds x {hours:g} simulated hours in {took_s:.0f} s: {broken} broken")
    return 1 if broken else 0


def catch(name: str, seeds: range, hours: float, processes: int) -> bool:
    """Return whether a planted bug is caught; say by which seed, and how."""
    for tried, verdict in enumerate(
        simulate_all(seeds, hours=hours, processes=processes, mutant=name), start=1
    ):
        if verdict.broken:
            click.echo(f"| `{name}` | {tried} | {verdict.broken[0]} |")
            return True
    click.echo(f"| `{name}` | not in {len(seeds)} | |")
    return False


if __name__ == "__main__":
    main()
