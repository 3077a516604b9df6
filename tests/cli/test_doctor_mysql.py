"""`gearbridge doctor` on a real MariaDB, well and ill."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy.engine import make_url

from gearbridge.extension.mysql import install_mysql
from gearbridge.ports import free_port
from tests.fixtures.server import GearbridgeServer

from .test_doctor import doctor

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fixtures._mysql_server import MySQLServer
    from tests.fixtures.processes import StartProcess


@pytest.fixture
def url(mysql_server: MySQLServer) -> str:
    """A database with the table and the functions."""
    url = mysql_server.make_database()
    install_mysql(url)
    return url


def run(mysql_server: MySQLServer, url: str, *statements: str) -> None:
    with mysql_server.connect(make_url(url).database) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def of_database(start_process: StartProcess, url: str, *words: str) -> list[str]:
    """What it says of the database."""
    _, lines = doctor(start_process, "--servers", "127.0.0.1:1", "--database", url, *words)
    return [line for line in lines if " database: " in line]


def test_a_database_that_is_well(tmp_path: Path, url: str, start_process: StartProcess) -> None:
    with GearbridgeServer(tmp_path, "--store", url) as server:
        status, lines = doctor(start_process, "--servers", server.address, "--database", url)
        assert status == 0, lines
    text = "\n".join(lines)
    for expected in (
        "OK   database: the database answers: ",
        "OK   database: the job table has version ",
        "OK   database: jobs that SQL enqueued: 0 wait, 0 failed; a server or bridge has the table",
        "OK   database: gman_enqueue and the others are installed",
        "OK   database: the clocks here and there differ by 0.0 s",
    ):
        assert expected in text


def test_jobs_that_nobody_claims_and_what_to_do(
    mysql_server: MySQLServer, url: str, start_process: StartProcess
) -> None:
    run(mysql_server, url, "SELECT gman_enqueue('resize', 'x', NULL, NULL, NULL, NULL, NULL)")
    (told,) = [line for line in of_database(start_process, url) if line.startswith("NO")]
    assert "1 wait, 0 failed; no server or bridge has the table; start gearbridge server --store" in told
    assert "gearbridge bridge --database" in told


def test_what_it_tries_is_rolled_back(url: str, start_process: StartProcess) -> None:
    lines = of_database(start_process, url, "--function", "resize", "--function", "50 % off")
    assert [line for line in lines if "gearbridge@% may submit jobs of" in line] == [
        "OK   database: gearbridge@% may submit jobs of resize",
        "OK   database: gearbridge@% may submit jobs of 50 % off",
    ]
    assert any(" 0 wait, 0 failed" in line for line in of_database(start_process, url))


def test_a_user_who_may_only_submit(mysql_server: MySQLServer, url: str, start_process: StartProcess) -> None:
    database = make_url(url).database
    clerk = make_url(url).set(username="clerk", password="password").render_as_string(hide_password=False)
    run(mysql_server, url, "CREATE USER clerk IDENTIFIED BY 'password'")
    try:
        run(mysql_server, url, f"GRANT EXECUTE ON FUNCTION {database}.gman_do_background TO clerk")
        (told,) = [line for line in of_database(start_process, clerk, "--function", "resize") if line[:2] == "NO"]
        assert "clerk@% may submit jobs of resize; GRANT EXECUTE ON FUNCTION gman_enqueue TO this user" in told
        run(mysql_server, url, f"GRANT EXECUTE ON FUNCTION {database}.gman_enqueue TO clerk")
        lines = of_database(start_process, clerk, "--function", "resize")
    finally:
        run(mysql_server, url, "DROP USER clerk")
    assert all(line.startswith("OK") for line in lines), lines
    assert any("may not read the job table" in line for line in lines)


def test_an_empty_database(mysql_server: MySQLServer, start_process: StartProcess) -> None:
    lines = of_database(start_process, mysql_server.make_database(), "--function", "resize")
    assert any(line.startswith("NO   database: there is no table gearbridge_job; gearbridge server") for line in lines)
    assert any(
        "gman_enqueue is not installed, for SQL to enqueue jobs: gearbridge db script --mysql" in line for line in lines
    )
    assert any(line.startswith("NO") and "may submit jobs of resize" in line for line in lines)


def test_a_database_that_is_not_there(start_process: StartProcess) -> None:
    (told,) = of_database(start_process, f"mysql://nobody:secret@127.0.0.1:{free_port()}/x")
    assert told.startswith("NO   database: the database cannot be reached")
    assert "secret" not in told
