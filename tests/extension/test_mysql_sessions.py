"""No setting of the caller's session changes a job in MySQL: sql_mode, character set, time zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pymysql
import pytest
from sqlalchemy.engine import make_url

from gearbridge import enqueue
from gearbridge.extension.mysql import install_mysql
from gearbridge.triggers import Trigger, create

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fixtures._mysql_server import MySQLServer

    Run = Callable[..., tuple[tuple[Any, ...], ...]]

MODES = ["", "TRADITIONAL", "ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,PAD_CHAR_TO_FULL_LENGTH"]

#: A zone of the tests' own, whose clocks are as those of Berlin in 2027.
ZONE = "Tests/Night"
FORWARD = int(datetime(2027, 3, 28, 1, tzinfo=UTC).timestamp())
BACK = int(datetime(2027, 10, 31, 1, tzinfo=UTC).timestamp())
NIGHTS = [moment + minutes * 60 for moment in (FORWARD, BACK) for minutes in (-90, -60, -30, 0, 30, 60, 90)]


@pytest.fixture
def db(mysql_server: MySQLServer) -> Iterator[pymysql.Connection[pymysql.cursors.Cursor]]:
    url = mysql_server.make_database()
    install_mysql(url)
    with mysql_server.connect(make_url(url).database) as connection:
        yield connection


@pytest.fixture
def run(db: pymysql.Connection[pymysql.cursors.Cursor]) -> Run:
    def run(statement: str, *arguments: object) -> tuple[tuple[Any, ...], ...]:
        with db.cursor() as cursor:
            cursor.execute(statement, arguments or None)
            return tuple(cursor.fetchall())

    return run


@pytest.fixture
def night(run: Run) -> None:
    """The session's time zone is ZONE."""
    run("REPLACE INTO mysql.time_zone VALUES (7000, 'N')")
    run("REPLACE INTO mysql.time_zone_name VALUES (%s, 7000)", ZONE)
    run("REPLACE INTO mysql.time_zone_transition_type VALUES (7000, 0, 3600, 0, 'CET'), (7000, 1, 7200, 1, 'CEST')")
    run(
        "REPLACE INTO mysql.time_zone_transition VALUES (7000, -2147483648, 0), (7000, %s, 1), (7000, %s, 0)",
        FORWARD,
        BACK,
    )
    run("SET time_zone = %s", ZONE)


REFUSED = [
    "REPEAT('f', 600), 'x', NULL, NULL, NULL, NULL, NULL",
    "'f', 'x', REPEAT('k', 300), NULL, NULL, NULL, NULL",
    "'f', 'x', REPEAT('k', 3000), NULL, NULL, NULL, NULL",
    "CONCAT('f', CHAR(0)), 'x', NULL, NULL, NULL, NULL, NULL",
    "'f', 'x', CONCAT('k', CHAR(0), 'k'), NULL, NULL, NULL, NULL",
    "'f', 'x', NULL, 'normally', NULL, NULL, NULL",
    "'f', 'x', NULL, NULL, NULL, 99999999999, NULL",
    "'f', 'x', NULL, NULL, 'infinity', NULL, NULL",
    "'f', 'x', NULL, NULL, '0000-00-00', NULL, NULL",
    "'f', 'x', NULL, NULL, '@soon', NULL, NULL",
    "'f', 'x', NULL, NULL, '@', NULL, NULL",
    "'f', 'x', NULL, NULL, '@-1', NULL, NULL",
    "'f', 'x', NULL, NULL, '@99999999999999999999999', NULL, NULL",
]


def test_what_is_too_long_or_no_value_is_refused_and_never_cut(run: Run) -> None:
    for mode in MODES:
        run("SET sql_mode = %s", mode)
        for arguments in REFUSED:
            with pytest.raises(pymysql.MySQLError):
                run(f"SELECT gman_enqueue({arguments})")
        with pytest.raises(pymysql.MySQLError, match="no such state"):
            run("SELECT gman_prune(0, 'failedly')")
    assert run("SELECT COUNT(*) FROM gman_jobs") == ((0,),)


def test_a_job_is_the_same_in_every_sql_mode(run: Run) -> None:
    for mode in MODES:
        run("SET sql_mode = %s", mode)
        ours = "SELECT gman_enqueue(CONCAT('a', CHAR(92), 'b'), CONCAT('x', CHAR(92)), 'k ', 'high', NULL, 3, TRUE)"
        ((handle,),) = run(ours)
        assert run(ours) == ((handle,),)
        columns = "`function`, payload, CONCAT(unique_key, '.'), priority, max_attempts, keep_result"
        assert run(f"SELECT {columns} FROM gearbridge_job") == (("a\\\\b", b"x\\", "k .", 0, 3, 1),)
        assert run("SELECT gman_cancel(%s)", handle + "x" * 60) == ((0,),)
        assert run("SELECT gman_cancel(%s)", handle) == ((1,),)


