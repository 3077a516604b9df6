"""A job server that works from a database with the extension, or with the script in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg import errors

from gearbridge.extension.script import managed_script
from tests.fixtures.postgres import value
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fixtures.postgres import Database


@pytest.mark.parametrize("way", ["extension", "script"])
def test_jobs_are_enqueued_confined_and_done(empty_database: Database, tmp_path: Path, way: str) -> None:
    role = f"app_of_{empty_database.name}"
    with empty_database.connect() as db:
        made = "CREATE EXTENSION gearbridge" if way == "extension" else managed_script().replace("\\set", "--")
        db.execute(made.encode())
        db.execute(f"CREATE ROLE {role}".encode())
        db.execute(f"SELECT gearbridge.grant_submit('{role}', 'mail_*')".encode())
    with (
        GearbridgeServer(tmp_path, "--store", empty_database.url) as server,
        working(server.address, mail_send=lambda job: job.payload.upper()),
        empty_database.connect(role) as app,
    ):
        handle = value(app, "SELECT gman_enqueue('mail_send', 'x', keep_result => true)")
        wait_until(lambda: value(app, "SELECT gman_result(%s)", handle) == b"X")
        assert value(app, "SELECT gman_enqueue_many('mail_send', ARRAY['a', 'b'])")
        with pytest.raises(errors.InsufficientPrivilege):
            value(app, "SELECT gman_enqueue('other', 'x')")
        if way == "script":
            assert value(app, "SELECT gman_do_background('mail_send', 'x')")
