"""`python -m gearbridge.extension`: build the extensions' files, check their sources, make their reference page."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ..errors import ConfigurationError
from .assemble import EXTENSIONS
from .build import assembled, build
from .parser import postgresql_parser
from .sources import read_source


@click.group()
def main() -> None:
    """Build the PostgreSQL extensions gearbridge and gearbridge_direct from their sources."""


@main.command("build")
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("build/extension"),
    show_default=True,
    help="Directory for the control files and scripts; made if need be.",
)
def build_command(output: Path) -> None:
    """Write the control files and the scripts of both extensions.

    Copy them into SHAREDIR/extension of a PostgreSQL server (pg_config --sharedir prints it), then run
    CREATE EXTENSION gearbridge_direct CASCADE there.

    \b
    Example:
      python -m gearbridge.extension build --output /tmp/gearbridge
    """
    for path in build(output):
        click.echo(path)


@main.command("lint")
def lint_command() -> None:
    """Check every function and the scripts: volatility, search_path, comments, schemas of names, who may execute it."""
    postgresql_parser()
    from .lint import lint  # noqa: PLC0415  `build` needs no parser
    from .lint_script import lint_script  # noqa: PLC0415  as above

    found = [fault for name in EXTENSIONS for look in (lint, lint_script) for fault in look(_script(name))]
    for complaint in found:
        click.echo(complaint, err=True)
    if found:
        sys.exit(1)
    click.echo("OK")


@main.command("reference")
def reference_command() -> None:
    """Print the reference page of the SQL functions: docs/reference/sql.md."""
    postgresql_parser()
    from .reference import reference  # noqa: PLC0415  as above

    click.echo(reference(read_source), nl=False)


def _script(extension: str) -> str:
    return next(text for name, text in assembled((extension,)).items() if name.endswith(".sql"))


if __name__ == "__main__":
    try:
        main(prog_name="python -m gearbridge.extension")
    except ConfigurationError as error:
        sys.exit(f"gearbridge.extension: {error}")
