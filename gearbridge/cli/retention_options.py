"""The options of how long finished jobs stay in the table, the same for a server and a bridge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gearbridge.persistence.retention import KEEP_DONE, KEEP_FAILED

if TYPE_CHECKING:
    from collections.abc import Callable


def keep_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --keep-done and --keep-failed; the function gets `keep_done` and `keep_failed`, in days, below 0 for ever."""
    for name, default, which in (
        ("--keep-failed", KEEP_FAILED, "stay in the store when they have failed for good and are kept"),
        ("--keep-done", KEEP_DONE, "that SQL enqueued with keep_result stay in the store when they are done"),
    ):
        help = f"How long jobs {which}; -1 is for ever."
        days = click.FloatRange(-1)
        command = click.option(name, type=days, metavar="DAYS", default=default, show_default=True, help=help)(command)
    return command
