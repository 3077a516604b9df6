"""gearmand's HTTP protocol (-r http): a job for each request, to /FUNCTION, described by X-Gearman headers.

gearmand: a job that fails is answered with 200; WORK_DATA overwrites the answer's head; `HEAD /` shows another client's
handle; a function's name is the path as it is written, query and all. Here: 500 with the worker's text, data before
the result, 404, and the path decoded without its query.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from gearbridge.errors import ServerError
from gearbridge.records import PRIORITIES

from .access import same_origin
from .api import body_of, refused, traced
from .monitor import Submission

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp

    from .monitor import Ended, Monitor

_COMMANDS = {"complete": "WORK_COMPLETE", "fail": "WORK_FAIL", "exception": "WORK_EXCEPTION"}


def gearmand_application(seen: Monitor) -> ASGIApp:
    """The application that gearmand serves on --http-port. Like Gearman's own port it knows no password."""

    async def work(request: Request) -> Response:
        # Any method makes a job, so that a picture in another site's page could: no page may, a program may.
        if not same_origin(dict(request.headers)):
            raise HTTPException(403, "a page of another site may not do this")
        job, background = await _submission(request)
        try:
            if background:
                return _answer(200, await seen.submit(job), "JOB_CREATED")
            ended = await _unless_gone(request, seen, job)
        except ServerError as error:
            raise refused(error) from error
        return _answer(200 if ended.how == "complete" else 500, ended.handle, _COMMANDS[ended.how], ended.data)

    routes = [Route("/{function:path}", work, methods=["GET", "HEAD", "POST", "PUT"])]
    return Starlette(routes=routes, exception_handlers={HTTPException: _told})


async def _submission(request: Request) -> tuple[Submission, bool]:
    path: bytes = request.scope.get("raw_path") or request.url.path.encode()
    function = unquote_to_bytes(path.partition(b"?")[0])[1:]
    unique_key = request.headers.get("x-gearman-unique", "-").encode("latin-1")
    if not function:
        raise HTTPException(404, "the path names no function")
    if b"\0" in function or b"\0" in unique_key:
        raise HTTPException(400, "names have no NUL")
    priority = request.headers.get("x-gearman-priority", "normal").lower()
    if priority not in PRIORITIES:
        raise HTTPException(400, f"X-Gearman-Priority is one of {', '.join(PRIORITIES)}")
    background = request.headers.get("x-gearman-background", "").lower() == "true"
    job = Submission(function, await body_of(request), unique_key, PRIORITIES.index(priority))
    return traced(job, request), background


async def _unless_gone(request: Request, seen: Monitor, job: Submission) -> Ended:
    """The job's end; who hangs up does not want it any more, and the job is given up unless it runs."""
    doing = asyncio.ensure_future(seen.do(job))
    hung_up = asyncio.ensure_future(_hung_up(request))
    try:
        await asyncio.wait([doing, hung_up], return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise HTTPException(499, "the client is gone")
        return doing.result()
    finally:
        for task in (doing, hung_up):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, ServerError):
                await task


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _answer(status: int, handle: bytes, command: str, body: bytes = b"") -> Response:
    headers = {
        "X-Gearman-Job-Handle": handle.decode("latin-1"),
        "X-Gearman-Command": command,
        "Server": "Gearman",
        "Connection": "close",  # as gearmand: its clients read to the end
    }
    return Response(body, status, headers, media_type="application/octet-stream")


async def _told(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return PlainTextResponse(f"{error.detail}\n", error.status_code, {**(error.headers or {}), "Connection": "close"})