def test_names_are_the_same_in_every_character_set(run: Run) -> None:
    handles = set()
    for names in ("latin1", "utf8mb4", "cp850"):
        run(f"SET NAMES {names}")
        for literal in ("_latin1 x'e9'", "_utf8mb4 x'c3a9'"):
            handles |= set(run(f"SELECT gman_enqueue({literal}, 'x', {literal}, NULL, NULL, NULL, NULL)"))
    assert len(handles) == 1
    assert run("SELECT HEX(`function`), HEX(unique_key) FROM gearbridge_job") == (("C3A9", "C3A9"),)


@pytest.mark.usefixtures("night")
def test_a_time_in_the_night_of_the_clock_change(db: Any, run: Run) -> None:
    for at in NIGHTS:
        enqueue(db, "f", b"x", run_at=datetime.fromtimestamp(at, UTC))
    assert [due for (due,) in run("SELECT due FROM gearbridge_job ORDER BY id")] == NIGHTS
    assert run("SELECT @@SESSION.time_zone") == ((ZONE,),)


def test_a_time_far_from_now_is_neither_at_once_nor_cut(db: Any, run: Run) -> None:
    times = [datetime(year, 1, 1, tzinfo=UTC) for year in (2039, 2100, 9999)]
    for at in times:
        enqueue(db, "f", b"x", run_at=at)
    enqueue(db, "f", b"x", run_at=datetime(1950, 1, 1, tzinfo=UTC))
    due = [at.timestamp() for at in times]
    assert [one for (one,) in run("SELECT due FROM gearbridge_job ORDER BY id")] == [*due, 1]
    assert run("SELECT SUM(state = 'scheduled') FROM gman_jobs") == ((3,),)


@pytest.mark.usefixtures("night")
def test_a_delay_is_as_long_as_it_says_while_clocks_are_changed(db: Any, run: Run) -> None:
    run("CREATE TABLE images (delay BIGINT)")
    create(db, Trigger("images", "insert", "f", delay="NEW.delay"))
    for now in NIGHTS:
        run("SET timestamp = %s", now)
        run("INSERT INTO images VALUES (3600), (NULL)")
    assert [due for (due,) in run("SELECT due FROM gearbridge_job WHERE due > 0 ORDER BY id")] == [
        now + 3600 for now in NIGHTS
    ]
    assert run("SELECT COUNT(*) FROM gearbridge_job WHERE due = 0") == ((len(NIGHTS),),)
    with pytest.raises(pymysql.MySQLError):
        run("INSERT INTO images VALUES (2147483647 * 600)")  # later than any clock can count
    assert run("SELECT COUNT(*) FROM images") == ((2 * len(NIGHTS),),)


@pytest.mark.usefixtures("night")
def test_a_timestamp_is_the_same_moment_in_a_trigger_while_clocks_are_changed(
    mysql_server: MySQLServer, db: Any, run: Run
) -> None:
    # MySQL hands a TIMESTAMP to triggers as a DATETIME, of which two are the same in the hour that comes twice.
    times = [at for at in NIGHTS if mysql_server.kind == "mariadb" or not BACK - 3600 <= at < BACK + 3600]
    run("CREATE TABLE images (at TIMESTAMP NULL, soon DATETIME(6))")
    create(db, Trigger("images", "insert", "f", run_at="NEW.at"))
    create(db, Trigger("images", "insert", "g", run_at="NEW.soon"))
    run("SET time_zone = '+00:00'")
    run("CREATE TABLE moments (at TIMESTAMP NULL)")
    for at in times:
        run("INSERT INTO moments VALUES (FROM_UNIXTIME(%s))", at)
    run("SET time_zone = %s", ZONE)
    run("INSERT INTO images (at) SELECT at FROM moments")
    assert sorted(due for (due,) in run("SELECT due FROM gearbridge_job WHERE `function` = 'f'")) == times
    assert run("SELECT DISTINCT due FROM gearbridge_job WHERE `function` = 'g'") == ((0,),)
    run("DELETE FROM gearbridge_job")
    for mode in ("", "TRADITIONAL"):
        run("SET sql_mode = %s", mode)
        with pytest.raises(pymysql.MySQLError):
            run("INSERT INTO images VALUES (NULL, '1950-01-01')")
        run("INSERT INTO images VALUES (NULL, '2030-01-01 00:00:00.5')")
    assert run("SELECT DISTINCT due FROM gearbridge_job WHERE `function` = 'g'") == ((1893452401,),)


@pytest.mark.usefixtures("night")
def test_the_age_of_the_oldest_job_is_right_while_clocks_are_put_back(run: Run) -> None:
    run("SET timestamp = %s", BACK - 1800)
    run("SELECT gman_enqueue('f', 'x', NULL, NULL, NULL, NULL, NULL)")
    run("SET timestamp = %s", BACK + 1800)
    assert run("SELECT ready, scheduled, oldest_seconds FROM gman_queues") == ((1, 0, 3600),)
