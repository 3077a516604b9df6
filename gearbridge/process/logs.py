"""Where the log goes, and how it looks: standard error, a file that can be opened anew, syslog; for people or as JSON.

It knows nothing of what is logged.

The levels are gearmand's, so that --verbose means the same and the admin command `verbose` answers the same word.
"""

from __future__ import annotations

import json
import logging
import os
import syslog
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gearbridge.escaping import LINES, escaped
from gearbridge.private_files import with_mode

if TYPE_CHECKING:
    from io import TextIOWrapper

NOTICE = 25

#: gearmand's words for --verbose, the least talkative first.
LEVELS = {
    "FATAL": 70,
    "ALERT": 60,
    "CRITICAL": logging.CRITICAL,
    "ERROR": logging.ERROR,
    "WARNING": logging.WARNING,
    "NOTICE": NOTICE,
    "INFO": logging.INFO,
    "DEBUG": logging.DEBUG,
}

#: How lines may look.
FORMATS = ("human", "json")
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
#: What every record has; all else was given as `extra`.
_COMMON = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime"})
_SYSLOG = {70: syslog.LOG_EMERG, 60: syslog.LOG_ALERT, 50: syslog.LOG_CRIT, 40: syslog.LOG_ERR}
_SYSLOG |= {30: syslog.LOG_WARNING, NOTICE: syslog.LOG_NOTICE, 20: syslog.LOG_INFO, 10: syslog.LOG_DEBUG}

_log = logging.getLogger(__name__)


class LogFile(logging.FileHandler):
    """A file that another program may move away: `reopen` begins it anew, with the mode that it had."""

    former_mode: int | None = None

    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = with_mode(self.baseFilename, flags, self.former_mode)
        return open(descriptor, "a", encoding=self.encoding, errors=self.errors)

    def reopen(self) -> None:
        """Open the file under its name again. When that fails, go on in the old one."""
        assert self.stream is not None
        self.former_mode = os.fstat(self.stream.fileno()).st_mode & 0o777
        opened = self._open()
        self.acquire()
        try:
            self.stream, old = opened, self.stream
        finally:
            self.release()
        old.close()


class Lines(logging.Formatter):
    """One line for people, and a traceback where there is one; what peers and databases sent can forge neither."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  logging's name
        record.message = escaped(record.message)
        return super().formatMessage(record)

    def formatException(self, *info: Any) -> str:  # noqa: N802
        return escaped(super().formatException(*info), LINES)


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger and message, and a traceback where there is one.

    What the event concerns, handles and functions, are fields of their own.
    """

    def format(self, record: logging.LogRecord) -> str:
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **{name: value for name, value in vars(record).items() if name not in _COMMON},
        }
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        line = json.dumps(fields, default=str, ensure_ascii=False)
        if line.isprintable():
            return line
        return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in line)


class Syslog(logging.Handler):
    """The system's log, through the C library: harmless where no daemon listens."""

    def __init__(self) -> None:
        super().__init__()
        syslog.openlog("gearmand", syslog.LOG_PID | syslog.LOG_NDELAY, syslog.LOG_USER)

    def emit(self, record: logging.LogRecord) -> None:
        syslog.syslog(_SYSLOG.get(record.levelno, syslog.LOG_INFO), self.format(record))


def start(level: str, file: str, *, to_syslog: bool = False, form: str = "human") -> None:
    """Begin to log. `file` is a path, "stderr", or "none"; `level` is one of LEVELS, `form` one of FORMATS.

    Raises OSError when the file cannot be opened; nothing has begun then.
    """
    for name, number in LEVELS.items():
        logging.addLevelName(number, name)
    handlers: list[logging.Handler] = []
    if file == "stderr":
        handlers.append(logging.StreamHandler())
    elif file != "none":
        handlers.append(LogFile(file, encoding="utf-8"))
    if to_syslog:
        handlers.append(Syslog())
    for handler in handlers:
        handler.setFormatter(JsonLines() if form == "json" else Lines(_FORMAT))
    logging.basicConfig(level=LEVELS[level], handlers=handlers or [logging.NullHandler()])


def reopen() -> None:
    """Open the log file anew, where there is one: what SIGHUP is for.

    gearmand: with the log on standard error it begins a file of the name `stderr`. Here: nothing happens.
    """
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LogFile):
            _log.log(NOTICE, "SIGHUP, reopening log file")
            try:
                handler.reopen()
            except OSError as error:
                _log.error("the log file cannot be reopened, the previous one stays in use: %s", error)
