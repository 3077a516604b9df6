"""gearmand's queue options with real databases: a job given to our server under gearmand's name is kept there."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gearbridge.ports import free_port
from tests.fixtures.server import GEARBRIDGE
from tests.server.wire_client import WireClient

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fixtures._mysql_server import MySQLServer
    from tests.fixtures.postgres import Database
    from tests.fixtures.processes import StartProcess


def keeps_jobs(start_process: StartProcess, folder: Path, *options: str) -> None:
    """Start it, submit, kill it, start it again: the job is there, under its handle."""
    link = folder / "gearmand"
    link.symlink_to(GEARBRIDGE)
    port = free_port()
    words = ["-L", "127.0.0.1", "-p", str(port), "-P", str(folder / "pid"), "-l", "stderr", "--verbose=INFO", *options]
    server = start_process(link, *words)
    server.wait_for_stderr(rf"listening on 127.0.0.1:{port}\b")
    with WireClient(port) as client:
        handle = client.ask("SUBMIT_JOB_BG", "f", "key", "payload")[1]
    server.kill()
    again = start_process(link, *words)
    again.wait_for_stderr(rf"listening on 127.0.0.1:{port}\b")
    with WireClient(port) as client:
        assert client.ask("GET_STATUS", handle)[2] == "1"


def test_postgres(start_process: StartProcess, tmp_path: Path, empty_database: Database) -> None:
    parts = conninfo_to_dict(empty_database.url)
    conninfo = make_conninfo("", **{name: str(value) for name, value in parts.items()})
    assert "=" in conninfo, "the form with spaces, not a URL"
    keeps_jobs(start_process, tmp_path, "-q", "Postgres", "--libpq-conninfo", conninfo, "--libpq-table", "queue")


def test_mysql(start_process: StartProcess, tmp_path: Path, mysql_server: MySQLServer) -> None:
    url = urlsplit(mysql_server.make_database())
    place = [f"--mysql-host={url.hostname}", f"--mysql-port={url.port}", f"--mysql-db={url.path[1:]}"]
    login = [f"--mysql-user={url.username}", f"--mysql-password={url.password}"]
    keeps_jobs(start_process, tmp_path, "-q", "MySQL", *place, *login)
