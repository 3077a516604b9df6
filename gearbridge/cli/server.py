"""`gearbridge server`: the job server."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import click

from gearbridge.errors import ConfigurationError
from gearbridge.server.config import ServerConfig
from gearbridge.server.launch import ProcessOptions, launch
from gearbridge.server.tls import CLIENT_CERTIFICATES
from gearbridge.stores.registry import FORMS

from .beside import beside
from .gearmand.mapping import check, plan
from .gearmand.options import FLAG, NUMBER, OPTIONS, WITHOUT_MEANING
from .gearmand.program import read_config_file
from .http import http_config, http_options
from .keeping import keep_options
from .log_options import log_options
from .running import announce

if TYPE_CHECKING:
    from collections.abc import Callable

    from .gearmand.mapping import Values

_DEFAULTS = ServerConfig()
_log = logging.getLogger(__name__)

#: gearmand's options that this command has under the same name anyway, or in another way.
_OWN = ("listen", "port", "job-retries", "worker-wakeup", "exceptions", "job-handle-prefix", "verbose")
#: Of the others --help shows these groups, without those that choose among what is not here.
_SHOWN = ("General options", "Gear")
_QUIET = {*WITHOUT_MEANING, "queue-type", "protocol"}
_TAKEN = [option for option in OPTIONS if option.name not in {*_OWN, "help", "version"}]


def gearmand_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add gearmand's other options. Help shows those that matter without one of gearmand's queues."""
    for option in reversed(_TAKEN):
        names = [f"--{option.name}", *([f"-{option.short}"] if option.short else [])]
        kind: dict[str, Any] = {"is_flag": True} if option.kind == FLAG else {}
        if option.kind == NUMBER:
            kind = {"type": int, "default": None}
        quiet = option.group not in _SHOWN or option.name in _QUIET
        command = click.option(*names, help=option.help, hidden=quiet, **kind)(command)
    return command


