"""From options to a serving process, in gearmand's order: descriptors, user, background, pid file, log, serve."""

from __future__ import annotations

import asyncio
import codecs
import logging
import os
import sys
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gearbridge.process import logs, systemd
from gearbridge.process.daemonize import detach
from gearbridge.process.descriptors import limit_descriptors, raise_descriptors
from gearbridge.process.event_loop import SWITCH_INTERVAL, loop_factory
from gearbridge.process.out_of_memory import end_process
from gearbridge.process.pid_file import pid_file
from gearbridge.process.privileges import switch_user, user_to_become
from gearbridge.process.signals import Signals

from .opening import store_of
from .service import Service, no_companions
from .settings import settings_of
from .tls import server_context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .config import ServerConfig
    from .service import Companions

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
    companions: Companions = no_companions,
) -> None:
    """Serve until a signal ends it. `notes` go to the log; `announce` gets one line when the server answers.

    `companions` is what else runs in the server's event loop.
    Raises ConfigurationError when it cannot start so.
    """
    check_start(config, process)
    config.prefix()
    if process.user:
        _load_early()
    if process.file_descriptors:
        limit_descriptors(process.file_descriptors)
    else:
        raise_descriptors()
    if process.user:
        switch_user(process.user)
    detached = detach() if process.daemon else None
    signals = Signals()
    with signals.heeded(), pid_file(process.pid_file, needed=process.pid_file_needed):
        _start_log(process)
        for note in notes:
            # Whatever the level is: an option that changes nothing must not do so in silence.
            _log.handle(_log.makeRecord(_log.name, logging.WARNING, "", 0, note, (), None))

        def ready(line: str) -> None:
            announce(line)
            systemd.ready(line)
            if detached is not None:
                detached()

        try:
            run(config, ready, companions, signals)
        except MemoryError:
            end_process()


def run(config: ServerConfig, ready: Callable[[str], None], companions: Companions, signals: Signals) -> None:
    """Serve until SIGTERM or SIGINT, or after SIGUSR1 until the running jobs are done.

    `ready` is called once it serves, with a line that has the address. `companions` is what else runs in its event loop
    while it serves, entered before and left when it stops. Raises ConfigurationError when the server cannot start so.
    """
    sys.setswitchinterval(SWITCH_INTERVAL)
    tls = server_context(config)
    with closing(store_of(config)) as store:
        store.open()
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            service = Service(config, store, tls, ready, companions)
            try:
                runner.run(service.serve(signals))
            finally:
                signals.detach()


def check_start(config: ServerConfig, process: ProcessOptions) -> None:
    """Refuse what can be refused before anything happens: a store's URL, networks, files of TLS, a user.

    Raises ConfigurationError. Nothing is connected to, bound or created.
    """
    store_of(config)
    settings_of(config)
    server_context(config)
    if process.user:
        user_to_become(process.user)


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
