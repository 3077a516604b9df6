"""What several subcommands take: options and readings of arguments that mean the same everywhere."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from gearbridge.client.connection import parse_servers
from gearbridge.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

#: Exit statuses, for the end of a subcommand's help.
STATUSES = """\b
Exit status:
  0  done
  1  the job failed, or the server refused it
  2  wrong usage
  3  no server could be reached, or it did not answer in time"""


def as_bytes(ctx: click.Context, param: click.Parameter, value: str | None) -> bytes | None:
    """Callback of an argument or option that is bytes as the user typed them, whatever their encoding."""
    return None if value is None else os.fsencode(value)


def as_name(ctx: click.Context, param: click.Parameter, value: str | tuple[str, ...]) -> bytes | tuple[bytes, ...]:
    """Callback of an argument that is one name or several, as bytes, none of them empty."""
    names = (value,) if isinstance(value, str) else value
    if not all(names):
        raise click.BadParameter("it cannot be empty", ctx, param)
    octets = tuple(map(os.fsencode, names))
    return octets[0] if isinstance(value, str) else octets


def servers_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --servers; the function gets `servers`, a tuple of "host:port"."""
    return click.option(
        "--servers",
        "-s",
        metavar="HOST:PORT,...",
        default="127.0.0.1:4730",
        envvar="GEARBRIDGE_SERVERS",
        show_default=True,
        show_envvar=True,
        callback=_read_servers,
        help="The job servers. The port is 4730 where none is given.",
    )(command)


def _read_servers(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    try:
        return tuple(map(str, parse_servers(value)))
    except ConfigurationError as error:
        raise click.BadParameter(str(error), ctx, param) from error


def seconds_option(*names: str, help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add an option that takes a time in seconds, above 0; none by default."""
    return click.option(*names, type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help=help)
