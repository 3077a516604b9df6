"""`gearbridge server`: the job server."""

from __future__ import annotations

import logging
from typing import Any

import click

from gearbridge.server.config import ServerConfig
from gearbridge.server.service import run
from gearbridge.stores.registry import FORMS

_DEFAULTS = ServerConfig()
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@click.command("server")
@click.option(
    "--listen",
    "-L",
    metavar="HOST",
    default=_DEFAULTS.listen,
    help="Name or address to listen on; '' is all interfaces. The protocol has no password: think before opening it.",
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
@click.option(
    "--node", metavar="NAME", default=_DEFAULTS.node, help="This server's name in handles. [default: host name]"
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
    "--max-packet",
    type=click.IntRange(1024, 2**32 - 1),
    metavar="BYTES",
    default=_DEFAULTS.max_packet,
    help="Largest packet taken.",
)
@click.option("--verbose", type=click.Choice(_LEVELS, case_sensitive=False), default="INFO", help="What is logged.")
def command(verbose: str, **options: Any) -> None:
    """Run the job server until SIGTERM or Ctrl-C.

    Gearman clients and workers of any language connect to it as to gearmand.

    \b
    Examples:
      gearbridge server                                  jobs in memory, on localhost port 4730
      gearbridge server --store sqlite:///jobs.db        background jobs survive a crash
    """
    logging.basicConfig(level=verbose.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    run(ServerConfig(**options))
