"""A migration of Alembic that makes a trigger, up and down, through Alembic's own command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from tests.fixtures.place import DRIVERS, Place

if TYPE_CHECKING:
    from tests.fixtures.processes import Process, StartProcess

ALEMBIC = Path(sys.executable).with_name("alembic")

ENVIRONMENT = """
from alembic import context
from sqlalchemy import create_engine, pool

url = context.config.get_main_option("sqlalchemy.url")
if context.is_offline_mode():
    context.configure(url=url)
    with context.begin_transaction():
        context.run_migrations()
else:
    with create_engine(url, poolclass=pool.NullPool).connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
"""
MIGRATION = """
import sqlalchemy as sa
from alembic import op

import gearbridge.triggers.alembic

revision = "1"
down_revision = None


def upgrade():
    op.create_table("images", sa.Column("id", sa.Integer, primary_key=True), sa.Column("path", sa.String(100)))
    op.create_gman_trigger(
        "images", "insert,update:path", "resize", payload="NEW.path", when="NEW.path LIKE 'c%:t'", priority="high"
    )


def downgrade():
    op.drop_gman_trigger("images_resize", "images")
    op.drop_table("images")
"""


class Project:
    """A folder with one migration."""

    def __init__(self, folder: Path, start: StartProcess, place: Place) -> None:
        self._folder, self._start = folder, start
        url = make_url(place.url).set(drivername=DRIVERS[place.kind]).render_as_string(hide_password=False)
        (folder / "versions").mkdir()
        (folder / "env.py").write_text(ENVIRONMENT)
        (folder / "versions" / "1.py").write_text(MIGRATION)
        (folder / "alembic.ini").write_text(f"[alembic]\nscript_location = {folder}\nsqlalchemy.url = {url}\n")

    def __call__(self, *words: str) -> Process:
        return self._start(ALEMBIC, *words, cwd=self._folder)


@pytest.fixture
def alembic(tmp_path: Path, start_process: StartProcess, place: Place) -> Project:
    folder = tmp_path / "migrations"
    folder.mkdir()
    return Project(folder, start_process, place)


def test_up_and_down(alembic: Project, place: Place) -> None:
    alembic("upgrade", "head").succeed()
    with place.engine.begin() as db:
        db.execute(text("INSERT INTO images VALUES (1, :path), (2, 'dog')"), {"path": "ca:t"})
    assert [(bytes(payload), priority) for payload, priority in place.rows("payload, priority")] == [(b"ca:t", 0)]
    alembic("downgrade", "base").succeed()
    alembic("upgrade", "head").succeed()


def test_a_migration_that_is_only_printed_says_what_to_do(alembic: Project) -> None:
    printed = alembic("upgrade", "head", "--sql")
    assert printed.wait() == 1
    assert "gearbridge trigger create --output FILE" in printed.stderr
