"""From gearmand's options to our server's configuration. Pure but for the system's table of services.

An option without a meaning here becomes a note for the log; one whose promise could not be kept is refused.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from gearbridge.errors import ConfigurationError
from gearbridge.process.logs import LEVELS

from ..sizes import read_size
from .options import BY_NAME, WITHOUT_MEANING
from .queues import store_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gearbridge.server.config import ServerConfig
    from gearbridge.server.launch import ProcessOptions

    Values = Mapping[str, str | int | bool]

#: gearmand's default pid file; that it cannot be written is not an error.
DEFAULT_PID_FILE = BY_NAME["pid-file"].default
_TABLES = ("libsqlite3-table", "libpq-table", "mysql-table")


@dataclass(frozen=True)
class Plan:
    """A server's configuration; `notes` are for the log. `http_port` is that of gearmand's HTTP protocol, if any."""

    config: ServerConfig
    process: ProcessOptions
    notes: tuple[str, ...]
    http_port: int | None = None


def plan(values: Values, config: ServerConfig, process: ProcessOptions) -> Plan:
    """Apply the given options to `config` and `process`. Raises ConfigurationError for what is not supported."""
    return Plan(_config(values, config), _process(values, process), _notes(values), _http_port(values))


def check(values: Values) -> None:
    """Check what gearmand checks first. Raises ConfigurationError."""
    if values.get("verbose", "ERROR") not in LEVELS:
        raise ConfigurationError("Invalid value for --verbose supplied")
    if int(values.get("hashtable-buckets", 991)) <= 0:
        raise ConfigurationError("hashtable-buckets has to be greater than 0")
    for name, (low, high) in _RANGES.items():
        if name in values and not low <= int(values[name]) <= high:
            raise ConfigurationError(f"the argument ('{values[name]}') for option '--{name}' is invalid")


_RANGES = {
    "job-retries": (-1, 255),
    "worker-wakeup": (0, 2**31),
    "backlog": (0, 2**31 - 1),
    "file-descriptors": (0, 2**62),
    "mysql-port": (1, 65535),
    "max-packet": (1024, 2**32 - 1),
}


def port_number(text: str) -> int:
    """A port by its number or its service's name. Raises ConfigurationError."""
    if not text.isdigit():
        try:
            return socket.getservbyname(text, "tcp")
        except OSError:
            raise ConfigurationError(f"{text!r} is neither a port nor the name of a service") from None
    if int(text) > 65535:
        raise ConfigurationError(f"port {text} is over 65535")  # gearmand: takes the number's last 16 bits
    return int(text)


#: Options that are a setting of the server as they stand: its name there, and how it is read.
_SETTINGS: dict[str, tuple[str, Callable[[str], object]]] = {
    "listen": ("listen", str),
    "port": ("port", port_number),
    "backlog": ("backlog", int),
    "exceptions": ("exceptions", bool),
    "job-retries": ("job_retries", int),
    "job-handle-prefix": ("job_handle_prefix", str),
    "worker-wakeup": ("worker_wakeup", int),
    "keepalive": ("keepalive", bool),
    "keepalive-idle": ("keepalive_idle", int),
    "keepalive-interval": ("keepalive_interval", int),
    "keepalive-count": ("keepalive_count", int),
    "max-packet": ("max_packet", int),
    "memory": ("memory", read_size),
    "stop-patience": ("stop_patience", float),
}

_PROCESS = {
    "daemon": "daemon",
    "pid-file": "pid_file",
    "log-file": "log_file",
    "syslog": "syslog",
    "verbose": "level",
    "user": "user",
    "file-descriptors": "file_descriptors",
}


#: gearmand asks no client for a certificate, with or without --ssl-ca-file.
_TLS = {"ssl-certificate": "ssl_certificate", "ssl-key": "ssl_key", "ssl-ca-file": "ssl_ca_file"}


def _config(values: Values, config: ServerConfig) -> ServerConfig:
    changes: dict[str, object] = {}
    for name, (field, read) in _SETTINGS.items():
        if name in values:
            changes[field] = read(values[name])  # type: ignore[arg-type]  # the parser has read numbers and flags
    if "queue-type" in values:
        changes["store"] = store_url(str(values["queue-type"]), values)
    if values.get("ssl"):
        changes |= _tls(values)
    return replace(config, **changes)  # type: ignore[arg-type]  # by field; each was read as its field's type


def _http_port(values: Values) -> int | None:
    protocol = values.get("protocol")
    if not protocol:
        return None
    if protocol != "http":
        raise ConfigurationError(f"Unknown protocol module : {protocol}")
    return port_number(str(values.get("http-port", BY_NAME["http-port"].default)))


def _tls(values: Values) -> dict[str, object]:
    # gearmand as Debian builds it takes --ssl and serves plain text. Here nothing starts without what was asked for.
    if not values.get("ssl-certificate"):
        raise ConfigurationError("--ssl needs --ssl-certificate")
    return {field: values[name] for name, field in _TLS.items() if name in values}


def _process(values: Values, process: ProcessOptions) -> ProcessOptions:
    changes = {field: values[name] for name, field in _PROCESS.items() if name in values}
    needed = changes.get("pid_file", process.pid_file) != DEFAULT_PID_FILE
    return replace(process, **changes, pid_file_needed=needed)  # type: ignore[arg-type]  # as in _config


def _notes(values: Values) -> tuple[str, ...]:
    notes = [f"--{name} has no meaning here" for name in WITHOUT_MEANING if name in values and name not in _TABLES]
    if not values.get("ssl"):
        notes += [f"--{name} needs --ssl" for name in _TLS if name in values]
    if not values.get("protocol") and "http-port" in values:
        notes.append("--http-port has no meaning without -r http")
    if values.get("job-retries") == 0:
        notes.append("--job-retries 0 fails a job when its first worker is lost, as in gearmand 2.0; -1 is no limit")
    if str(values.get("queue-type", "builtin")).lower() != "builtin":
        notes.append("jobs are kept in tables of our own; `gearbridge db import --from` takes over what gearmand left")
    return tuple(notes)
