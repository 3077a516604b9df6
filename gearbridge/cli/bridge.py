"""`gearbridge bridge`: from a database's job table to a job server elsewhere."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import click

from gearbridge.bridge.config import FOLLOW_WINDOW, HAND_OVER_WINDOW, BridgeConfig
from gearbridge.bridge.daemon import run
from gearbridge.cli.http import http_config, http_options
from gearbridge.cli.log_options import log_options
from gearbridge.cli.options import servers_option, tls_options
from gearbridge.errors import ConfigurationError
from gearbridge.process import logs
from gearbridge.process.signals import Signals
from gearbridge.wire.parser import MAX_PACKET

from .companions import bridge_companions
from .process_options import announce, file_mode_option, pid_file_at, pid_file_option
from .retention_options import keep_options

if TYPE_CHECKING:
    from pathlib import Path


_log = logging.getLogger(__name__)


def _read_patterns(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    patterns = tuple(pattern.strip() for pattern in value.split(","))
    if not all(patterns):
        raise click.BadParameter("a pattern cannot be empty", ctx, param)
    return patterns


@click.command("bridge")
@click.option(
    "--database",
    metavar="URL",
    required=True,
    help="The database with the job table: postgresql://..., mysql://... or sqlite:///FILE. It may list several hosts.",
)
@servers_option
@tls_options
@click.option(
    "--functions",
    metavar="PATTERN,...",
    default="*",
    callback=_read_patterns,
    help="Patterns of the functions to bridge, such as 'mail_*'; other jobs stay in the table.",
)
@click.option("--follow", is_flag=True, help="Follow every job to its end: its row stays until it is done.")
@click.option(
    "--window",
    type=click.IntRange(1),
    metavar="N",
    help="Most claimed jobs of one function at a time. [default: "
    f"{HAND_OVER_WINDOW}, or {FOLLOW_WINDOW} with --follow]",
)
@keep_options
@click.option(
    "--max-packet",
    type=click.IntRange(1024, 2**32 - 1),
    metavar="BYTES",
    default=MAX_PACKET,
    help="Largest packet that the job server accepts; a job that needs a larger one fails.",
)
@pid_file_option
@click.option("--log-file", "-l", metavar="FILE", default="stderr", help="Where to log: a path, 'stderr' or 'none'.")
@log_options
@file_mode_option
@http_options
def command(
    pid_file: Path | None, log_file: str, verbose: str, log_format: str, window: int | None, **options: Any
) -> None:
    """Submit what gman_enqueue put into a database to a job server with another store; gearmand works too.

    A job is handed over: its row is deleted once the job server has acknowledged it. A job that keeps its result, has
    several attempts or a unique key is followed: its row stays and receives progress, result or error. Workers get
    the job's handle in the database as its unique key, for gman_complete.

    Job server, database and bridge may be restarted or killed at any time. Several bridges may run for one database:
    one works, and another takes over within two seconds when it ends.

    SIGTERM or Ctrl-C: settle what is acknowledged, then leave; the rest stays in the table. SIGUSR1: end when the
    claimed jobs have ended. SIGHUP: open the log file anew, and read the certificates.

    \b
    Examples:
      gearbridge bridge --database postgresql:///shop --servers jobs1,jobs2
      gearbridge bridge --database mysql://me@db/shop --functions 'mail_*,resize' --follow
      gearbridge bridge --database postgresql:///shop --servers jobs1 --ssl --ssl-ca-file authority.pem
      gearbridge bridge --database postgresql:///shop --http 127.0.0.1:8081    with a dashboard in the browser

    \b
    Exit status:
      0  stopped by a signal
      1  the database cannot be used
      2  wrong usage
    """
    # A reader of JSON wants no other line there.
    say = _log.info if log_format == "json" else announce
    http = http_config(options)
    try:
        logs.start(verbose.upper(), log_file, form=log_format)
    except OSError as error:
        raise ConfigurationError(f"the log file {log_file} cannot be opened: {error.strerror}") from error
    signals = Signals()
    with signals.heeded(), pid_file_at(pid_file):
        run(BridgeConfig(window=window or 0, **options), say, bridge_companions(http, say), signals)
