"""Who may use the app: the ASGI middleware before everything it serves, and the address that lets a person in.

The app shows what its user may read and starts processes, so being on the same machine is not enough. Every request
names this server as its host (else a foreign site's name, pointed at this machine, would make its pages the app's own),
comes from this server's pages where a browser says from which, and carries the cookie that the token was traded for.
No page may frame the app.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import os
import re
import secrets
import sys
import tempfile
import threading
import webbrowser
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote_plus, urlencode

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

POLICY = "Content-Security-Policy"
#: On every response. The policy on referrers keeps addresses, which hold tokens and queries, from other sites.
HEADERS = {
    POLICY: "frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
#: Answered without a token: whether the server is up says nothing about what it holds.
HEALTH = "/_stcore/health"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::([0-9]{1,5}))?")
_MAX_FORM = 4096
#: What Streamlit serves beside pages.
_SERVED = ("_stcore/", "static/", "media/", "component/", "app/static/")
#: The page that says of an address that nothing is there.
MISSING = "no-such-page"

#: Styles stand in the page, since nothing else is served without a token.
_ENTRANCE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>moe-kb</title>{refresh}
<style>:root{{color-scheme:light dark}}
body{{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem}}
input,button{{font:inherit;padding:.35rem .7rem;border-radius:.4rem;border:1px solid}}
button{{background:#1f5fa8;border-color:#1f5fa8;color:#fff}}</style></head><body>
<h1>moe-kb</h1>
<p>This app answers only the person who started it. Open the address that was printed where it was started,
or copy the token from its end.{wrong}</p>
<form method="post"><label>Token <input name="token" type="password" autocomplete="off" autofocus required></label>
<button>Open</button></form>
<p>If this browser was let in already: <a href="{here}">open the page</a>.</p>
</body></html>"""

#: A header that the guard adds to what it lets through, so that a page knows of it.
MARK = "x-moe-kb-guarded"


class Guard:
    """The middleware.

    Args:
        app: What is guarded.
        token: What lets a browser in.
        hosts: Further names of this server, with or without a port, where a proxy stands before it.
        pages: Addresses of the app's pages, without a slash; none where every address may be one.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: Iterable[str] = (), pages: Iterable[str] = ()) -> None:
        self.app, self.token = app, token.encode()
        self.pages = frozenset(pages)
        self.hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with what is missing."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive) if scope["type"] == "http" else HTTPConnection(scope)
        answer = await self._answer(request)
        if answer is not None and scope["type"] == "websocket":
            await WebSocketClose(1008)(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                policies = HEADERS[POLICY], headers.get(POLICY, "")
                headers.update({**HEADERS, POLICY: "; ".join(filter(None, policies))})
            await send(message)

        marked = {**scope, "headers": [*scope["headers"], (MARK.encode(), b"yes")]}
        await (answer or self.app)(marked, receive, send_with_headers)

    async def _answer(self, request: HTTPConnection) -> Response | None:
        """What the guard itself answers; None where the app may."""
        hosts = request.headers.getlist("host")
        if len(hosts) != 1 or not self._own(request, hosts[0]):
            advice = f"Open http://127.0.0.1:{_port(request)}, or name further hosts in MOE_KB_HOSTS."
            return PlainTextResponse(f"moe-kb: this server has another name. {advice}\n", 403)
        if not all(self._own_origin(request, origin) for origin in request.headers.getlist("origin")):
            return PlainTextResponse("moe-kb: requests from pages of other servers are refused.\n", 403)
        if request.scope["path"] == HEALTH:
            return None
        known = self._knows(request)
        if not isinstance(request, Request):  # a WebSocket
            return None if known else PlainTextResponse("moe-kb: no token.\n", 403)
        given = request.query_params.getlist("token")
        if given and request.method in ("GET", "HEAD"):
            right = any(self._right(token) for token in given)
            return self._let_in(request, right) if right or known else _entrance(request, wrong=True)
        if request.method == "POST" and _is_form(request):
            right = self._right(await _form_token(request))
            return self._let_in(request, right) if right or known else _entrance(request, wrong=True)
        return self._elsewhere(request) if known else _entrance(request)

    def _elsewhere(self, request: Request) -> Response | None:
        """The way on from an address at which the app has no page; Streamlit would show its first page under it."""
        base = "/" + st.get_option("server.baseUrlPath").strip("/")
        asked = request.scope["path"].removeprefix(base).strip("/")
        leads = not self.pages or not asked or asked in self.pages or asked.startswith(_SERVED)
        if leads or request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
            return None
        return RedirectResponse(f"{base.rstrip('/')}/{MISSING}?{urlencode({'page': asked[:200]})}", 303)

    def _own(self, request: HTTPConnection, host: str) -> bool:
        """Whether a host, with its port, is this server's."""
        host = host.lower()
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        if host in self.hosts or match[1] in self.hosts:
            return True
        port = _port(request)
        return match[1] in LOOPBACK and (match[2] or str(_usual_port(request))) == str(port)

    def _own_origin(self, request: HTTPConnection, origin: str) -> bool:
        """Whether a page of this server asks."""
        scheme, _, host = origin.partition("://")
        return scheme in ("http", "https") and self._own(request, host)

    def _right(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(errors="surrogatepass"), self.token)

    def _knows(self, request: HTTPConnection) -> bool:
        cookie = request.cookies.get(_cookie_name(request), "")
        return hmac.compare_digest(cookie.encode(errors="surrogatepass"), self._cookie().encode())

    def _cookie(self) -> str:
        """What the token is traded for, so that a fixed token does not lie in the browser."""
        return hmac.new(self.token, b"moe-kb cookie", hashlib.sha256).hexdigest()

    def _let_in(self, request: Request, right: bool) -> Response:
        """To the same address without the token, with the cookie if the token was right."""
        response = RedirectResponse(_without_token(request), 303)
        response.headers["Cache-Control"] = "no-store"
        if right:
            settings: dict[str, Any] = {
                "httponly": True,
                "samesite": "strict",
                "secure": request.scope["scheme"] == "https",
            }
            response.set_cookie(_cookie_name(request), self._cookie(), path="/", **settings)
        return response


