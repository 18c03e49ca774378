"""The command line: one file per command, loaded only when it is asked for."""

import importlib
import logging
import sys
from typing import Any, Final

import click

from ops.terminal import show
from runtime.errors import OperatorError, QuindexError, TransientError, Unreachable

INTERRUPTED: Final = 130
_SAID_MAX_CHARS: Final = 4_000
_LIBRARIES: Final = ("aiokafka", "kafka", "elastic_transport")
_HELP: Final = frozenset({"-h", "--help"})

_COMMANDS: Final = {
    "scans": "Look at scans, follow or cancel them.",
    "replay": "Append the notifications of a time span again.",
    "reconcile": "Compare the PIM with the index, and have what differs looked at again.",
    "backfill": "Bring every resource into the index.",
    "console": "Show the installation in a browser, live.",
    "dead-letters": "Look at what was set aside; have it looked at again, or let it be.",
    "deletes": "Decide about deletes that the brake has parked.",
    "demo": "Show an edit in the PIM become searchable, on servers of its own.",
    "doctor": "Examine the installation, and say what to do.",
    "explain": "Tell the life of a resource: why it is, or is not, up to date.",
    "index": "Compare the indices with what they should be; change what needs no rebuild.",
    "ingress": "Answer Quable's webhook: put each notification on Kafka.",
    "quota": "Show how much of the PIM's quota is used, what waits for it, and for how long.",
    "pause": "Let a stage take nothing on, until it is resumed.",
    "rebuild": "Fill new indices from the topic of snapshots and move all readers to them.",
    "resume": "Let a paused stage go on.",
    "rollback": "Move all readers back to the indices of before the last rebuild.",
    "search": "Search the index, in one locale.",
    "setup": "Create topics, indices, aliases and the epoch; change nothing the second time.",
    "simulator": "Run Quable in a box: REST API, webhooks, faults on request.",
    "stack": "Run a local Kafka and Elasticsearch, without Docker.",
    "status": "Say whether the index is fresh; if not, why, and what mends it.",
    "tail": "Show notifications as they come.",
    "trigger": "Have resources looked at again, as if Quable had announced a change.",
    "webhook": "Look at Quable's webhook subscriptions; create or enable one.",
    "worker": "Debounce, fetch and index; run as many as you like.",
}


class _LazyGroup(click.Group):
    """Imports a command's file when it is called, so that --help answers at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002
        if name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"ops.{name.replace('-', '_')}").command
        return command

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002  # click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(_COMMANDS.items()))


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Settings are environment variables QUINDEX_*, described in docs/settings.md.",
)
@click.version_option(package_name="quindex", message="%(prog)s %(version)s")
def command() -> None:
    """Keep Elasticsearch in step with a Quable PIM."""


def main(arguments: list[str] | None = None, group: click.Group = command) -> None:
    """Run a command; what we know can go wrong is one message. A traceback means a bug."""
    for name in _LIBRARIES:
        # Without a log of its own, a command says in its message what they would say beside it.
        logging.getLogger(name).addHandler(logging.NullHandler())
    if arguments is None and _HELP.isdisjoint(sys.argv):
        from runtime.logs import keep_quiet  # who only asks for help need not wait for it

        keep_quiet()
    try:
        outcome: Any = group.main(arguments, prog_name="quindex", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except OperatorError as error:
        _say(error)
        sys.exit(error.exit_code)
    except QuindexError as error:
        _say(error)
        is_passing = isinstance(error, TransientError)
        sys.exit(Unreachable.exit_code if is_passing else OperatorError.exit_code)
    sys.exit(outcome if isinstance(outcome, int) else 0)


def _say(error: QuindexError) -> None:
    """Say what is wrong; what others wrote stays text."""
    lines = (show(line, chars_max=_SAID_MAX_CHARS) for line in str(error).split("\n"))
    click.echo("quindex: " + "\n".join(lines), err=True)


if __name__ == "__main__":
    main()
