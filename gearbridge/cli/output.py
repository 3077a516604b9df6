"""Printing, for all subcommands: what a terminal gets is escaped; a pipe or file gets the bytes as they are."""

from __future__ import annotations

import codecs
import sys
from typing import TYPE_CHECKING

import click

from gearbridge.escaping import LINES, escaped

if TYPE_CHECKING:
    from collections.abc import Sequence


def say(text: str, err: bool = False, nl: bool = True) -> None:
    """Print text, by default a line, on standard output or standard error.

    Names in Gearman are bytes: those that are not UTF-8 are surrogates in `text`.
    """
    if is_terminal(err):
        click.echo(_for_terminal(text, err), err=err, nl=nl)
    else:
        click.echo(text.encode("utf-8", "surrogateescape"), err=err, nl=nl)


def print_table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print columns as wide as their widest cell; numbers stand to the right, except in the first column."""
    if is_terminal():
        rows = [tuple(map(escaped, row)) for row in rows]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    numeric = [bool(column and rows) and all(row[column].isdigit() for row in rows) for column in range(len(head))]
    for row in (head, *rows):
        cells = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numeric, strict=True)
        )
        say("  ".join(cells).rstrip())


class Payloads:
    """Writes payloads to standard output: as they are, or as escaped text where it is a terminal.

    A character may be cut in two by the payloads of one job; `end` is where another job begins.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace") if is_terminal() else None

    def write(self, octets: bytes) -> None:
        """Write a part, and flush."""
        if self._decoder is not None:
            octets = _for_terminal(self._decoder.decode(octets))
        sys.stdout.buffer.write(octets)
        sys.stdout.buffer.flush()

    def end(self) -> None:
        """Write what is left of a cut character."""
        if self._decoder is not None:
            sys.stdout.buffer.write(_for_terminal(self._decoder.decode(b"", True)))
            sys.stdout.buffer.flush()


def is_terminal(err: bool = False) -> bool:
    """Return whether standard output, or standard error, is a terminal."""
    stream = sys.stderr if err else sys.stdout
    return stream is not None and stream.isatty()  # None where the descriptor was closed before the start


def _for_terminal(text: str, err: bool = False) -> bytes:
    encoding = (sys.stderr if err else sys.stdout).encoding
    # In an encoding of single bytes some bytes of UTF-8 are control characters.
    return escaped(text, LINES).encode(encoding, "backslashreplace")
