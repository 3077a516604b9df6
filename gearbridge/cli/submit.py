"""`gearbridge submit`: one job, waited for or not."""

from __future__ import annotations

import sys
import time
from datetime import datetime

import click

from gearbridge.cli.options import STATUSES, as_bytes, as_name, seconds_option, servers_option
from gearbridge.client.client import Client
from gearbridge.records import Priority


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
        raise click.BadParameter(f"{value!r} is no time; write {forms}", ctx, param) from error


@click.command("submit", epilog=STATUSES)
@click.argument("function", callback=as_name)
@click.argument("payload", default="", callback=as_bytes)
@click.option("--background", "-b", is_flag=True, help="Do not wait for the job; print its handle.")
@click.option(
    "--unique",
    "-u",
    "unique_key",
    metavar="KEY",
    callback=as_bytes,
    help="Unique key: while a job of this function with this key is not done, there will be no second one.",
)
@click.option(
    "--priority",
    type=click.Choice([priority.name.lower() for priority in Priority], case_sensitive=False),
    default=Priority.NORMAL.name.lower(),
    show_default=True,
    help="Jobs of a higher priority are done first.",
)
@click.option(
    "--at",
    "run_at",
    metavar="TIME",
    callback=_read_time,
    help="Not before this time: +SECONDS, seconds since 1970, or 2026-12-24T18:00 (local time). Implies --background.",
)
@servers_option
@seconds_option("--timeout", "-t", help="Give up after this time. [default: wait as long as the job takes]")
def command(
    function: bytes,
    payload: bytes,
    background: bool,
    unique_key: bytes | None,
    priority: str,
    run_at: float | None,
    servers: tuple[str, ...],
    timeout: float | None,
) -> None:
    """Submit a job of FUNCTION with PAYLOAD, wait for it, and print its result as it is.

    A PAYLOAD of - is read from standard input; none is an empty one. What the worker sends ahead is printed as it
    comes; its warnings and, on a terminal, its progress go to standard error.

    \b
    Examples:
      gearbridge submit reverse hello
      gearbridge submit resize - < picture.jpg > thumbnail.jpg
      gearbridge submit --background --unique user-7 send_mail '{"to": 7}'
    """
    if payload == b"-":
        payload = sys.stdin.buffer.read()
    urgency = Priority[priority.upper()]
    if run_at is not None and urgency is not Priority.NORMAL:
        raise click.UsageError("a job with --at has normal priority; the protocol knows no other")
    reply_timeout = 60.0 if timeout is None else timeout
    with Client(servers, reply_timeout=reply_timeout) as client:
        if background or run_at is not None:
            handle = client.do_background(function, payload, unique_key, priority=urgency, run_at=run_at)
            click.echo(handle)
            return
        progress = _Progress()
        try:
            result = client.do(
                function,
                payload,
                unique_key,
                priority=urgency,
                timeout=timeout,
                on_data=_write,
                on_warning=progress.warn,
                on_status=progress.show,
            )
        finally:
            progress.clear()
        _write(result)


def _write(octets: bytes) -> None:
    sys.stdout.buffer.write(octets)
    sys.stdout.buffer.flush()


class _Progress:
    """A line on standard error that is written over, if that is a terminal."""

    def __init__(self) -> None:
        self._shown = False
        self._terminal = sys.stderr.isatty()

    def show(self, numerator: int, denominator: int) -> None:
        if self._terminal:
            share = f"{100 * numerator / denominator:.0f} % " if denominator else ""
            sys.stderr.write(f"\r\033[K{share}({numerator}/{denominator})")
            sys.stderr.flush()
            self._shown = True

    def warn(self, warning: bytes) -> None:
        self.clear()
        click.echo(f"gearbridge: warning: {warning.decode('utf-8', 'backslashreplace')}", err=True)

    def clear(self) -> None:
        if self._shown:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
            self._shown = False
