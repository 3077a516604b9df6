"""The page of metrics, made once for all who scrape it within a while.

With many functions the text takes tens of milliseconds of a processor, in a thread that the event loop shares it with.
However many scrape, and however often, that takes a small part of its time.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, NamedTuple

from prometheus_client.exposition import choose_encoder

from .exposition import render

if TYPE_CHECKING:
    from collections.abc import Callable

    from .exposition import Figures

#: A page is served for so many times as long as it took to make.
_SHARE = 100


class _Kept(NamedTuple):
    text: bytes
    stale_at: float


class MetricsCache:
    """The page in each format that is asked for, of figures read anew. To be used in one event loop."""

    def __init__(self, read: Callable[[], Figures]) -> None:
        self._read = read
        self._kept: dict[str, _Kept] = {}
        self._making = asyncio.Lock()

    async def page(self, accept: str) -> tuple[bytes, str]:
        """The page and its content type, in the format that the header Accept asks for."""
        _, kind = choose_encoder(accept)
        async with self._making:
            kept = self._kept.get(kind)
            if kept is None or time.monotonic() >= kept.stale_at:
                kept = self._kept[kind] = await asyncio.to_thread(_make, self._read(), accept)
        return kept.text, kind


def _make(figures: Figures, accept: str) -> _Kept:
    begun = time.thread_time()  # of this thread alone: waiting for a busy event loop delays no one else
    text = render(figures, accept)
    return _Kept(text, time.monotonic() + _SHARE * (time.thread_time() - begun))
