"""The program `gearmand`: a symbolic link of that name to the gearbridge command is the server with gearmand's options.

Errors are one line on standard error with gearmand's exit status: 1 for everything, 0 after a signal.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from gearbridge.errors import ConfigurationError, GearbridgeError
from gearbridge.server.config import ServerConfig
from gearbridge.server.launch import ProcessOptions, check_start, launch
from gearbridge.version import __version__

from ..companions import server_companions
from ..output import say
from .mapping import check, plan
from .options import BY_NAME, help_text
from .parser import parse, parse_file
from .queues import QueueRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .mapping import Plan
    from .parser import Values

NAME = "gearmand"
DEFAULT_CONFIG_FILE = BY_NAME["config-file"].default

_TLS_VARIABLES = {
    "ssl-ca-file": "GEARMAND_CA_CERTIFICATE",
    "ssl-certificate": "GEARMAND_SERVER_PEM",
    "ssl-key": "GEARMAND_SERVER_KEY",
}

_log = logging.getLogger(__name__)


def main(words: Sequence[str]) -> int:
    """Run `gearmand WORDS...`; return its exit status."""
    try:
        return _run(words)
    except QueueRefused as error:
        say(f"{NAME}: {error}\n{NAME}: Error while initializing the queue : {error.queue}", err=True)
    except GearbridgeError as error:
        say(f"{NAME}: {error}", err=True)
    return 1


def read_config_file(path: str) -> tuple[Values, list[str]]:
    """The options of a configuration file, and notes on what in it is none.

    Only gearmand's own default may be missing. Raises ConfigurationError.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            values, stray = parse_file(file.read())
    except OSError as error:
        if path == DEFAULT_CONFIG_FILE:
            return {}, []
        raise ConfigurationError("Could not open configuration file.") from error
    return values, [f"{path}: {word!r} is not an option and is passed over" for word in stray]


def _add_environment(values: Values) -> None:
    """gearmand's variables: the port's counts when no option names it, those of TLS go before the options."""
    if "port" not in values and os.environ.get("GEARMAND_PORT"):
        values["port"] = os.environ["GEARMAND_PORT"]
    for name, variable in _TLS_VARIABLES.items():
        if values.get("ssl") and os.environ.get(variable):
            values[name] = os.environ[variable]


def _run(words: Sequence[str]) -> int:
    given = parse(words)
    from_file, notes = read_config_file(str(given.get("config-file", DEFAULT_CONFIG_FILE)))
    values = {**from_file, **given}
    check(values)
    if values.get("check-args"):
        # gearmand ends here, whatever it would refuse later; a check that accepts what does not start is none.
        told = _plan(values)
        check_start(told.config, told.process)
        return 0
    if values.get("help"):
        print(help_text(), end="")
        return 0
    if values.get("version"):
        print(f"\n{NAME} {__version__} (gearbridge)")
        return 0
    told = _plan(values)
    companions = server_companions(None, told.config.listen, told.http_port, _log.info)
    launch(told.config, told.process, _log.info, (*notes, *told.notes), companions)
    return 0


def _plan(values: Values) -> Plan:
    _add_environment(values)
    return plan(
        values,
        ServerConfig(listen=""),
        ProcessOptions(
            pid_file=BY_NAME["pid-file"].default, log_file=BY_NAME["log-file"].default, level=BY_NAME["verbose"].default
        ),
    )
