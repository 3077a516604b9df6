"""The page on traces, followed literally: from the SQL that it shows to the worker that it shows."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fixtures.server import GearbridgeServer

if TYPE_CHECKING:
    from tests.fixtures.postgres import Database
    from tests.fixtures.processes import StartProcess

PAGE = Path(__file__).parent.parent / "docs" / "howto" / "traces.md"


def test_the_page(database: Database, tmp_path: Path, start_process: StartProcess) -> None:
    text = PAGE.read_text(encoding="utf-8")
    (statements,) = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    with GearbridgeServer(tmp_path, "--store", database.url) as server, database.connect() as db:
        db.execute(statements.encode())
        worker = tmp_path / "traced.py"
        worker.write_text(program.replace("127.0.0.1:4730", server.address), encoding="utf-8")
        said = start_process(sys.executable, worker).succeed().decode()
    assert said == "resize for 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n"
