"""The page on workers in Python, followed literally: its programs run as they stand, on another port."""

from __future__ import annotations

import hashlib
import re
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gearbridge import Client, JobFailed
from tests.fixtures.processes import PATIENCE

if TYPE_CHECKING:
    from tests.fixtures.job_server import JobServer
    from tests.fixtures.processes import StartProcess

PAGE = Path(__file__).parent.parent / "docs" / "howto" / "write-a-worker-in-python.md"


def test_the_page(job_server: JobServer, start_process: StartProcess, tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    for name, program in blocks:
        (tmp_path / name).write_text(program.replace("127.0.0.1:4730", job_server.address), encoding="utf-8")
    start_process(sys.executable, tmp_path / "thumbnails.py")
    fetcher = start_process(sys.executable, tmp_path / "fetcher.py")
    said = start_process(sys.executable, tmp_path / "ask.py").succeed().decode()
    digests = [hashlib.sha256(letter).hexdigest().encode() for letter in (b"a", b"b")]
    assert said.splitlines() == ["b'a long p...'", "b'part 0 part 1 part 2 end'", str(digests)]
    with Client(job_server.address) as client:
        with pytest.raises(JobFailed):
            client.do("thumbnail", timeout=PATIENCE)
        assert len([line for line in client.admin("workers") if "fetch" in line]) == 20
    fetcher.send_signal(signal.SIGTERM)
    assert fetcher.wait() == 0
