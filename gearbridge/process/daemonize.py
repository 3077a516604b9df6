"""Going into the background: the command that was typed ends when the server answers, or with the server's own failure.

As gearmand, and as systemd's Type=forking wants it: one fork, a session of its own, the working directory kept (paths
on the command line stay what they were), standard input and output on /dev/null once the server is ready.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def detach() -> Callable[[], None]:
    """Fork; return, in the child alone, what it has to call when it is ready. Call before any thread is started.

    The parent waits, then exits: with 0 when the child is ready, with the child's status when it ends before.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    told, tell = os.pipe()
    child = os.fork()
    if child:
        os.close(tell)
        if os.read(told, 1):
            os._exit(0)  # nothing of ours may be flushed, or tidied up, twice
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) or 1)
    os.close(told)
    os.setsid()

    def ready() -> None:
        with open(os.devnull, "r+b") as nothing:
            for stream in (sys.stdin, sys.stdout, sys.stderr):
                stream.flush()
            for number in (0, 1, 2):
                os.dup2(nothing.fileno(), number)
        os.write(tell, b"1")
        os.close(tell)

    return ready
