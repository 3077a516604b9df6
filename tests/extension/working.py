"""A worker beside a test, in a thread of its own."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from gearbridge.client.worker import Worker
from tests.fixtures.processes import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gearbridge.client.job import Job


@contextlib.contextmanager
def working(address: str, **functions: Callable[[Job], bytes | str | None]) -> Iterator[None]:
    """Do jobs of these functions for the server at `address` while the block runs."""
    worker = Worker(address)
    for name, function in functions.items():
        worker.register(name, function)
    thread = threading.Thread(target=worker.work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the worker did not stop"
