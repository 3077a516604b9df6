"""`gearbridge admin`: the text protocol of Gearman servers, for people. What the commands do is up to the server."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from gearbridge.cli.options import servers_option, tls_options
from gearbridge.client.client import Client
from gearbridge.errors import ConnectionLost, ProtocolError, ReplyTimeout, ServerError, ServersUnreachable

from .output import print_table, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gearbridge.client.tls import Tls


#: What ends a word of the text protocol, or a line. A tabulator is part of a word.
_SPACES = frozenset(" \r\n\0")


class _Line(NamedTuple):
    """A command: the words that begin its line, the arguments behind them, and the columns of its answer's rows."""

    words: str
    help: str
    arguments: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()  # none: the answer is one line


_LINES = {
    "status": _Line(
        "status",
        "Show the functions with their unfinished and running jobs, and workers.",
        columns=("FUNCTION", "JOBS", "RUNNING", "WORKERS"),
    ),
    "priorities": _Line(
        "prioritystatus",
        "Show the functions with their waiting jobs by priority, and workers.",
        columns=("FUNCTION", "HIGH", "NORMAL", "LOW", "WORKERS"),
    ),
    "workers": _Line(
        "workers",
        "Show the connections and the functions that each can do.",
        columns=("CONNECTION", "ADDRESS", "ID", "FUNCTIONS"),
    ),
    "nodes": _Line(
        "nodes",
        "Show the servers that share a job table: seconds left of each lease, claimed jobs, workers and version; "
        "a star marks the server that answered.",
        columns=("NODE", "LEASE", "JOBS", "WORKERS", "VERSION", "ASKED"),
    ),
    "counted": _Line(
        "counted",
        "Show for how many seconds changes of other sessions may be missing in the counts of the job table.",
    ),
    "jobs": _Line(
        "show jobs",
        "Show unfinished jobs: how often a worker was lost, whether a client still waits, "
        "whether the server keeps it in its store.",
        columns=("HANDLE", "RETRIES", "IGNORED", "STORED"),
    ),
    "unique-jobs": _Line("show unique jobs", "Show the unique keys of unfinished jobs.", columns=("UNIQUE KEY",)),
    "version": _Line("version", "Show the server's version."),
    "getpid": _Line("getpid", "Show the server's process id."),
    "verbose": _Line("verbose", "Show the level of the server's log."),
    "create": _Line("create function", "Create a function that has no worker and no job yet.", ("FUNCTION",)),
    "drop": _Line("drop function", "Remove a function that has no worker and no job.", ("FUNCTION",)),
    "cancel": _Line("cancel job", "Cancel a waiting job; its clients get WORK_FAIL.", ("HANDLE",)),
    "maxqueue": _Line(
        "maxqueue",
        "Limit the jobs of a function: one LIMIT for all, three for high, normal and low; without one, no limit.",
        ("FUNCTION", "[LIMIT]..."),
    ),
    "send": _Line("", "Send another line of the text protocol.", ("WORD...",)),
}


@click.group("admin")
def command() -> None:
    """Query and control Gearman servers.

    Every command goes to each of --servers.

    \b
    Exit status:
      0  every server did it
      1  a server refused it (ERR)
      2  wrong usage
      3  a server could not be reached, or did not answer in time

    \b
    Examples:
      gearbridge admin status
      gearbridge admin workers --servers host1,host2:4731
      gearbridge admin maxqueue resize 1000
    """


def _subcommand(name: str, line: _Line) -> click.Command:
    """Make the click command of a row of _LINES."""

    @click.option("--raw", is_flag=True, help="Print the answers as they are on the wire.")
    @servers_option
    @tls_options
    def run(servers: tuple[str, ...], tls: Tls | None, raw: bool, **arguments: Any) -> None:
        words = [line.words] if line.words else []
        for value in arguments.values():
            words += [value] if isinstance(value, str) else value
        if any(not word or not _SPACES.isdisjoint(word) for word in words[bool(line.words) :]):
            raise click.UsageError(
                "an argument cannot be empty or contain spaces or line breaks, which "
                "separate words in the text protocol"
            )
        _run(servers, tls, " ".join(words), line.columns, raw)

    made = click.command(name, help=line.help)(run)
    made.params[:0] = [
        click.Argument(
            [argument.strip("[].").lower()],
            nargs=-1 if "..." in argument else 1,
            required="[" not in argument,
            metavar=argument,
        )
        for argument in line.arguments
    ]
    return made


for _name, _line in _LINES.items():
    command.add_command(_subcommand(_name, _line))


def _run(servers: Sequence[str], tls: Tls | None, line: str, columns: tuple[str, ...], raw: bool) -> None:
    """Send the line to each server, print what they answer, and exit with the status of the worst of them."""
    status = 0
    rows: list[tuple[str, ...]] = []
    several = len(servers) > 1
    for server in servers:
        try:
            with Client(server, tls=tls) as client:
                answer = client.admin(line)
        except ServerError as error:
            say(f"gearbridge: {server} refused: {error}", err=True)
            status = max(status, 1)
        except (ServersUnreachable, ConnectionLost, ReplyTimeout, ProtocolError) as error:
            say(f"gearbridge: {error}", err=True)
            status = 3
        else:
            if raw:
                say("\n".join([*answer, "."] if columns else answer))
            elif columns:
                rows += [(server, *cells) if several else cells for cells in sorted(_rows(answer, columns))]
            else:
                for text in answer:
                    say((f"{server}: " if several else "") + text.removeprefix("OK "))
    if columns and not raw:
        print_table((("SERVER", *columns) if several else columns), rows)
    sys.exit(status)


def _rows(answer: Iterable[str], columns: tuple[str, ...]) -> Iterable[tuple[str, ...]]:
    for line in answer:
        if columns[0] == "CONNECTION":  # "36 127.0.0.1 my-id : resize thumbnail"; the id may contain spaces
            connection, functions = line.rsplit(" :", 1) if " :" in line else (line, "")
            cells = [*connection.split(" ", 2), " ".join(functions.split()) or "-"]
        else:
            cells = line.rsplit("\t", len(columns) - 1)  # a name may have tabulators
        yield tuple(cells + [""] * (len(columns) - len(cells)))
