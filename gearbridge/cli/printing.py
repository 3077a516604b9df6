"""What several subcommands print alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence


def say(text: str, err: bool = False) -> None:
    """Print a line, on standard output or standard error."""
    # Names in Gearman are bytes; those that are not UTF-8 are printed as they are.
    click.echo(text.encode("utf-8", "surrogateescape"), err=err)


def print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print columns as wide as their widest cell; numbers stand to the right, except in the first column."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    numeric = [bool(column and rows) and all(row[column].isdigit() for row in rows) for column in range(len(head))]
    for row in (head, *rows):
        cells = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        )
        say("  ".join(cells).rstrip())
