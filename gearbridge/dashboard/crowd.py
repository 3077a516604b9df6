"""What many requests at once may cost: so many are answered at a time, and what strangers do wrong is logged seldom."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from starlette.responses import PlainTextResponse

from gearbridge.process.rate_limited_log import PAUSE

from .access import OPEN

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

#: Requests that are answered at once, health checks not counted; more get 503.
MOST_REQUESTS = 256


class Crowd:
    """Middleware around the application that answers 503 where too many requests are under way."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN:
            await self._app(scope, receive, send)
            return
        if self._running >= MOST_REQUESTS:
            await PlainTextResponse("too many requests at once\n", 503)(scope, receive, send)
            return
        self._running += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._running -= 1


class _Seldom(logging.Filter):
    """Lets each warning pass once in a while: of uvicorn they are about requests that are no HTTP."""

    def __init__(self) -> None:
        super().__init__()
        self._silent_until: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno != logging.WARNING:
            return True
        now, text = time.monotonic(), str(record.msg)
        if now < self._silent_until.get(text, 0.0):
            return False
        self._silent_until[text] = now + PAUSE
        return True


def quieten(log: logging.Logger) -> None:
    """Have warnings of this log pass once in a while."""
    if not any(isinstance(one, _Seldom) for one in log.filters):
        log.addFilter(_Seldom())
