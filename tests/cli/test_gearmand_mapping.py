"""What gearmand's options become: settings, stores, notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gearbridge.cli.gearmand import queues
from gearbridge.cli.gearmand.mapping import Plan, plan
from gearbridge.cli.gearmand.parser import parse, parse_file
from gearbridge.errors import ConfigurationError
from gearbridge.server.config import ServerConfig
from gearbridge.server.launch import ProcessOptions
from gearbridge.stores.registry import store_for

if TYPE_CHECKING:
    from pathlib import Path


def planned(*words: str) -> Plan:
    return plan(parse(words), ServerConfig(), ProcessOptions())


def test_what_is_not_given_stays_as_it_was() -> None:
    told = plan({}, ServerConfig(listen="x", store="sqlite:///y"), ProcessOptions(level="ERROR"))
    assert told == Plan(ServerConfig(listen="x", store="sqlite:///y"), ProcessOptions(level="ERROR"), ())


def test_settings_of_the_server() -> None:
    words = "-L 127.0.0.1 -p 1234 -b 7 -j 3 -w 2 --exceptions --job-handle-prefix P --keepalive --keepalive-idle 9"
    assert planned(*words.split()).config == ServerConfig(
        listen="127.0.0.1",
        port=1234,
        backlog=7,
        job_retries=3,
        worker_wakeup=2,
        exceptions=True,
        job_handle_prefix="P",
        keepalive=True,
        keepalive_idle=9,
    )


def test_settings_of_the_process() -> None:
    words = "-d -P /run/g.pid -l /var/log/g -u nobody -f 99 --syslog --verbose DEBUG"
    assert planned(*words.split()).process == ProcessOptions(
        daemon=True,
        pid_file="/run/g.pid",
        log_file="/var/log/g",
        user="nobody",
        file_descriptors=99,
        syslog=True,
        level="DEBUG",
    )


@pytest.mark.parametrize(
    ("words", "url"),
    [
        (["-q", "builtin"], "memory:"),
        (["-q", "libsqlite3", "--libsqlite3-db", "/a/b.db"], "sqlite:////a/b.db"),
        (["-q", "LIBSQLITE3", "--libsqlite3-db", "b.db"], "sqlite:///b.db"),
        (["-q", "Postgres"], "postgresql:///"),
        (["-q", "libsqlite3", "--libsqlite3-db", "/a/per%20cent?.db"], "sqlite:////a/per%2520cent%3F.db"),
        (["-q", "libpq", "--libpq-conninfo", "postgresql://u@h/d"], "postgresql://u@h/d"),
        (
            ["-q", "Postgres", "--libpq-conninfo", "host=h port=5 user=u password='p@ /s' dbname=d sslmode=require"],
            "postgresql://u:p%40%20%2Fs@/d?host=h&port=5&sslmode=require",
        ),
        (["-q", "MySQL", "--mysql-db", "d"], "mysql://localhost:3306/d"),
        (
            [
                "-q",
                "mysql",
                "--mysql-db",
                "d",
                "--mysql-host",
                "h",
                "--mysql-port",
                "5",
                "--mysql-user",
                "u",
                "--mysql-password",
                "p:w",
            ],
            "mysql://u:p%3Aw@h:5/d",
        ),
        (["-q", "libmemcached", "--libmemcached-servers", "h:11211"], "memcached://h:11211/gear_"),
        (["-q", "mysql", "--mysql-db", "d", "--mysql-host", "::1"], "mysql://[::1]:3306/d"),
        (["-q", "mysql", "--mysql-db", "d", "--mysql-host", "127.0.0.1"], "mysql://127.0.0.1:3306/d"),
        (["-q", "libmemcached", "--libmemcached-servers", "h", "--libmemcached-prefix", "x"], "memcached://h/x"),
        (["-q", "libmemcached", "--libmemcached-servers=a:1,b:2"], "memcached://a:1,b:2/gear_"),
        (["-q", "libmemcached", "--libmemcached-servers=h:1 --libmemcached-prefix=x"], "memcached://h:1/x"),
        (["-q", "redis"], "redis://127.0.0.1:6379/0?prefix=_gear_"),
        (
            ["-q", "Redis", "--redis-server=::1", "--redis-port=5", "--redis-password=p@/:", "--redis-prefix=a/b"],
            "redis://:p%40%2F%3A@[::1]:5/0?prefix=a%2Fb",
        ),
    ],
)
def test_queues_become_stores(words: list[str], url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "_MYSQL_SOCKETS", ())
    monkeypatch.delenv("MYSQL_UNIX_PORT", raising=False)
    assert planned(*words).config.store == url
    if not url.startswith("memcached:"):
        store_for(url)


@pytest.mark.parametrize("host", [[], ["--mysql-host=localhost"]])
def test_localhost_is_mysqls_socket_as_for_its_own_library(
    host: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MYSQL_UNIX_PORT", raising=False)
    socket = tmp_path / "my sql.sock"
    socket.touch()
    monkeypatch.setattr(queues, "_MYSQL_SOCKETS", ("/no/such/socket", str(socket)))
    words = ["-q", "MySQL", "--mysql-db=d", "--mysql-user=u", "--mysql-port=5", *host]
    assert planned(*words).config.store == f"mysql://u@/d?unix_socket={tmp_path}/my%20sql.sock"
    monkeypatch.setattr(queues, "_MYSQL_SOCKETS", ())
    assert planned(*words).config.store == "mysql://u@localhost:5/d", "a forwarded port, say"
    monkeypatch.setenv("MYSQL_UNIX_PORT", str(socket))
    assert "unix_socket=" in planned(*words).config.store


def test_what_has_no_meaning_is_said() -> None:
    told = planned("-t", "4", "--hashtable-buckets", "99", "-R", "--coredump", "--http-port", "80", "-j", "0")
    assert told.notes[:5] == (
        "--hashtable-buckets has no meaning here",
        "--round-robin has no meaning here",
        "--coredump has no meaning here",
        "--threads has no meaning here",
        "--http-port has no meaning without -r http",
    )
    assert "--job-retries 0 fails a job when its first worker is lost" in told.notes[5]


def test_http_is_served_where_gearmand_serves_it() -> None:
    assert planned().http_port is None
    assert planned("-r", "http").http_port == 8080
    assert planned("-r", "http", "--http-port", "81").http_port == 81


def test_jobs_in_gearmands_own_table_are_not_passed_over_in_silence() -> None:
    (note,) = planned("-q", "libsqlite3", "--libsqlite3-db", "x", "--libsqlite3-table", "t").notes
    assert "`gearbridge db import --from` takes over what gearmand left" in note


def test_a_configuration_file_tells_what_in_it_is_no_option() -> None:
    values, stray = parse_file("--port=1 # listen there\n--verbose\nINFO -dR\r\nport=2")
    assert values == {"port": "1", "verbose": "INFO", "daemon": True, "round-robin": True}
    assert stray == ["#", "listen", "there", "port=2"]


def test_a_queue_without_what_it_needs_says_what() -> None:
    with pytest.raises(ConfigurationError, match="missing required --libsqlite3-db=<dbfile> argument"):
        planned("-q", "libsqlite3")


def test_tls_is_taken_as_gearmand_takes_it() -> None:
    config = planned("--ssl", "--ssl-certificate=c", "--ssl-key=k", "--ssl-ca-file=a").config
    # gearmand asks no client for a certificate, with or without --ssl-ca-file.
    assert config == ServerConfig(ssl_certificate="c", ssl_key="k", ssl_ca_file="a", ssl_client_certificate="none")


def test_tls_options_without_tls_are_told() -> None:
    assert planned("--ssl-key", "k").notes == ("--ssl-key needs --ssl",)
