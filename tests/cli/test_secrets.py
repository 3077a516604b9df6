"""No command prints a password, whichever way its URL is written: neither in a message nor in a traceback."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy.engine import make_url

from gearbridge.cli.command_line import hidden_parts
from gearbridge.cli.main import cli
from gearbridge.errors import GearbridgeError
from tests.fixtures.mysql import SERVERS
from tests.fixtures.server import GEARBRIDGE, GearbridgeServer

if TYPE_CHECKING:
    from tests.fixtures.processes import StartProcess

#: The parts of the passwords below; none of these words is in a message for another reason.
SECRETS = ("hunter", "zwei", "xyzzy", "%C3%BC", "ü")

#: Nobody listens on these ports.
URLS = (
    "{}://bob:hunter@127.0.0.1:1/x",
    "{}://bob:hunter?xyzzy@127.0.0.1:1/x",
    "{}://bob:hunter@xyzzy@127.0.0.1:1/x",
    "{}://bob:hunter/xyzzy#zwei@127.0.0.1:1/x",
    "{}://bob:hun%C3%BCter@127.0.0.1:1/x",
    "{}://bob:hunter@127.0.0.1:1,127.0.0.1:2/x",
    "{}://bob:hunter,xyzzy@127.0.0.1:1,:/x",
    "{}://bob:hunter/x",
    "{}://127.0.0.1:1/x?user=bob&password=hunter",
    "{}://127.0.0.1:1/x?user=bob&password=hunter@xyzzy",
    "{}://bob@127.0.0.1:1/x?passwd=hunter&sslpassword=xyzzy&nonsense=zwei",
    "{}://bob@127.0.0.1:hunter/x",
    "{}://bob:hunter%ZZxyzzy@127.0.0.1:1/x",
    "{}:bob:hunter@127.0.0.1:1/x",
    "{}+psycopg2://bob:hunter@127.0.0.1:1/x",
    "{}+asyncpg://bob:hunter@127.0.0.1:1/x",
)
MORE_URLS = (
    "host=127.0.0.1 port=1 user=bob password=hunter dbname=x",
    "host=127.0.0.1 port=1 user=bob password='hunter zwei dbname=x",
    "host=127.0.0.1 port=1 bob:hunter",
    "bob:hunter@127.0.0.1:1/x",
    "mongodb://bob:hunter@127.0.0.1:1/x",
    "sqlite://bob:hunter@127.0.0.1/x",
    "memcached://bob:hunter@127.0.0.1:1/x",
    "innodb-memcached://127.0.0.1:1/x?sql=mysql://bob:hunter@127.0.0.1:1/x",
    "innodb-memcached://127.0.0.1:1/x?sql=mysql://bob:hunter@xyzzy@127.0.0.1:1/x",
    "innodb-memcached://bob:hunter@127.0.0.1:1/x?sql=mysql://bob:hunter@127.0.0.1:1/x",
)
SPELLINGS = [url.format(scheme) for url in URLS for scheme in ("postgresql", "mysql")] + list(MORE_URLS)

COMMANDS = (
    ("db", "check", "--database"),
    ("db", "install", "--database"),
    ("db", "upgrade", "--database"),
    ("db", "uninstall", "--yes", "--database"),
    ("db", "export", "-", "--store"),
    ("db", "import", "/dev/null", "--store"),
    ("db", "import", "--store", "memory:", "--from"),
    ("trigger", "list", "--database"),
    ("trigger", "drop", "--table", "t", "--name", "x", "--database"),
    ("doctor", "--servers", "127.0.0.1:1", "--database"),
)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_command_prints_a_password(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for url in SPELLINGS:
        url = f"gearmand+{url}" if words[-1] == "--from" else url  # noqa: PLW2901
        monkeypatch.setattr(sys, "argv", ["gearbridge", *words, url])
        failed = False
        told = ""
        try:
            cli(standalone_mode=False)
        except GearbridgeError as error:  # printed by `main`, as one line
            failed = True
            told = "".join(traceback.format_exception(error))
        except SystemExit as end:
            failed = bool(end.code)
        told += "".join(capfd.readouterr())
        assert failed, f"{url} cannot be used"
        assert not [secret for secret in SECRETS if secret in told], f"{url}: {told}"


@pytest.mark.parametrize(
    "words",
    [
        ("server", "--port", "0", "--store"),
        ("server", "--port", "0", "--node", "a", "--store"),
        ("bridge", "--servers", "127.0.0.1:1", "--database"),
    ],
    ids=" ".join,
)
def test_a_daemon_that_cannot_start_prints_no_password(words: tuple[str, ...], start_process: StartProcess) -> None:
    urls = (
        "postgresql://bob:hunter?zwei@127.0.0.1:1/x?sslpassword=xyzzy",
        "mysql://bob:hunter@127.0.0.1:1/x?passwd=xyzzy",
    )
    for process in [start_process(GEARBRIDGE, *words, url) for url in urls]:
        assert process.wait() == 1
        assert "bob@127.0.0.1:1" in process.stderr
        assert not [secret for secret in SECRETS if secret in process.stderr + process.stdout.decode()]


@pytest.mark.parametrize(
    ("words", "hidden"),
    [
        (["server", "--store", "postgresql://me:hunter@h/x"], ["server", "--store", "postgresql://me:******@h/x"]),
        (["--store=mysql://me:hun@t?r@h/x?ssl=1"], ["--store=mysql://me:*****************"]),
        (["--database", "host=h password=hunter user=me"], ["--database", "host=h password=**************"]),
        (["--mysql-password=hunter"], ["--mysql-password=******"]),
        (["--mysql-password", "hunter", "x"], ["--mysql-password", "******", "x"]),
        (
            ["--store", "sqlite:///jobs.db", "submit", "f", "a:b@c"],
            ["--store", "sqlite:///jobs.db", "submit", "f", "a:b@c"],
        ),
    ],
)
def test_what_is_hidden_of_a_command_line(words: list[str], hidden: list[str]) -> None:
    seen = [bytearray(word.encode()) for word in words]
    for number, first, last in hidden_parts([bytes(word) for word in seen]):
        seen[number][first:last] = b"*" * (last - first)
    assert [word.decode() for word in seen] == hidden


def test_others_do_not_see_a_password_of_a_running_command(start_process: StartProcess, tmp_path: Path) -> None:
    work = start_process(GEARBRIDGE, "server", "--port", "0", "--store", f"sqlite:///{tmp_path}/jobs.db?timeout=9")
    work.wait_for_stderr("listening on")
    assert f"sqlite:///{tmp_path}/jobs.db?*********" in Path(f"/proc/{work.pid}/cmdline").read_text(encoding="utf-8")


def test_gearmands_options_print_no_password(start_process: StartProcess, tmp_path: Path) -> None:
    gearmand = tmp_path / "gearmand"
    gearmand.symlink_to(GEARBRIDGE)
    queues = (
        ("-q", "Postgres", "--libpq-conninfo", "host=127.0.0.1 port=1 password='hunter"),
        ("-q", "Postgres", "--libpq-conninfo", "host=127.0.0.1 port=1 password=hunter user=bob"),
        ("-q", "MySQL", "--mysql-host=127.0.0.1", "--mysql-port=1", "--mysql-password=hunter@x", "--mysql-db=x"),
    )
    for process in [start_process(gearmand, "-l", "stderr", "-p", "0", *options) for options in queues]:
        assert process.wait()
        assert process.stderr
        assert "hunter" not in process.stderr + process.stdout.decode()


@pytest.mark.parametrize("kind", ["postgresql", *SERVERS])
def test_a_password_with_other_letters(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Percent-encoded in the URL as UTF-8, as libpq and MySQL's own programs send them."""
    if kind == "postgresql":
        database = request.getfixturevalue("database")
        with psycopg.connect(database.url, autocommit=True) as db:
            db.execute("CREATE ROLE umlaut LOGIN SUPERUSER PASSWORD 'üß?@/'")
        address = make_url(database.url)
    else:
        mysql = request.getfixturevalue(kind)
        address = make_url(mysql.make_database())
        with mysql.connect() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE USER umlaut@'%' IDENTIFIED BY 'üß?@/'")
            cursor.execute("GRANT ALL ON *.* TO umlaut@'%'")
    url = address.set(username="umlaut", password="üß?@/").render_as_string(hide_password=False)
    assert "%C3%BC" in url
    try:
        with GearbridgeServer(tmp_path, "--store", url) as server:
            assert server.process
            assert f"{address.drivername}://umlaut@127.0.0.1" in server.process.stderr
    finally:
        if kind == "postgresql":
            with psycopg.connect(database.url, autocommit=True) as db:
                db.execute("REASSIGN OWNED BY umlaut TO postgres")
                db.execute("DROP ROLE umlaut")
        else:
            with mysql.connect() as connection, connection.cursor() as cursor:
                cursor.execute("DROP USER umlaut@'%'")
