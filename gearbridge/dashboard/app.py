"""The application: health, metrics, the API and the page, behind the rules of access."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from . import metrics
from .access import Access
from .api import Api

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from .board import Board

_PAGE = Path(__file__).with_name("page")
#: What the page is made of, by path, and each one's type. Read at once: the server may become another user later.
_FILES = {
    "/": ((_PAGE / "index.html").read_bytes(), "text/html"),
    "/style.css": ((_PAGE / "style.css").read_bytes(), "text/css"),
    "/board.js": ((_PAGE / "board.js").read_bytes(), "text/javascript"),
    "/draw.js": ((_PAGE / "draw.js").read_bytes(), "text/javascript"),
}


def application(board: Board, token: str | None = None, hosts: Iterable[str] = ()) -> ASGIApp:
    """What is served on --http. `hosts` are names of this machine; see access.py for `token`."""

    async def health(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readiness(_request: Request) -> Response:
        why = board.seen.not_ready()
        # Why not is for those who have the token: it may name the database.
        return PlainTextResponse("ok\n") if why is None else PlainTextResponse("not ready\n", 503)

    async def scrape(request: Request) -> Response:
        figures = metrics.read(board.seen)
        text, kind = await asyncio.to_thread(metrics.render, figures, request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": kind})

    routes = [
        Route("/healthz", health),
        Route("/readyz", readiness),
        Route("/metrics", scrape),
        *Api(board).routes(),
        *(Route(path, _file(content, kind)) for path, (content, kind) in _FILES.items()),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _told})
    return Access(app, token, hosts)


def _file(content: bytes, kind: str) -> Callable[[Request], Awaitable[Response]]:
    async def send_file(_request: Request) -> Response:
        return Response(content, media_type=kind, headers={"Cache-Control": "no-cache"})

    return send_file


async def _told(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)
