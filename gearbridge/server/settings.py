"""What the engine is told of what the operator decided, and of the process that it runs in."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING

from gearbridge.core.settings import Settings
from gearbridge.version import __version__

from .access import networks

if TYPE_CHECKING:
    from .config import ServerConfig

#: Handles are numbered from the microseconds since this moment (2020-01-01), in seconds since 1970. A server would have
#: to take a million jobs a second, all its life, for a number to be given again after a restart.
NUMBER_EPOCH = 1_577_836_800


def settings_of(config: ServerConfig) -> Settings:
    """The engine's settings for a server that starts now. Raises ConfigurationError."""
    return Settings(
        handle_prefix=config.prefix(),
        first_number=int((time.time() - NUMBER_EPOCH) * 1_000_000),
        job_retries=config.job_retries,
        worker_wakeup=config.worker_wakeup,
        exceptions=config.exceptions,
        allow_shutdown=config.allow_shutdown,
        admin_from=networks(config.admin_from),
        window_jobs=config.window,
        window_bytes=config.window_bytes,
        shared=config.is_shared(),
        version=f"gearbridge-{__version__}",
        process_id=os.getpid(),
        log_level=logging.getLevelName(logging.getLogger().getEffectiveLevel()),
    )
