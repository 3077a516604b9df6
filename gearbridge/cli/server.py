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

from .companions import server_companions
from .gearmand.mapping import check, plan
from .gearmand.options import FLAG, NUMBER, OPTIONS, WITHOUT_MEANING
from .gearmand.program import read_config_file
from .http import http_config, http_options
from .log_options import log_options
from .process_options import announce, file_mode_option
from .retention_options import keep_options
from .retry_option import retry_option
from .sizes import SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

    from .gearmand.mapping import Values

_DEFAULTS = ServerConfig()
_log = logging.getLogger(__name__)

#: gearmand's options that this command has under the same name anyway, or in another way.
_OWN = (
    "listen",
    "port",
    "job-retries",
    "worker-wakeup",
    "exceptions",
    "job-handle-prefix",
    "verbose",
    "max-packet",
    "memory",
    "stop-patience",
)
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
    help="Name or address to listen on; '' means all interfaces. Gearman has no passwords: see "
    "--ssl-client-certificate.",
)
@click.option(
    "--port",
    "-p",
    type=click.IntRange(0, 65535),
    default=_DEFAULTS.port,
    help="TCP port; 0 picks a free port and prints it.",
)
@click.option(
    "--store",
    metavar="URL",
    default=_DEFAULTS.store,
    help=f"Store for background jobs: {' or '.join(FORMS)}.",
)
@click.option(
    "--store-patience",
    type=click.FloatRange(0),
    metavar="SECONDS",
    default=_DEFAULTS.store_patience,
    help="Longest time that a background submit waits for its commit before it is refused, whatever the store does; "
    "also for a status request that only the job table can answer.",
)
@click.option(
    "--require-synchronous",
    is_flag=True,
    help="Acknowledge background jobs only while PostgreSQL waits for a synchronous standby at each commit. While "
    "there is none, for example after a promotion, they wait for --store-patience and are then refused.",
)
@keep_options
@click.option(
    "--unsettled",
    type=click.IntRange(0),
    metavar="JOBS",
    default=_DEFAULTS.unsettled,
    help="Most finished jobs, running ones included, whose end is not durable yet, for at most 0.2 seconds; beyond "
    "that workers wait for the store. A crash repeats at most so many jobs, or one per worker if there are more "
    "workers. With 0 a worker gets its next job when the end of its last one is durable.",
)
@click.option(
    "--window",
    type=click.IntRange(0),
    metavar="JOBS",
    default=_DEFAULTS.window,
    help="Most background jobs of each priority in memory when the store is a job table (SQLite, PostgreSQL, MySQL); "
    "more wait in the table until workers ask for them. 0 means no limit.",
)
@click.option(
    "--window-bytes",
    type=click.IntRange(0),
    metavar="BYTES",
    default=_DEFAULTS.window_bytes,
    help="The same limit for the total size of their payloads; at most a quarter of --memory.",
)
@click.option(
    "--node",
    metavar="NAME",
    default=_DEFAULTS.node,
    help="This server's name in handles. [default: host name] If given, servers with other names may share a store in "
    "PostgreSQL, MySQL 8 or MariaDB 10.6: workers of any of them do its jobs.",
)
@click.option(
    "--lease",
    type=click.FloatRange(1),
    metavar="SECONDS",
    default=_DEFAULTS.lease,
    help="Seconds without a heartbeat after which other nodes take over a node's claimed jobs.",
)
@click.option("--job-handle-prefix", metavar="TEXT", default="", help="Replaces 'H:NODE' in handles; 31 bytes at most.")
@click.option(
    "--job-retries",
    "-j",
    type=click.IntRange(-1, 255),
    default=_DEFAULTS.job_retries,
    help="Number of lost workers after which a job fails; -1 means never.",
)
@retry_option
@click.option(
    "--worker-wakeup",
    "-w",
    type=click.IntRange(0),
    default=_DEFAULTS.worker_wakeup,
    help="Number of sleeping workers that a new job wakes; 0 means all.",
)
@click.option(
    "--exceptions", is_flag=True, help="Send WORK_EXCEPTION to every client, also to those that did not ask for it."
)
@click.option(
    "--allow-shutdown",
    is_flag=True,
    help="Let 'shutdown' and 'shutdown graceful' of the admin protocol end the server; any client within --admin-from "
    "may send it.",
)
@click.option(
    "--admin-from",
    metavar="NETWORK,...",
    default=_DEFAULTS.admin_from,
    help="Accept admin commands that change something (cancel, create, drop, maxqueue, shutdown) only from these "
    "addresses and networks, such as 127.0.0.1,10.0.0.0/8; 'none' means from nowhere. [default: from everywhere]",
)
@click.option(
    "--memory",
    type=SIZE,
    metavar="BYTES",
    default=_DEFAULTS.memory,
    envvar="GEARBRIDGE_MEMORY",
    help="Memory budget of the process, such as 512M; 0 means three quarters of the machine's or container's memory. "
    "Half of it, at most 384M, is for incomplete packets and unread replies. Beyond it the largest connection is "
    "dropped, background jobs that would stay in memory are refused, and none are claimed.",
)
@click.option(
    "--max-packet",
    type=click.IntRange(1024, 2**32 - 1),
    metavar="BYTES",
    default=_DEFAULTS.max_packet,
    help="Largest packet accepted. A larger submit is refused, and a larger result makes its job fail.",
)
@click.option(
    "--max-outbox",
    type=click.IntRange(0),
    metavar="BYTES",
    default=_DEFAULTS.max_outbox,
    help="Size of unread replies beyond which nothing more is read from a connection; 0 means twice --max-packet. "
    "Workers that stream to it are held back sooner, at 1 MiB.",
)
@click.option(
    "--max-connections",
    type=click.IntRange(0),
    metavar="NUMBER",
    default=_DEFAULTS.max_connections,
    help="Most open connections; more are refused. 0 means as many as --file-descriptors allows.",
)
@click.option(
    "--packet-timeout",
    type=click.FloatRange(0),
    metavar="SECONDS",
    default=_DEFAULTS.packet_timeout,
    help="Time without progress in the middle of a packet after which a connection is closed; after a quarter of it a "
    "connection is closed that reads nothing of many waiting replies. 0 means never.",
)
@click.option(
    "--idle-timeout",
    type=click.FloatRange(0),
    metavar="SECONDS",
    default=_DEFAULTS.idle_timeout,
    help="Time without a packet after which a connection is closed; 0 means never. Sleeping workers, workers with a "
    "job and clients that wait for one stay connected.",
)
@click.option(
    "--stop-patience",
    type=click.FloatRange(0),
    metavar="SECONDS",
    default=_DEFAULTS.stop_patience,
    help="Time that clients may go on submitting during a graceful stop (SIGUSR1). Then submits are refused, no job is "
    "started, and the server ends with the last running job.",
)
@log_options
@file_mode_option
@http_options
@gearmand_options
@click.option(
    "--ssl-client-certificate",
    type=click.Choice(list(CLIENT_CERTIFICATES)),
    default=_DEFAULTS.ssl_client_certificate,
    help="Whether clients and workers must have a certificate signed by --ssl-ca-file.",
)
@click.option(
    "--ssl-handshake-timeout",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    default=_DEFAULTS.ssl_handshake_timeout,
    help="Longest time for the TLS handshake of a connection.",
)
@click.pass_context
def command(ctx: click.Context, /, verbose: str, log_format: str, **options: Any) -> None:
    """Run the job server until SIGTERM or Ctrl-C; SIGUSR1 lets the running jobs end first.

    Gearman clients and workers of any language connect to it as to gearmand. gearmand's options are accepted as well,
    those of its queues included (-q libsqlite3 --libsqlite3-db FILE). SIGHUP reopens the log file and reloads the
    certificates.

    \b
    Examples:
      gearbridge server                                  jobs in memory, on localhost port 4730
      gearbridge server --store sqlite:///jobs.db        background jobs survive a crash
      gearbridge server --ssl --ssl-certificate server.pem --ssl-key server.key
      gearbridge server --http 127.0.0.1:8080            with a dashboard in the browser
    """
    # A reader of JSON wants no other line there.
    say = _log.info if log_format == "json" else announce
    http = http_config(options)
    values, notes = _gearmand_values(ctx, options)
    check(values)
    if "queue-type" in values and _is_given(ctx, "store"):
        raise ConfigurationError("give --store or --queue-type, not both")
    told = plan(values, ServerConfig(**options), ProcessOptions(level=verbose.upper(), log_format=log_format))
    if values.get("check-args"):
        return
    companions = server_companions(http, told.config.listen, told.http_port, say)
    launch(told.config, told.process, say, (*notes, *told.notes), companions)


def _gearmand_values(ctx: click.Context, options: dict[str, Any]) -> tuple[Values, list[str]]:
    """Take gearmand's own options out of `options`, and add those of its configuration file that are not given."""
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
