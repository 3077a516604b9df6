"""PostgreSQL's own parser, pglast: an extra, for it is under the GPL and only what reads SQL needs it."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..errors import ConfigurationError


def postgresql_parser() -> Any:
    """Import pglast. Raises ConfigurationError, with the way to install it, where it is missing."""
    try:
        return import_module("pglast")
    except ImportError as error:
        raise ConfigurationError(
            "this needs PostgreSQL's parser, which is not installed: pip install 'gearbridge[triggers]' "
            f"(pglast, under the GPL) ({error})"
        ) from error
