"""gearmand's options as one table: the parser, its help, and what `gearbridge server` takes of them are read from it.

Names, short names and defaults are those of gearmand 1.1.20 and 2.0.0.
"""

from __future__ import annotations

from typing import NamedTuple

TEXT, NUMBER, FLAG = "text", "number", "flag"


class Option(NamedTuple):
    """One option. `default` is what --help shows; `group` is the heading it stands under; '' is not shown at all."""

    name: str
    short: str
    kind: str
    group: str
    help: str
    default: str = ""


_GENERAL = "General options"
_TCP = "-1 is the system's own."

OPTIONS = (
    Option("backlog", "b", NUMBER, _GENERAL, "Most connections that wait to be accepted.", "32"),
    Option("daemon", "d", FLAG, _GENERAL, "Run in the background; the command ends when the server answers."),
    Option(
        "exceptions", "", FLAG, _GENERAL, "Send WORK_EXCEPTION to every client, also to those that did not ask for it."
    ),
    Option("file-descriptors", "f", NUMBER, _GENERAL, "Most open files and connections."),
    Option("help", "h", FLAG, _GENERAL, "Show this message and exit."),
    Option(
        "job-retries", "j", NUMBER, _GENERAL, "Number of lost workers after which a job fails; -1 means never.", "-1"
    ),
    Option("job-handle-prefix", "", TEXT, _GENERAL, "Prefix of handles, instead of H:HOST."),
    Option("hashtable-buckets", "", NUMBER, _GENERAL, "Without meaning here: the tables grow by themselves.", "991"),
    Option("keepalive", "", FLAG, _GENERAL, "Have the system find out when a silent connection is dead."),
    Option("keepalive-idle", "", NUMBER, _GENERAL, f"Seconds of silence before it asks; {_TCP}", "-1"),
    Option("keepalive-interval", "", NUMBER, _GENERAL, f"Seconds until it asks again; {_TCP}", "-1"),
    Option("keepalive-count", "", NUMBER, _GENERAL, f"How often it asks; {_TCP}", "-1"),
    Option("log-file", "l", TEXT, _GENERAL, "Log file; 'stderr' or 'none' too.", "/var/log/gearmand.log"),
    Option("listen", "L", TEXT, _GENERAL, "Name or address to listen on; all interfaces when not given."),
    Option("pid-file", "P", TEXT, _GENERAL, "File to keep the process id in.", "/var/gearmand.pid"),
    Option("protocol", "r", TEXT, _GENERAL, "Another protocol beside Gearman's: http."),
    Option("round-robin", "R", FLAG, _GENERAL, "Without meaning here: a worker's functions always take turns."),
    Option("queue-type", "q", TEXT, _GENERAL, "Where background jobs are kept.", "builtin"),
    Option("config-file", "", TEXT, _GENERAL, "File with more of these options.", "/etc/gearmand.conf"),
    Option("syslog", "", FLAG, _GENERAL, "Log to the system's log too."),
    Option("coredump", "", FLAG, _GENERAL, "Without meaning here."),
    Option("threads", "t", NUMBER, _GENERAL, "Without meaning here: one thread serves all connections.", "4"),
    Option("user", "u", TEXT, _GENERAL, "User to become after the start."),
    Option("verbose", "", TEXT, _GENERAL, "FATAL, ALERT, CRITICAL, ERROR, WARNING, NOTICE, INFO or DEBUG.", "ERROR"),
    Option("version", "V", FLAG, _GENERAL, "Show the version and exit."),
    Option(
        "worker-wakeup", "w", NUMBER, _GENERAL, "Number of sleeping workers that a new job wakes; 0 means all.", "0"
    ),
    Option("http-port", "", TEXT, "HTTP", "Port to listen on, with -r http.", "8080"),
    Option("port", "p", TEXT, "Gear", "Port to listen on.", "4730"),
    Option("ssl", "", FLAG, "Gear", "Take TLS connections, and no others."),
    Option("ssl-ca-file", "", TEXT, "Gear", "File with the authorities that sign clients' certificates."),
    Option("ssl-certificate", "", TEXT, "Gear", "File with the server's certificate (PEM)."),
    Option("ssl-key", "", TEXT, "Gear", "File with its private key."),
    Option("libmemcached-servers", "", TEXT, "libmemcached", "HOST:PORT of the memcached, or of several with commas."),
    Option("libmemcached-prefix", "", TEXT, "libmemcached", "What keys begin with."),
    Option("libsqlite3-db", "", TEXT, "libsqlite3", "Database file."),
    Option("store-queue-on-shutdown", "", FLAG, "libsqlite3", "Without meaning here: jobs are stored at once."),
    Option("libsqlite3-table", "", TEXT, "libsqlite3", "Without meaning here: the table has a name of its own."),
    Option("libpq-conninfo", "", TEXT, "Postgres", "PostgreSQL's connection string; PGHOST and the like without."),
    Option("libpq-table", "", TEXT, "Postgres", "Without meaning here: the table has a name of its own."),
    Option("mysql-host", "", TEXT, "MySQL", "Host of the MySQL or MariaDB server.", "localhost"),
    Option("mysql-port", "", NUMBER, "MySQL", "Its port.", "3306"),
    Option("mysql-user", "", TEXT, "MySQL", "User name."),
    Option("mysql-password", "", TEXT, "MySQL", "Password."),
    Option("mysql-db", "", TEXT, "MySQL", "Database."),
    Option("mysql-table", "", TEXT, "MySQL", "Without meaning here: the table has a name of its own."),
    Option("redis-server", "", TEXT, "redis", "Host of the Redis or Valkey.", "127.0.0.1"),
    Option("redis-port", "", NUMBER, "redis", "Port of it.", "6379"),
    Option("redis-password", "", TEXT, "redis", "Password."),
    Option("redis-prefix", "", TEXT, "redis", "What keys begin with.", "_gear_"),
    Option("max-packet", "", NUMBER, "gearbridge", "Largest packet taken, in bytes.", "67108864"),
    Option("memory", "", TEXT, "gearbridge", "How much memory the server may take, such as 512M."),
    Option("stop-patience", "", NUMBER, "gearbridge", "Seconds for which SIGUSR1 lets clients go on submitting.", "10"),
    Option("check-args", "", FLAG, "", "Check the options and end."),
)

BY_NAME = {option.name: option for option in OPTIONS}
BY_SHORT = {option.short: option for option in OPTIONS if option.short}

#: Options that are accepted, logged, and change nothing. A worker's functions take turns with or without -R.
WITHOUT_MEANING = tuple(option.name for option in OPTIONS if option.help.startswith("Without meaning here"))


def help_text() -> str:
    """Return the output of `gearmand --help`."""
    lines = ["Allowed options:"]
    group = None
    for option in OPTIONS:
        if not option.group:
            continue
        if option.group != group:
            group = option.group
            lines += ["", f"{group}:"]
        names = f"-{option.short} [ --{option.name} ]" if option.short else f"--{option.name}"
        value = "" if option.kind == FLAG else " arg"
        default = f" (={option.default})" if option.default else ""
        words = f"  {names}{value}{default}"
        lines += [f"{words:<40}{option.help}"] if len(words) < 40 else [words, f"{'':40}{option.help}"]
    return "\n".join(lines) + "\n"
