"""quindex dead-letters."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from ops.given import read_settings
from ops.moments import Moment

if TYPE_CHECKING:
    from ops.letter import LetterState, Wanted
    from ops.letters import LetterLog
    from runtime.settings import Settings

_STAGES: Final = ("ingress", "debounce", "fetch", "index")
_SHOWN_MAX: Final = 10

F = TypeVar("F", bound=Callable[..., Any])


def _filters(work: F) -> F:
    for option in reversed(
        (
            click.option("--code", "codes", multiple=True, help="Of this resource."),
            click.option("--reason", "reasons", multiple=True, help="Set aside for this reason."),
            click.option("--stage", "stages", multiple=True, type=click.Choice(_STAGES)),
            click.option("--since", type=Moment(), help="Set aside since, such as 2h."),
            click.option("--until", type=Moment(), help="Set aside before, such as 1d."),
        )
    ):
        work = option(work)
    return work


def _choice(work: F) -> F:
    for option in reversed(
        (
            click.argument("ids", nargs=-1, metavar="[PARTITION/OFFSET]..."),
            _filters,
            click.option("--all", "all_", is_flag=True, help="All that are open; asks before."),
            click.option("--yes", is_flag=True, help="Do not ask."),
            click.option("--dry-run", is_flag=True, help="Say what would be done; change nothing."),
        )
    ):
        work = option(work)
    return work


@click.group()
def command() -> None:
    """
    Look at records that were set aside, have their resources looked at again, or let them be.

    A letter is overtaken once its resource was fetched and written after it: then nothing is left
    to do.

    \b
    Examples:
      quindex dead-letters list --stage index
      quindex dead-letters show 0/12
      quindex dead-letters redrive --reason document_parsing_exception
    """


@command.command("list")
@_filters
@click.option("--all", "all_", is_flag=True, help="Also overtaken, redriven and discarded ones.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def list_(*, all_: bool, as_json: bool, **filters: Any) -> None:
    """List open letters, the newest first."""
    import time

    from ops.letter_lines import to_line, to_object
    from ops.terminal import to_json

    log = asyncio.run(_read(_settings(), since_s=filters["since"]))
    wanted = _to_wanted((), all_states=all_, **filters)
    found = [letter for letter in log.letters if wanted.picks(letter)]
    for letter in found:
        click.echo(to_json(to_object(letter)) if as_json else to_line(letter, time.time()))
    partial = "; not all were read in time" if log.is_partial else ""
    click.echo(f"{len(found)} shown of {log.total}{partial}", err=True)


@command.command()
@click.argument("letter_id", metavar="PARTITION/OFFSET")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(letter_id: str, as_json: bool) -> None:
    """Show a letter: reason, the server's words, the bytes that failed."""
    import time

    from ops.letter_lines import to_lines, to_object
    from ops.terminal import to_json

    log = asyncio.run(_read(_settings(), [letter_id]))
    wanted = _to_wanted((letter_id,))
    letter = next((each for each in log.letters if wanted.picks(each)), None)
    if letter is None:
        raise to_lacking(log, [letter_id])
    if as_json:
        click.echo(to_json(to_object(letter)))
        return
    for line in to_lines(letter, time.time()):
        click.echo(line)


@command.command()
@_choice
def redrive(**choice: Any) -> None:
    """
    Have the resources of letters looked at again.

    The bytes that failed are never used again, since they may be out of date: the PIM is asked.
    """
    from ops.letter import LetterState

    _decide(LetterState.REDRIVEN, **choice)


@command.command()
@_choice
def discard(**choice: Any) -> None:
    """Let letters be: they are not open any more. The topic keeps them for its 30 days."""
    from ops.letter import LetterState

    _decide(LetterState.DISCARDED, **choice)


@command.command()
@click.argument("stage", type=click.Choice(_STAGES))
@click.option("--dry-run", is_flag=True, help="Say what would go on; change nothing.")
def resume(stage: str, dry_run: bool) -> None:
    """Let a stage go on that has stopped, since too many of its records died."""
    click.echo(asyncio.run(_resume(_settings(), stage, dry_run=dry_run)))


def _settings() -> "Settings":
    return read_settings(needs=("kafka", "elasticsearch", "locales"))


def _to_wanted(
    ids: Sequence[str],
    *,
    codes: Sequence[str] = (),
    reasons: Sequence[str] = (),
    stages: Sequence[str] = (),
    since: float | None = None,
    until: float | None = None,
    all_states: bool = False,
) -> "Wanted":
    from ops.letter import Wanted

    return Wanted(
        codes=frozenset(codes),
        reasons=frozenset(reasons),
        stages=frozenset(stages),
        ids=frozenset(ids),
        since_s=since,
        until_s=until,
        all_states=all_states,
    )


