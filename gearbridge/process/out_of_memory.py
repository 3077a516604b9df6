"""The end of a process that gets no more memory. What is acknowledged is in the store, so a supervisor starts it anew.

Going on would not do: whichever packet, commit or callback was cut short, others wait for it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import asyncio

#: Exit status: EX_SOFTWARE of sysexits.h.
STATUS = 70
_LINE = "out of memory: this process ends, so that it can be started anew; see --memory"

_log = logging.getLogger(__name__)


def end_process() -> NoReturn:
    """Log the reason, and end the process at once, with status 70."""
    try:
        _log.critical(_LINE)
    except MemoryError:
        with contextlib.suppress(OSError):
            os.write(2, b"out of memory\n")
    finally:
        os._exit(STATUS)


def watch(loop: asyncio.AbstractEventLoop) -> None:
    """End the process where a callback of this loop, or a thread, gets no memory."""
    loop.set_exception_handler(_handle)
    threading.excepthook = _handle_in_thread


def _handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if isinstance(context.get("exception"), MemoryError):
        end_process()
    loop.default_exception_handler(context)


def _handle_in_thread(arguments: threading.ExceptHookArgs) -> None:
    if issubclass(arguments.exc_type, MemoryError):
        end_process()
    threading.__excepthook__(arguments)
