"""The options of the log, the same for a server and a bridge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gearbridge.process.logs import FORMATS, LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable


def log_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --verbose and --log-format; the function gets `verbose`, one of LEVELS in any case, and `log_format`."""
    verbose = click.option(
        "--verbose",
        type=click.Choice(list(LEVELS), case_sensitive=False),
        default="INFO",
        help="Least severe level that is logged.",
    )
    log_format = click.option(
        "--log-format",
        type=click.Choice(FORMATS),
        default="human",
        help="Format of the log: plain lines, or one JSON object per line.",
    )
    return verbose(log_format(command))