def _port(request: HTTPConnection) -> int:
    """The port that the server listens at."""
    server = request.scope.get("server")
    return int(server[1]) if server and server[1] else _usual_port(request)


def _usual_port(request: HTTPConnection) -> int:
    return 443 if request.scope.get("scheme") in ("https", "wss") else 80


def _cookie_name(request: HTTPConnection) -> str:
    # Cookies know no ports, so that two servers of a machine would overwrite each other's.
    return f"moe-kb-{_port(request)}"


def _without_token(request: HTTPConnection) -> str:
    """Path and query of a request, the token left out; never an address of another server."""
    parts = request.scope["query_string"].decode("latin-1").split("&")
    kept = [part for part in parts if part and unquote_plus(part.partition("=")[0]) != "token"]
    path = "/" + quote(request.scope["path"].lstrip("/\\"), safe="/:@!$&'()*+,;=~")
    return path + ("?" + "&".join(kept) if kept else "")


def _is_form(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip() == "application/x-www-form-urlencoded"


async def _form_token(request: Request) -> str:
    """The token of a form that was sent; empty where it holds none or is too long to be ours."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_FORM:
            return ""
    return dict(parse_qsl(body.decode(errors="replace"))).get("token", "")


def _entrance(request: Request, *, wrong: bool = False) -> Response:
    """The page that asks for the token; a line of text for what is no browser's page."""
    if "text/html" not in request.headers.get("accept", "") or request.scope["path"].startswith("/_stcore/"):
        return PlainTextResponse("moe-kb: the token is missing or wrong.\n", 403)
    here = html.escape(_without_token(request))
    # Browsers keep the cookie back when another site's page, or the file that `moe-kb app` opens, leads here; asked
    # from a page of this server, they send it.
    came = request.headers.get("sec-fetch-site") == "cross-site" and not wrong
    page = _ENTRANCE.format(
        refresh=f'<meta http-equiv="refresh" content="0; url={here}">' if came else "",
        here=here,
        wrong=" <strong>That token is not the one of this server.</strong>" if wrong else "",
    )
    policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"
    headers = {POLICY: policy, "Cache-Control": "no-store"}
    return HTMLResponse(page, 403, headers)


def _failed(_: Request, __: Exception) -> Response:
    return PlainTextResponse("Internal Server Error", 500, HEADERS)


# --- the server --------------------------------------------------------------------------------------------------


def guarded(script: str, pages: Iterable[str] = ()) -> dict[str, Any]:
    """Arguments of `st.App` that put a guard before it, and say and open its address when it starts.

    Args:
        script: The app's file.
        pages: Addresses of its pages.

    `MOE_KB_TOKEN` fixes the token, which is fresh for each start otherwise; `MOE_KB_HOSTS` names further hosts.
    """
    token = os.environ.get("MOE_KB_TOKEN", "").strip() or secrets.token_urlsafe(32)
    hosts = re.split(r"[\s,]+", os.environ.get("MOE_KB_HOSTS", "").strip())

    @asynccontextmanager
    async def announced(_: Any) -> AsyncIterator[dict[str, Any]]:
        address = f"http://127.0.0.1:{st.get_option('server.port')}/?token={quote(token, safe='')}"
        print(f"The app is at {address}", file=sys.stderr, flush=True)
        way = None if st.get_option("server.headless") else _open_browser(address)
        try:
            yield {}
        finally:
            if way is not None:
                way.unlink(missing_ok=True)

    return {
        "script_path": script,
        "middleware": [Middleware(Guard, token=token, hosts=[host for host in hosts if host], pages=pages)],
        "lifespan": announced,
        "exception_handlers": {Exception: _failed},
    }


def _open_browser(address: str) -> Path:
    """Open a file that leads to the address: others see the arguments of a process, but not what is in the file."""
    handle, name = tempfile.mkstemp(prefix="moe-kb-", suffix=".html")  # of mode 0600
    with open(handle, "w", encoding="utf-8") as file:
        file.write(f'<!doctype html><meta http-equiv="refresh" content="0; url={html.escape(address)}">\n')
    threading.Thread(target=webbrowser.open, args=(Path(name).as_uri(),), daemon=True).start()
    return Path(name)
