"""From options to a serving process, in gearmand's order: descriptors, user, background, pid file, log, serve."""

from __future__ import annotations

import codecs
import logging
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gearbridge.stores.registry import store_for

from . import logs, notify
from .access import networks
from .daemon import detach
from .looping import loop_factory
from .process import limit_descriptors, pid_file, switch_user
from .service import nothing, run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .config import ServerConfig
    from .service import Beside

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ProcessOptions:
    """daemon: go into the background once the server answers.
    pid_file: where the process id is kept while the server runs; '' is nowhere.
    pid_file_needed: whether a pid file that cannot be written keeps the server from starting.
    log_file: a path, "stderr" or "none".
    syslog: log to the system's log as well.
    level: one of logs.LEVELS.
    log_format: one of logs.FORMATS.
    user: whom to become before anything is opened; '' stays who it is.
    file_descriptors: how many files may be open; 0 leaves it as it is.
    """

    daemon: bool = False
    pid_file: str = ""
    pid_file_needed: bool = True
    log_file: str = "stderr"
    syslog: bool = False
    level: str = "INFO"
    log_format: str = "human"
    user: str = ""
    file_descriptors: int = 0


def launch(
    config: ServerConfig,
    process: ProcessOptions,
    announce: Callable[[str], None],
    notes: Iterable[str] = (),
    beside: Beside = nothing,
) -> None:
    """Serve as told until a signal ends it. `notes` go to the log; `announce` gets one line when the server answers.

    `beside` is what else runs in the server's event loop.
    Raises ConfigurationError when it cannot start as told.
    """
    store_for(config.store)  # what is wrong is refused before anything happens
    networks(config.admin_from)
    if process.user:
        _load_early()
    if process.file_descriptors:
        limit_descriptors(process.file_descriptors)
    if process.user:
        switch_user(process.user)
    detached = detach() if process.daemon else None
    with pid_file(process.pid_file, needed=process.pid_file_needed):
        _start_log(process)
        for note in notes:
            # Whatever the level is: an option that changes nothing must not do so in silence.
            _log.handle(_log.makeRecord(_log.name, logging.WARNING, "", 0, note, (), None))

        def ready(line: str) -> None:
            announce(line)
            notify.ready(line)
            if detached is not None:
                detached()

        run(config, ready, beside)


def _load_early() -> None:
    # Another user may not be able to read the files of our Python: what is loaded on first use is loaded before.
    loop_factory()
    for codec in ("ascii", "idna"):
        codecs.lookup(codec)


def _start_log(process: ProcessOptions) -> None:
    try:
        logs.start(process.level, process.log_file, to_syslog=process.syslog, form=process.log_format)
    except OSError as error:
        print(
            f'{os.path.basename(sys.argv[0])}: Could not open log file "{process.log_file}", from "{os.getcwd()}", '
            f"switching to stderr. ({error.strerror})",
            file=sys.stderr,
        )
        logs.start(process.level, "stderr", to_syslog=process.syslog, form=process.log_format)
