"""The engine's settings, from the operator's configuration and the process that it runs in."""

from __future__ import annotations

import logging
import os
import secrets
from typing import TYPE_CHECKING

from gearbridge.core.settings import Settings
from gearbridge.version import __version__

from .access import networks
from .budget import limits_of

if TYPE_CHECKING:
    from .config import ServerConfig

#: The release of gearmand that a server behaves as.
GEARMAND = "2.0.0"
#: What the numbers of one process begin with: so many digits, the first of which is no zero.
_LIFE_DIGITS = 18
#: What part of --memory the payloads of a window take at most: as much is on its way in, to the store and out.
_WINDOW_SHARE = 4


def settings_of(config: ServerConfig) -> Settings:
    """The engine's settings for a server that starts now. Raises ConfigurationError."""
    limits = limits_of(config.memory)
    share = None if limits.total is None else limits.total // _WINDOW_SHARE
    return Settings(
        handle_prefix=config.prefix(),
        life=_life(),
        job_retries=config.job_retries,
        retry_rules=config.retry,
        worker_wakeup=config.worker_wakeup,
        exceptions=config.exceptions,
        allow_shutdown=config.allow_shutdown,
        admin_from=networks(config.admin_from),
        window_jobs=config.window,
        window_bytes=config.window_bytes if share is None else min(config.window_bytes, share),
        unsettled=config.unsettled,
        store_patience=config.store_patience,
        most_names=limits.held // 4,
        shared=config.is_shared(),
        # Clients parse numbers; these name the behaviour.
        version=f"{GEARMAND}+gearbridge-{__version__}",
        process_id=os.getpid(),
        log_level=logging.getLevelName(logging.getLogger().getEffectiveLevel()),
    )


def _life() -> str:
    # Not from a clock, which may read the same at two starts, or be another machine's: two processes get the same one
    # with a probability of 1 in 9 * 10**17, whatever their names, stores and clocks are.
    return str(secrets.randbelow(9 * 10 ** (_LIFE_DIGITS - 1)) + 10 ** (_LIFE_DIGITS - 1))
