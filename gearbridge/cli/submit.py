"""`gearbridge submit`: jobs, waited for or not. It can do all that the `gearman` tool can as a client."""

from __future__ import annotations

import os
import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING

import click

from gearbridge.cli.options import STATUSES, as_bytes, as_name, seconds_option, servers_option, tls_options
from gearbridge.client.client import Client
from gearbridge.errors import JobError
from gearbridge.records import Priority
from gearbridge.traceparent import to_traceparent

from .output import Payloads, is_terminal, say
from .process_options import detach, pid_file_at, pid_file_option

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from gearbridge.client.tls import Tls


def _read_time(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Read a time to come; return it in seconds since 1970."""
    if value is None:
        return None
    try:
        if value.startswith("+"):
            return time.time() + float(value[1:])
        if value.replace(".", "", 1).isdigit():
            return float(value)
        return datetime.fromisoformat(value).timestamp()  # local time, where it names no zone
    except (ValueError, OverflowError) as error:
        forms = "+SECONDS, seconds since 1970, or YYYY-MM-DDTHH:MM[:SS][+HH:MM]"
        raise click.BadParameter(f"{value!r} is not a time; write {forms}", ctx, param) from error


def _read_traceparent(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Read the trace that was given, or that this process is part of."""
    try:
        to_traceparent(value or os.environ.get("TRACEPARENT"))
    except ValueError as error:
        if value:
            raise click.BadParameter(str(error), ctx, param) from error
        say(f"gearbridge: the job has no trace: in the environment {error}", err=True)
        return None
    return value or os.environ.get("TRACEPARENT")


@click.command("submit", epilog=STATUSES)
@click.argument("words", nargs=-1, metavar="FUNCTION [PAYLOAD]...")
@click.option(
    "--function",
    "-f",
    "functions",
    multiple=True,
    callback=as_name,
    metavar="FUNCTION",
    help="Submit to this function; repeatable. All arguments are then payloads.",
)
@click.option("--background", "-b", is_flag=True, help="Do not wait for the job; print its handle.")
@click.option(
    "--unique",
    "-u",
    "unique_key",
    metavar="KEY",
    callback=as_bytes,
    help="Unique key: there is no second job of this function and key while one is unfinished.",
)
@click.option(
    "--priority",
    type=click.Choice([priority.name.lower() for priority in Priority], case_sensitive=False),
    default=Priority.NORMAL.name.lower(),
    show_default=True,
    help="Jobs of a higher priority are done first.",
)
@click.option("--high", "-I", "priority", flag_value="high", help="The same as --priority high.")
@click.option("--low", "-L", "priority", flag_value="low", help="The same as --priority low.")
@click.option(
    "--at",
    "run_at",
    metavar="TIME",
    callback=_read_time,
    help="Not before this time: +SECONDS, seconds since 1970, or 2026-12-24T18:00 (local time). Implies --background.",
)
@click.option(
    "--traceparent",
    metavar="TRACEPARENT",
    callback=_read_traceparent,
    help="Trace of the jobs (W3C Trace Context), which workers get from a gearbridge server. "
    "[default: TRACEPARENT in the environment]",
)
@click.option(
    "--whole-lines", "-n", "lines", flag_value="whole", help="Submit one job for each line of standard input."
)
@click.option("--lines", "-N", "lines", flag_value="bare", help="The same, without the line's end.")
@click.option("--prefix", "-P", is_flag=True, help="Print each result after its function and a colon.")
@click.option(
    "--verbose", "-v", is_flag=True, help="Print each awaited job's handle to standard error as soon as it is known."
)
@click.option(
    "--daemon",
    "-d",
    is_flag=True,
    help="Go to the background once the payloads are read. Output is lost then; see --pid-file.",
)
@pid_file_option
@servers_option
@tls_options
@seconds_option("--timeout", "-t", help="Give up after this time. [default: wait as long as the job takes]")
def command(
    words: tuple[str, ...],
    functions: tuple[bytes, ...],
    background: bool,
    unique_key: bytes | None,
    priority: str,
    run_at: float | None,
    traceparent: str | None,
    lines: str | None,
    prefix: bool,
    verbose: bool,
    daemon: bool,
    pid_file: Path | None,
    servers: tuple[str, ...],
    tls: Tls | None,
    timeout: float | None,
) -> None:
    """Submit a job of FUNCTION with PAYLOAD, wait for it, and print its result unchanged.

    A PAYLOAD of - is read from standard input; none is an empty one; each of several is a job of its own. What the
    worker sends ahead is printed as it comes; its warnings and, on a terminal, its progress go to standard error.

    \b
    Examples:
      gearbridge submit reverse hello
      gearbridge submit resize - < picture.jpg > thumbnail.jpg
      gearbridge submit --background --unique user-7 send_mail '{"to": 7}'
      gearbridge submit -N -P -f word_count -f spell < pages
    """
    names, payloads = _read_words(functions, words)
    if lines and payloads:
        raise click.UsageError("give payloads either as arguments or as lines of standard input")
    urgency = Priority[priority.upper()]
    if run_at is not None and urgency is not Priority.NORMAL:
        raise click.UsageError("a job with --at has normal priority: Gearman's protocol has no other")
    contents: Iterable[bytes] = _payloads(payloads, lines)
    if daemon:
        contents = list(contents)  # in the background there is no standard input
        detach()
    jobs = ((name, payload) for payload in contents for name in names)
    all_done = True
    with (
        pid_file_at(pid_file),
        Client(servers, reply_timeout=60.0 if timeout is None else timeout, tls=tls) as client,
    ):
        for name, payload in jobs:
            if background or run_at is not None:
                handle = client.do_background(
                    name, payload, unique_key, priority=urgency, run_at=run_at, traceparent=traceparent
                )
                say(handle)
                continue
            printer = _Printer(name + b": " if prefix else b"")
            try:
                result = client.do(
                    name,
                    payload,
                    unique_key,
                    priority=urgency,
                    timeout=timeout,
                    on_data=printer.write,
                    on_warning=printer.warn,
                    on_status=printer.show_progress,
                    on_created=_tell_handle if verbose else None,
                    traceparent=traceparent,
                )
                printer.write(result)
                printer.end()
            except JobError as error:
                printer.clear()
                say(f"gearbridge: {error}", err=True)
                all_done = False
            finally:
                printer.clear()
    sys.exit(0 if all_done else 1)


def _tell_handle(handle: str) -> None:
    say(f"gearbridge: job {handle}", err=True)


def _read_words(functions: tuple[bytes, ...], words: tuple[str, ...]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Part the arguments into functions and payloads."""
    octets = tuple(map(os.fsencode, words))
    if functions:
        return functions, octets
    if not octets:
        raise click.UsageError("Missing argument 'FUNCTION'.")
    if not octets[0]:
        raise click.BadParameter("it cannot be empty", param_hint="'FUNCTION'")
    return octets[:1], octets[1:]


def _payloads(payloads: tuple[bytes, ...], lines: str | None) -> Iterator[bytes]:
    """The jobs' payloads, each when it is there: a line is submitted before the next one is read."""
    if lines:
        for line in sys.stdin.buffer:
            yield line.removesuffix(b"\n") if lines == "bare" else line
        return
    for payload in payloads or (b"",):
        yield sys.stdin.buffer.read() if payload == b"-" else payload


class _Printer:
    """One job's results and, where standard error is a terminal, its progress on a line that is written over."""

    def __init__(self, prefix: bytes) -> None:
        self._prefix = prefix
        self._printed = Payloads()
        self._shown = False
        self._terminal = is_terminal(err=True)

    def write(self, octets: bytes) -> None:
        self.clear()
        if octets:
            self._printed.write(self._prefix + octets)

    def end(self) -> None:
        self._printed.end()

    def show_progress(self, numerator: int, denominator: int) -> None:
        if self._terminal:
            share = f"{100 * numerator / denominator:.0f} % " if denominator else ""
            sys.stderr.write(f"\r\033[K{share}({numerator}/{denominator})")
            sys.stderr.flush()
            self._shown = True

    def warn(self, warning: bytes) -> None:
        self.clear()
        say(f"gearbridge: warning: {warning.decode('utf-8', 'backslashreplace')}", err=True)

    def clear(self) -> None:
        if self._shown:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
            self._shown = False
