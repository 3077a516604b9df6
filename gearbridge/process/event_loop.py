"""What an event loop of ours is run with: which one, signals, how long a thread runs, when garbage is looked for."""

from __future__ import annotations

import contextlib
import gc
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

#: Seconds after which Python lets the other thread run. The default of 5 ms, met several times in each commit, would
#: keep every reply waiting while the event loop is busy.
SWITCH_INTERVAL = 0.0005
#: New objects before Python looks for garbage among them, and how often before it looks at all that came since the last
#: such look. Jobs and packets are freed by reference counting: a queue of a million jobs need not be walked again and
#: again, and what is still in the processor's cache is walked faster. The middle one bounds the pause that a growing
#: queue meets: 10,000 objects.
GC_THRESHOLDS = (5_000, 1, 10_000)
#: What asks a server to stop: at once, or when no job is left that would be lost. As gearmand's.
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
GRACEFUL_SIGNAL = signal.SIGUSR1


@contextlib.contextmanager
def nothing_is_garbage() -> Iterator[None]:
    """Look for no garbage in the block, and never among what is left then; from then on with GC_THRESHOLDS."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    """The fastest event loop there is; None is asyncio's own."""
    try:
        import uvloop  # noqa: PLC0415  it does not install everywhere
    except ImportError:
        return None
    return uvloop.Loop
