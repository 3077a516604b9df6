"""`gearbridge trigger` as a user meets it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from tests.fixtures.server import GEARBRIDGE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fixtures.place import Place
    from tests.fixtures.processes import Process, StartProcess

WISH = ("--table", "images", "--on", "insert,update:path", "--function", "resize", "--payload", "NEW.path")


class Command:
    """`gearbridge trigger` for one database, which has a table of images."""

    def __init__(self, start: StartProcess, place: Place) -> None:
        self.place = place
        self._start = start
        self.change("CREATE TABLE images (id INTEGER PRIMARY KEY, path VARCHAR(100))")

    def __call__(self, *words: str) -> Process:
        return self._start(GEARBRIDGE, "trigger", *words, env={"GEARBRIDGE_DATABASE": self.place.url})

    def change(self, statement: str) -> None:
        with self.place.engine.begin() as db:
            db.execute(text(statement))

    def payloads(self) -> list[bytes]:
        return [bytes(row[0]) for row in self.place.rows("payload")]


@pytest.fixture
def trigger(start_process: StartProcess, place: Place) -> Command:
    return Command(start_process, place)


def test_create_list_and_drop(trigger: Command) -> None:
    shown = trigger("create", *WISH).succeed().decode()
    assert "CREATE TRIGGER" in shown
    trigger.change("INSERT INTO images VALUES (1, 'cat.jpg')")
    assert trigger.payloads() == [b"cat.jpg"]
    head, line = trigger("list").succeed().decode().splitlines()
    assert head.split() == ["NAME", "TABLE", "EVENTS", "FUNCTION", "ENABLED"]
    table = "public.images" if trigger.place.kind == "postgresql" else "images"
    assert line.split() == ["images_resize", table, "insert,update:path", "resize", "yes"]
    assert len(trigger("list", "--table", "other").succeed().splitlines()) == 1
    again = trigger("create", *WISH)
    assert again.wait() == 1
    assert again.stderr.startswith("gearbridge: there is a trigger images_resize on images already")
    assert b"DROP TRIGGER" in trigger("create", *WISH, "--replace").succeed()
    assert b"DROP TRIGGER" in trigger("drop", "--name", "images_resize", "--dry-run").succeed()
    assert b"DROP TRIGGER" in trigger("drop", "--name", "images_resize").succeed()
    gone = trigger("drop", "--table", "images")
    assert gone.wait() == 1
    assert gone.stderr.startswith("gearbridge: there is no such gearbridge trigger")
    trigger.change("INSERT INTO images VALUES (2, 'dog.jpg')")
    assert trigger.payloads() == [b"cat.jpg"]


def test_a_dry_run_prints_what_would_be_done_and_does_nothing(trigger: Command) -> None:
    dry = trigger("create", *WISH, "--dry-run").succeed()
    assert len(trigger("list").succeed().splitlines()) == 1
    assert dry == trigger("create", *WISH).succeed()


@pytest.mark.parametrize("tool", [True, False], ids=["up-and-down", "one-file"])
def test_a_migration_file_does_the_same_through_the_databases_own_program(
    trigger: Command, tmp_path: Path, start_process: StartProcess, tool: bool
) -> None:
    file = tmp_path / ("7_resize.up.sql" if tool else "resize.sql")
    assert str(file) in trigger("create", *WISH, "--output", str(file)).succeed().decode()
    assert len(trigger("list").succeed().splitlines()) == 1
    start_process(*program(trigger.place), stdin=file.read_bytes()).succeed()
    trigger.change("INSERT INTO images VALUES (1, 'cat.jpg')")
    assert trigger.payloads() == [b"cat.jpg"]
    down = tmp_path / "7_resize.down.sql"
    if tool:
        back = down.read_text()
    else:
        assert not down.exists()
        back = "\n".join(
            line.removeprefix("-- ") for line in file.read_text().partition("-- To take it back:\n")[2].splitlines()
        )
    start_process(*program(trigger.place), stdin=back.encode()).succeed()
    trigger.change("INSERT INTO images VALUES (2, 'dog.jpg')")
    assert trigger.payloads() == [b"cat.jpg"]
    assert len(trigger("list").succeed().splitlines()) == 1


def program(place: Place) -> list[str]:
    """The database's own program, which runs what it reads."""
    url = make_url(place.url)
    if place.kind == "postgresql":
        words = ["psql", "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", place.url]
    elif place.kind == "sqlite":
        words = ["sqlite3", "-bail", str(url.database)]
    else:
        login = (f"--host={url.host}", f"--port={url.port}", f"--user={url.username}", f"--password={url.password}")
        words = ["mariadb", "--no-defaults", *login, str(url.database)]
    assert shutil.which(words[0])
    return words


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--payload", "1); DROP TABLE images; --"), "the payload must be one SQL expression, and is not: "),
        (("--when", "OLD.path = 'x'"), "the condition names OLD, and there is no OLD row on insert"),
        (("--payload", "NEW.pth"), "the database refused it: "),
        (("--table", "pictures"), "there is no table pictures"),
        (("--on", "upsert"), "no such event: upsert"),
        (("--name", "n" * 70), "is too long"),
    ],
    ids=str,
)
def test_what_is_refused_is_one_line_and_leaves_nothing(
    trigger: Command, words: tuple[str, ...], complaint: str
) -> None:
    if trigger.place.kind == "sqlite" and "too long" in complaint:
        pytest.skip("SQLite takes names of any length")
    refused = trigger("create", *WISH, *words)
    assert refused.wait() == 1
    assert refused.stderr.startswith("gearbridge: ")
    assert complaint in refused.stderr
    assert "Traceback" not in refused.stderr
    assert len(trigger("list").succeed().splitlines()) == 1


def test_a_payload_of_a_kind_that_no_job_has_is_told_with_what_to_write(trigger: Command) -> None:
    if trigger.place.kind != "postgresql":
        pytest.skip("the others make text of everything")
    refused = trigger("create", *WISH, "--payload", "NEW.id")
    assert refused.wait() == 1
    assert "The payload must be text, bytea or jsonb" in refused.stderr


@pytest.mark.parametrize("url", ["memory:", "nonsense", "oracle://x/y", "sqlite:///not-there.db"])
def test_a_database_that_cannot_have_triggers(start_process: StartProcess, tmp_path: Path, url: str) -> None:
    refused = start_process(GEARBRIDGE, "trigger", "list", "--database", url, cwd=tmp_path)
    assert refused.wait() == 1
    assert "no database that takes triggers" in refused.stderr or "no SQLite file not-there.db" in refused.stderr
    assert not (tmp_path / "not-there.db").exists()