def to_lacking(log: "LetterLog", ids: Sequence[str]) -> Exception:
    """Return the error that says why letters that were named are not among those read."""
    from ops.terminal import show as to_shown
    from runtime.errors import Refused, Unreachable

    if unreached := [each for each in ids if log.may_hold(each)]:
        names = ", ".join(map(to_shown, unreached))
        return Unreachable(f"Not reached in time: dead letter {names}. Kafka is slow; try again.")
    names = ", ".join(map(to_shown, ids))
    return Refused(f"There is no dead letter {names}. See quindex dead-letters list --all.")


def to_partial_line(log: "LetterLog") -> str:
    """Return the line that says that not all were reached, and how to reach the rest."""
    from datetime import UTC, datetime

    since = ""
    if log.reached_s is not None:
        since = f" with --since {datetime.fromtimestamp(int(log.reached_s), UTC):%Y-%m-%dT%H:%M:%S}"
    return (
        f"only {len(log.letters)} of {log.total} dead letters were reached in time, "
        f"the oldest first; run it again{since} for the rest"
    )


def _decide(
    state: "LetterState",
    *,
    ids: Sequence[str],
    all_: bool,
    yes: bool,
    dry_run: bool,
    **filters: Any,
) -> None:
    if not (ids or all_ or any(filters.values())):
        raise click.UsageError("Name letters, a filter such as --reason, or --all.")
    settings = _settings()
    log = asyncio.run(_read(settings, ids, since_s=filters["since"]))
    wanted = _to_wanted(ids, **filters)
    chosen = [letter for letter in log.letters if wanted.picks(letter)]
    if lacking := sorted(set(ids) - {letter.id for letter in chosen}):
        raise to_lacking(log, lacking)
    _tell(chosen)
    if log.is_partial:
        click.echo(to_partial_line(log), err=True)
    if all_ and chosen and not (yes or dry_run):
        click.confirm(f"{len(chosen)} letters will be {state.value}. Go on?", abort=True, err=True)
    looking = 0 if dry_run or not chosen else asyncio.run(_keep(settings, log, chosen, state))
    verb = "would be" if dry_run else "are"
    click.echo(f"{len(chosen)} letters {verb} {state.value}")
    if looking:
        click.echo(f"looking again at {looking} resources")
    without = sum(each.resource is None for each in chosen)
    if without and state.value == "redriven":
        click.echo(f"{without} name no resource: nothing can be looked at again for them", err=True)


def _tell(chosen: Sequence[Any]) -> None:
    import time

    from ops.letter_lines import to_line

    for letter in chosen[:_SHOWN_MAX]:
        click.echo(to_line(letter, time.time()), err=True)
    if len(chosen) > _SHOWN_MAX:
        click.echo(f"… and {len(chosen) - _SHOWN_MAX} more", err=True)


async def _read(
    settings: "Settings", ids: Sequence[str] = (), *, since_s: float | None = None
) -> "LetterLog":
    from ops.connections import elasticsearch_client
    from ops.failures import said_plainly
    from ops.letters import read_letters

    with said_plainly(settings):
        async with elasticsearch_client(settings) as client:
            return await read_letters(settings, client, ids=ids, since_s=since_s)


async def _keep(
    settings: "Settings", log: "LetterLog", chosen: Sequence[Any], state: "LetterState"
) -> int:
    from ops.connections import publisher_of
    from ops.failures import said_plainly
    from ops.letters import decide, read_known

    with said_plainly(settings):
        known = await read_known(settings)
        async with publisher_of(settings) as publisher:
            return await decide(publisher, settings, chosen, state, firsts=log.firsts, known=known)


async def _resume(settings: "Settings", stage: str, *, dry_run: bool) -> str:
    from ops.connections import publisher_of
    from ops.failures import said_plainly
    from ops.whole_logs import read_whole
    from runtime.errors import Refused
    from topics.control import fold_stops
    from topics.names import TopicNames

    topic = TopicNames(settings.topic_prefix).control
    with said_plainly(settings):
        records = await read_whole(settings, topic)
        stop = fold_stops((each.key, each.value) for each in records).get(stage)
        if stop is None:
            raise Refused(f"The stage {stage} has not stopped. See quindex status.")
        if not dry_run:
            async with publisher_of(settings) as publisher:
                await publisher.append(topic, key=stop.key, value=None)
    return f"the stage {stage} {'would go' if dry_run else 'goes'} on"
