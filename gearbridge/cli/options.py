"""What several subcommands take: options and readings of arguments that mean the same everywhere."""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import click

from gearbridge.client.connection import parse_servers
from gearbridge.client.tls import Tls
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
        help="Job servers; the default port is 4730.",
    )(command)


def _read_servers(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    try:
        return tuple(map(str, parse_servers(value)))
    except ConfigurationError as error:
        raise click.BadParameter(str(error), ctx, param) from error


#: The files of TLS: their part of the option's name, the variable of the gearman tool that is read too, help.
_TLS_FILES = (
    ("ca-file", "GEARMAND_CA_CERTIFICATE", "The authorities whose servers are trusted. [default: the system's]"),
    ("certificate", "GEARMAN_CLIENT_PEM", "Our own certificate, for servers that ask for one."),
    ("key", "GEARMAN_CLIENT_KEY", "Its private key. [default: in the certificate's file]"),
)


def tls_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --ssl and what belongs to it; the function gets `tls`, a Tls or None."""

    @functools.wraps(command)
    def run(*args: Any, ssl: bool, ssl_check_name: bool, **options: Any) -> Any:
        files = {name.replace("-", "_"): options.pop(f"ssl_{name.replace('-', '_')}") for name, _, _ in _TLS_FILES}
        if not ssl:
            _refuse_without_ssl(click.get_current_context())
        return command(*args, tls=Tls(**files, check_name=ssl_check_name) if ssl else None, **options)

    decorated: Callable[..., Any] = click.option(
        "--ssl-check-name/--ssl-no-check-name",
        default=True,
        envvar="GEARBRIDGE_SSL_CHECK_NAME",
        help="Check that the server's certificate is for the name or address in --servers.",
    )(run)
    for name, variable, text in reversed(_TLS_FILES):
        variables = [f"GEARBRIDGE_SSL_{name.upper().replace('-', '_')}", variable]
        decorated = click.option(f"--ssl-{name}", metavar="FILE", envvar=variables, help=text)(decorated)
    return click.option("--ssl", "-S", is_flag=True, envvar="GEARBRIDGE_SSL", help="Connect over TLS.")(decorated)


def _refuse_without_ssl(ctx: click.Context) -> None:
    for parameter in ctx.command.params:
        name = str(parameter.name)
        given = ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        if name.startswith("ssl_") and given:
            raise click.UsageError(f"{parameter.opts[0]} needs --ssl")


def database_option(help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add --database; the function gets `database`, a URL."""
    return click.option(
        "--database", metavar="URL", required=True, envvar="GEARBRIDGE_DATABASE", show_envvar=True, help=help
    )


def seconds_option(*names: str, help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add an option that takes a time in seconds, above 0; none by default."""
    return click.option(*names, type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help=help)
