"""`gearbridge demo`: everything at once, as it would be typed. What happens is the demo package's business."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import click

from gearbridge.errors import ConfigurationError


@click.command("demo")
@click.option(
    "--image",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A picture of yours to make the thumbnail of; without it the demo draws one.",
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo-out"),
    help="The folder for the thumbnail, the jobs and the logs.",
)
@click.option("--postgres", is_flag=True, help="With a temporary PostgreSQL and the extension, not with SQLite.")
def command(image: Path | None, output: Path, postgres: bool) -> None:
    """Show a job's whole life: enqueued by a trigger, stored by the job server, done by a worker, read by SQL.

    It prints each step as you would type it, with its output, and stops everything it started. It needs Pillow
    (pip install 'gearbridge[demo]'), and for --postgres Debian's package postgresql-plpython3-15 or a later one.

    \b
    Examples:
      gearbridge demo                             a picture of its own, from SQLite
      gearbridge demo --image holiday.jpg         one of yours
      gearbridge demo --postgres                  the same from PostgreSQL
    """
    try:
        from gearbridge.demo.story import tell  # noqa: PLC0415  it needs Pillow, which is an extra
    except ModuleNotFoundError as error:
        if error.name != "PIL":
            raise
        raise ConfigurationError("the demo needs Pillow: pip install 'gearbridge[demo]'") from error
    for number in (signal.SIGTERM, signal.SIGHUP):
        # Leave through every `with`, as Ctrl-C does, so that nothing that was started stays behind.
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    tell(image, output, postgres=postgres)