@click.command("server")
@click.option(
    "--listen",
    "-L",
    metavar="HOST",
    default=_DEFAULTS.listen,
    help="Name or address to listen on; '' is all interfaces. There are no passwords: see --ssl-client-certificate.",
)
@click.option(
    "--port",
    "-p",
    type=click.IntRange(0, 65535),
    default=_DEFAULTS.port,
    help="TCP port; 0 takes a free one and says which.",
)
@click.option(
    "--store",
    metavar="URL",
    default=_DEFAULTS.store,
    help=f"Where background jobs are kept: {' or '.join(FORMS)}.",
)
@click.option(
    "--store-patience",
    type=click.FloatRange(0),
    metavar="SECONDS",
    default=_DEFAULTS.store_patience,
    help="How long a background submit waits for a store that cannot be reached, before it is refused.",
)
@keep_options
@click.option(
    "--window",
    type=click.IntRange(0),
    metavar="JOBS",
    default=_DEFAULTS.window,
    help="How many background jobs of each priority are kept in memory where the store is a job table (SQLite, "
    "PostgreSQL, MySQL); more wait in the table until workers come to them. 0 is no limit.",
)
@click.option(
    "--window-bytes",
    type=click.IntRange(0),
    metavar="BYTES",
    default=_DEFAULTS.window_bytes,
    help="The same for the size of their payloads.",
)
@click.option(
    "--node",
    metavar="NAME",
    default=_DEFAULTS.node,
    help="This server's name in handles. [default: host name] Where it is given and the store is a PostgreSQL, a "
    "MySQL 8 or a MariaDB 10.6, servers of other names may have the same store: a job is done by a worker of any.",
)
@click.option(
    "--lease",
    type=click.FloatRange(1),
    metavar="SECONDS",
    default=_DEFAULTS.lease,
    help="After how long others take over what a node has in hand that is not heard of any more.",
)
@click.option("--job-handle-prefix", metavar="TEXT", default="", help="Replaces 'H:NODE' in handles.")
@click.option(
    "--job-retries",
    "-j",
    type=click.IntRange(-1, 255),
    default=_DEFAULTS.job_retries,
    help="After how many lost workers a job fails; -1 is never.",
)
@click.option(
    "--worker-wakeup",
    "-w",
    type=click.IntRange(0),
    default=_DEFAULTS.worker_wakeup,
    help="How many sleeping workers a new job wakes; 0 is all.",
)
@click.option("--exceptions", is_flag=True, help="Send WORK_EXCEPTION to every client, asked for or not.")
@click.option(
    "--allow-shutdown",
    is_flag=True,
    help="Let 'shutdown' and 'shutdown graceful' of the admin protocol end the server, for whoever can connect and "
    "is in --admin-from.",
)
@click.option(
    "--admin-from",
    metavar="NETWORK,...",
    default=_DEFAULTS.admin_from,
    help="Take admin commands that change something (cancel, create, drop, maxqueue, shutdown) from these addresses "
    "and networks alone, such as 127.0.0.1,10.0.0.0/8; 'none' is from nowhere. [default: from everywhere]",
)
@click.option(
    "--max-packet",
    type=click.IntRange(1024, 2**32 - 1),
    metavar="BYTES",
    default=_DEFAULTS.max_packet,
    help="Largest packet taken.",
)
@click.option(
    "--max-outbox",
    type=click.IntRange(0),
    metavar="BYTES",
    default=_DEFAULTS.max_outbox,
    help="How much may wait for a connection that does not read: it is read from no more, and over this it is closed. "
    "0 is twice --max-packet.",
)
@click.option(
    "--max-connections",
    type=click.IntRange(0),
    metavar="NUMBER",
    default=_DEFAULTS.max_connections,
    help="How many connections may be open; more are refused. 0 is what --file-descriptors leaves room for.",
)
@click.option(
    "--packet-timeout",
    type=click.FloatRange(0),
    metavar="SECONDS",
    default=_DEFAULTS.packet_timeout,
    help="How long a packet that has begun may stand still before its connection is closed; 0 is never.",
)
@click.option(
    "--idle-timeout",
    type=click.FloatRange(0),
    metavar="SECONDS",
    default=_DEFAULTS.idle_timeout,
    help="After how long a connection is closed that says nothing; 0 is never. Sleeping workers, workers with a job "
    "and clients that wait for one stay.",
)
@log_options
@http_options
@gearmand_options
@click.option(
    "--ssl-client-certificate",
    type=click.Choice(list(CLIENT_CERTIFICATES)),
    default=_DEFAULTS.ssl_client_certificate,
    help="Whether clients and workers show a certificate that --ssl-ca-file signed.",
)
@click.option(
    "--ssl-handshake-timeout",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    default=_DEFAULTS.ssl_handshake_timeout,
    help="How long a connection may take for its TLS handshake.",
)
@click.pass_context
def command(ctx: click.Context, /, verbose: str, log_format: str, **options: Any) -> None:
    """Run the job server until SIGTERM or Ctrl-C; SIGUSR1 lets the jobs in hand end first.

    Gearman clients and workers of any language connect to it as to gearmand. gearmand's options are taken as well,
    those of its queues included (-q libsqlite3 --libsqlite3-db FILE); SIGHUP opens the log file anew, and reads the
    certificates.

    \b
    Examples:
      gearbridge server                                  jobs in memory, on localhost port 4730
      gearbridge server --store sqlite:///jobs.db        background jobs survive a crash
      gearbridge server --ssl --ssl-certificate server.pem --ssl-key server.key
      gearbridge server --http 127.0.0.1:8080            with a dashboard in the browser
    """
    # Who reads JSON wants to read nothing else there.
    say = _log.info if log_format == "json" else announce
    http = http_config(options)
    values, notes = _gearmand_values(ctx, options)
    check(values)
    if "queue-type" in values and _is_given(ctx, "store"):
        raise ConfigurationError("--store and --queue-type both say where jobs are kept; give one of them")
    told = plan(values, ServerConfig(**options), ProcessOptions(level=verbose.upper(), log_format=log_format))
    if values.get("check-args"):
        return
    companions = beside(http, told.config.listen, told.http_port, say)
    launch(told.config, told.process, say, (*notes, *told.notes), companions)


def _gearmand_values(ctx: click.Context, options: dict[str, Any]) -> tuple[Values, list[str]]:
    """Take gearmand's own options out of `options`, and add what its configuration file says of those not given."""
    values: dict[str, Any] = {option.name: options.pop(_parameter(option.name)) for option in _TAKEN}
    values = {name: value for name, value in values.items() if value is not None and value is not False}
    if "config-file" not in values:
        return values, []
    from_file, notes = read_config_file(values["config-file"])
    given = {name for name in from_file if _is_given(ctx, _parameter(name))}
    return {**values, **{name: value for name, value in from_file.items() if name not in given}}, notes


def _is_given(ctx: click.Context, parameter: str) -> bool:
    return ctx.get_parameter_source(parameter) not in {None, click.core.ParameterSource.DEFAULT}


def _parameter(name: str) -> str:
    return name.replace("-", "_")
