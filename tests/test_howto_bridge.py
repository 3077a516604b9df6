"""The page on the bridge, followed literally: PostgreSQL, a bridge, gearmand, and a worker."""

from __future__ import annotations

import os
import re
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from tests.fixtures.postgres import value
from tests.fixtures.processes import wait_until
from tests.fixtures.server import GEARBRIDGE
from tests.fixtures.workers import working

if TYPE_CHECKING:
    from tests.fixtures.gearmand import Gearmand
    from tests.fixtures.postgres import Database
    from tests.fixtures.processes import StartProcess

PAGE = Path(__file__).parent.parent / "docs" / "howto" / "bridge.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_page(empty_database: Database, gearmand: Gearmand, tmp_path: Path, start_process: StartProcess) -> None:
    psql = shutil.which("psql")
    assert psql is not None
    url = empty_database.url
    place = {"DATABASE": url, "SERVERS": gearmand.address, "PATH": f"{GEARBRIDGE.parent}:{os.environ['PATH']}"}
    (setting_up,) = blocks("sh")
    shell = start_process("sh", "-ec", setting_up.replace(" &", "") + "wait", env=place, cwd=tmp_path)
    shell.wait_for_stderr("connected to job server")
    names: dict[str, Any] = {"psycopg": psycopg, "url": url}
    for block in blocks("python"):
        exec(compile(block, str(PAGE), "exec"), names)
    with empty_database.connect() as db, working(gearmand.address, resize=names["resize"]):
        db.execute("CREATE TABLE widths (path text, width integer)")
        for block in blocks("sql"):
            start_process(psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, stdin=block.encode()).succeed()
        wait_until(lambda: value(db, "SELECT count(*) FROM gman_jobs WHERE state <> 'done'") == 0)
        assert value(db, "SELECT convert_from(gman_result(handle), 'UTF8') FROM gman_jobs") == "640"
        assert value(db, "SELECT width FROM widths WHERE path = 'dog.jpg'") == 640
    os.kill(int((tmp_path / "bridge.pid").read_text()), signal.SIGTERM)
    assert shell.wait() == 0
