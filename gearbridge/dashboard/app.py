"""Health, metrics, the API and the page, of a job server or a bridge. Access control is the server's (serving.py)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from . import bridge_metrics, metrics
from .api import Api, body_of
from .bridge_api import BridgeApi
from .failed_api import FailedApi
from .metrics_cache import MetricsCache

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from .bridge_view import BridgeView
    from .cached_monitor import CachedMonitor
    from .exposition import Figures

_FOLDER = Path(__file__).with_name("page")
_TYPES = {".css": "text/css", ".js": "text/javascript"}


def _page(body: str, script: str) -> dict[str, tuple[bytes, str]]:
    """Return the files of the page, by path, with their types."""
    html = (_FOLDER / "head.html").read_bytes() + (_FOLDER / body).read_bytes()
    files = {f"/{name}": _FOLDER / name for name in (script, "watch.js", "draw.js", "style.css")}
    return {
        "/": (html, "text/html"),
        **{path: (file.read_bytes(), _TYPES[file.suffix]) for path, file in files.items()},
    }


# Read at once: the server may become another user later.
_SERVER_PAGE = _page("server.html", "board.js")
_BRIDGE_PAGE = _page("bridge.html", "bridge.js")


def server_application(board: CachedMonitor) -> ASGIApp:
    """Make the application of a job server."""
    figures = partial(metrics.read, board.seen)
    seen = board.seen
    failed = FailedApi(seen.committer(), seen.may_change, body_of)
    return _application(seen.not_ready, figures, [*Api(board).routes(), *failed.routes()], _SERVER_PAGE)


def bridge_application(view: BridgeView) -> ASGIApp:
    """Make the application of a bridge."""
    figures = partial(bridge_metrics.read, view)
    return _application(view.not_ready, figures, BridgeApi(view).routes(), _BRIDGE_PAGE)


def _application(
    not_ready: Callable[[], str | None],
    figures: Callable[[], Figures],
    api: Iterable[Route],
    page: dict[str, tuple[bytes, str]],
) -> ASGIApp:
    scraped = MetricsCache(figures)

    async def health(_request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readiness(_request: Request) -> Response:
        # Why not is for those who have the token: it may name the database.
        return PlainTextResponse("ok\n") if not_ready() is None else PlainTextResponse("not ready\n", 503)

    async def scrape(request: Request) -> Response:
        text, kind = await scraped.page(request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": kind})

    routes = [
        Route("/healthz", health),
        Route("/readyz", readiness),
        Route("/metrics", scrape),
        *api,
        *(Route(path, _file(content, kind)) for path, (content, kind) in page.items()),
    ]
    return Starlette(routes=routes, exception_handlers={HTTPException: _told})


def _file(content: bytes, kind: str) -> Callable[[Request], Awaitable[Response]]:
    async def send_file(_request: Request) -> Response:
        return Response(content, media_type=kind, headers={"Cache-Control": "no-cache"})

    return send_file


async def _told(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)
