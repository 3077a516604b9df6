"""The page on jobs that are part of the transaction, followed literally."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fixtures.postgres import value
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GearbridgeServer
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from tests.fixtures.postgres import Database
    from tests.fixtures.processes import StartProcess

PAGE = Path(__file__).parent.parent / "docs" / "howto" / "jobs-with-the-transaction.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_page(database: Database, tmp_path: Path, start_process: StartProcess) -> None:
    psql = shutil.which("psql")
    assert psql is not None
    seen: list[bytes] = []

    def resize(job: object) -> str:
        seen.append(job.payload)  # type: ignore[attr-defined]  # a gearbridge.Job
        return "resized"

    with (
        GearbridgeServer(tmp_path, "--store", database.url) as server,
        working(server.address, resize=resize),
        database.connect() as db,
    ):
        for block in blocks("sql"):
            start_process(psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database.url, stdin=block.encode()).succeed()
        for block in blocks("python"):
            exec(compile(block, str(PAGE), "exec"), {"url": database.url})
        wait_until(lambda: b"horse.jpg" in seen)
        wait_until(lambda: value(db, "SELECT count(*) FROM gman_jobs WHERE state <> 'done'") == 0)
        assert value(db, "SELECT width FROM images WHERE id = 1") == 640
    assert {b'{"path": "cat.jpg"}', b"bird.jpg", b'{"id": 1, "path": "kitten.jpg"}'} <= set(seen)
    assert len([payload for payload in seen if b"photo-" in payload]) == 100
    assert b"fish.jpg" not in seen  # gman_complete ended it before its time
    assert b"dog.jpg" not in seen or seen.count(b"dog.jpg") == 1
