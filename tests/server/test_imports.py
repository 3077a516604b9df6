"""A server loads the libraries of its store alone: most of the time of a start is that of importing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.fixtures.processes import StartProcess


_DATABASES = ("sqlalchemy", "psycopg", "pymysql", "redis")
_OTHERS = ("sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.mysql", *_DATABASES[1:])


@pytest.mark.parametrize(("url", "unwanted"), [("memory:", _DATABASES), ("sqlite:///jobs.db", _OTHERS)])
def test_a_server_loads_what_its_store_needs(start_process: StartProcess, url: str, unwanted: tuple[str, ...]) -> None:
    program = (
        "import sys, gearbridge.cli.server, gearbridge.server.launch; "
        f"from gearbridge.stores.registry import store_for; store_for('{url}'); "
        f"print(*sorted({set(unwanted)} & sys.modules.keys()))"
    )
    assert start_process(sys.executable, "-c", program).succeed() == b"\n"
