"""Access control: the token, the Host header, and the origin of a POST. Knows no route but the open ones.

1. With a token, everything but health wants it, as `Authorization: Bearer TOKEN` or as the password of Basic, which is
   what a browser asks its user for. Tokens are compared in constant time.
2. Without one, the Host header must name this machine: a page elsewhere whose name was made to point here (DNS
   rebinding) sends its own name.
3. A POST that a browser sends for another site's page is refused: a browser sends its origin, other programs
   send neither header.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Receive, Scope, Send

#: Routes without access control: they answer "ok" or the reason why not, and nothing about jobs.
OPEN = frozenset({"/healthz", "/readyz"})
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Access:
    """Middleware around the application. `hosts` are the names that count as this machine's beside loopback's."""

    def __init__(self, app: ASGIApp, token: str | None, hosts: Iterable[str]) -> None:
        self._app = app
        self._token = token.encode() if token else None
        self._hosts = frozenset({"localhost", *(host.lower() for host in hosts)})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope["method"], scope["path"], headers)
        if refusal is not None:
            await refusal(scope, receive, send)
            return

        async def send_with_headers(message: dict[str, object]) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}  # type: ignore[attr-defined]
                message["headers"] = [
                    *message["headers"],  # type: ignore[misc]
                    *((n.encode(), v.encode()) for n, v in _HEADERS.items() if n.lower().encode() not in present),
                ]
            await send(message)

        await self._app(scope, receive, send_with_headers)  # type: ignore[arg-type]  # messages are open dictionaries

    def _refusal(self, method: str, path: str, headers: dict[str, str]) -> PlainTextResponse | None:
        if method not in _SAFE and not same_origin(headers):
            return PlainTextResponse("a page of another site may not do this\n", 403)
        if path in OPEN:
            return None
        if self._token is None:
            if not self._is_ours(headers.get("host", "")):
                return PlainTextResponse("the Host header names no address of this server\n", 421)
        elif not hmac.compare_digest(_token_in(headers.get("authorization", "")), self._token):
            return PlainTextResponse("a token is needed\n", 401, {"WWW-Authenticate": 'Basic realm="gearbridge"'})
        return None

    def _is_ours(self, host: str) -> bool:
        name = (urlsplit(f"//{host}").hostname or "").lower()
        return name in self._hosts or is_loopback(name)


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine's alone, by address, or by the one name that must be."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def same_origin(headers: dict[str, str]) -> bool:
    """Return whether a request may change something: it comes from our own page, or from no page at all."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")


def _token_in(authorization: str) -> bytes:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip().encode()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return b""
    return b""
