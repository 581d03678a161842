"""The guard before the server: whose requests pass, and what the others are told."""

import asyncio
import stat
import webbrowser
from pathlib import Path
from urllib.parse import quote

import guard
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect
from streamlit.web.server.app_discovery import discover_asgi_app

TOKEN = "tëst & token="
PAGE = {"accept": "text/html,application/xhtml+xml"}
BASE = "http://127.0.0.1:8501"


async def told(request: Request) -> PlainTextResponse:
    policy = {"Content-Security-Policy": "object-src 'none'"} if "policy" in request.query_params else {}
    return PlainTextResponse(f"told {request.url.path}?{request.url.query}", headers=policy)


async def broken(_: Request) -> PlainTextResponse:
    raise RuntimeError("broken")


async def stream(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.send_text(websocket.headers[guard.MARK])
    await websocket.close()


@pytest.fixture
def client(monkeypatch) -> TestClient:
    """A browser without a cookie before a guarded server at port 8501."""
    monkeypatch.setenv("MOE_KB_TOKEN", TOKEN)
    monkeypatch.setenv("MOE_KB_HOSTS", "kb.example.org, other.example:8443")
    given = guard.guarded(__file__)
    methods = ["GET", "POST", "PUT", "DELETE", "OPTIONS"]
    routes = [
        WebSocketRoute("/_stcore/stream", stream),
        Route("/broken", broken),
        Route("/{path:path}", told, methods=methods),
    ]
    server = Starlette(routes=routes, middleware=given["middleware"], exception_handlers=given["exception_handlers"])
    return TestClient(server, base_url=BASE, follow_redirects=False, raise_server_exceptions=False)


@pytest.fixture
def let_in(client) -> TestClient:
    """The same with the cookie."""
    assert client.get("/", params={"token": TOKEN}).status_code == 303
    return client


def cookie_of(client: TestClient) -> dict[str, str]:
    """The header that its cookies make, whatever host is asked."""
    return {"cookie": "; ".join(f"{name}={value}" for name, value in client.cookies.items())}


EVERYTHING = (
    "/",
    "/query?sql=SELECT+1",
    "/static/index.js",
    "/media/x.csv",
    "/_stcore/host-config",
    "/_stcore/health/",
    "/_stcore/health/../stream",
    "//_stcore/health",
    "/_stcore/HEALTH",
)


@pytest.mark.parametrize("path", EVERYTHING)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_is_served_without_the_cookie(client, path, method):
    answer = client.request(method, BASE + path)
    assert answer.status_code == 403
    assert "told" not in answer.text


@pytest.mark.parametrize("path", EVERYTHING)
def test_everything_is_served_with_the_cookie(let_in, path):
    assert let_in.get(BASE + path).status_code == 200


def test_health_needs_no_token(client):
    assert client.get(guard.HEALTH).text.startswith("told")


@pytest.mark.parametrize("path", ["/", "/_stcore/health", "/_stcore/host-config", "/broken", "/?policy="])
@pytest.mark.parametrize("known", [True, False])
def test_every_answer_forbids_framing(client, path, known):
    if known:
        client.get("/", params={"token": TOKEN})
    answers = [client.get(path, headers=PAGE), client.get(path, headers={"host": "evil.example"})]
    if path == "/broken" and known:
        assert answers[0].status_code == 500
    for answer in [*answers, client.get("/", params={"token": TOKEN})]:
        assert answer.headers["content-security-policy"].startswith("frame-ancestors 'none'")
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"


def test_a_response_keeps_its_own_policy(let_in):
    said = let_in.get("/?policy=").headers["content-security-policy"]
    assert said == "frame-ancestors 'none'; object-src 'none'"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8501", "localhost:8501", "LOCALHOST:8501", "[::1]:8501", "kb.example.org", "kb.example.org:99",
     "other.example:8443"],
)  # fmt: skip
def test_own_hosts_pass(let_in, host):
    assert let_in.get("/", headers={"host": host, **cookie_of(let_in)}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8501", "127.0.0.1", "127.0.0.1:8502", "127.0.0.1:85011", "localhost",
     "localhost.:8501", "127.0.0.1.evil.example:8501", "127.0.0.1:8501.evil.example", "x@127.0.0.1:8501",
     "127.0.0.1:8501/x", "other.example",
     "other.example:8444", "a.kb.example.org", "0.0.0.0:8501", "[::]:8501", "[::1", "", "127.0.0.1:", "127.1:8501"],
)  # fmt: skip
def test_foreign_hosts_are_refused(let_in, host):
    answer = let_in.get(guard.HEALTH, headers={"host": host})
    assert answer.status_code == 403
    assert "MOE_KB_HOSTS" in answer.text


def test_two_hosts_are_refused(let_in):
    headers = [("host", "127.0.0.1:8501"), ("host", "evil.example")]
    assert let_in.get("/", headers=headers).status_code == 403


OTHERS = ["http://127.0.0.1:9999", "http://localhost:8502", "http://localhost", "https://evil.example", "null", "", "file://",
          "http://127.0.0.1:8501.evil.example", "http://evil.example:8501", "chrome-extension://127.0.0.1:8501",
          "http://x@127.0.0.1:8501", "http://127.0.0.1:8501/"]  # fmt: skip
OWN = ["http://127.0.0.1:8501", "http://localhost:8501", "http://[::1]:8501", "https://kb.example.org"]


@pytest.mark.parametrize("origin", OTHERS)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
def test_pages_of_other_servers_are_refused(let_in, method, origin):
    assert let_in.request(method, "/_stcore/upload_file/x", headers={"origin": origin}).status_code == 403


@pytest.mark.parametrize("origin", [*OWN, None])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_own_pages_may_change_things(let_in, method, origin):
    headers = {"origin": origin} if origin else {}
    assert let_in.request(method, "/_stcore/upload_file/x", headers=headers).status_code == 200


@pytest.mark.parametrize("origin", [*OWN, None])
def test_websockets_of_own_pages_open(let_in, origin):
    with let_in.websocket_connect(
        f"ws{BASE[4:]}/_stcore/stream", headers={"origin": origin} if origin else {}
    ) as opened:
        assert opened.receive_text() == "yes"


@pytest.mark.parametrize("headers", [*({"origin": origin} for origin in OTHERS), {"host": "evil.example:8501"}])
def test_websockets_of_other_pages_are_refused(let_in, headers):
    with pytest.raises(WebSocketDisconnect), let_in.websocket_connect("/_stcore/stream", headers=headers):
        pass


def test_websockets_without_the_cookie_are_refused(client):
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/_stcore/stream", headers={"origin": BASE}):
        pass


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ("/?token={}", "/"),
        ("/paper?key=a%2Fb&token={}&x=1&x=2", "/paper?key=a%2Fb&x=1&x=2"),
        ("/query?sql=SELECT%20%27t%3D1%27&token={}", "/query?sql=SELECT%20%27t%3D1%27"),
        ("/?%74oken={}&token=old", "/"),
        ("//evil.example/x?token={}", "/evil.example/x"),
        ("/%5Cevil.example?token={}", "/evil.example"),
        ("/%09/evil.example?token={}", "/%09/evil.example"),
    ],
)  # fmt: skip
def test_the_right_token_is_traded_for_a_cookie(client, asked, left):
    answer = client.get(BASE + asked.format("t%C3%ABst%20%26+token%3D"))
    assert answer.status_code == 303
    assert answer.headers["location"] == left
    name, _, rest = answer.headers["set-cookie"].partition("=")
    assert name == "moe-kb-8501"
    assert TOKEN not in rest
    assert {"httponly", "samesite=strict", "path=/"} <= {part.strip().lower() for part in rest.split(";")}
    assert client.get(left).status_code == 200


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), "é" * 9, "\x00", "x" * 5_000])
def test_a_wrong_token_lets_nobody_in(client, token):
    for answer in (
        client.get("/", params={"token": token}, headers=PAGE),
        client.post("/", data={"token": token}, headers=PAGE),
        client.get("/", headers={"cookie": f"moe-kb-8501={quote(token)}"}),
    ):
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


def test_the_page_without_a_token_asks_for_it(client):
    answer = client.get('/paper?key="><script>&token=wrong', headers=PAGE)
    assert 'name="token"' in answer.text
    assert "not the one of this server" in answer.text
    assert "<script>" not in answer.text
    assert "wrong&" not in answer.text
    assert "refresh" not in answer.text


def test_the_form_lets_in_and_keeps_the_address(client):
    answer = client.post("/paper?key=alpha", data={"token": TOKEN}, headers={"origin": BASE})
    assert (answer.status_code, answer.headers["location"]) == (303, "/paper?key=alpha")
    assert client.get("/paper").status_code == 200


def test_a_page_that_another_site_leads_to_asks_again(client):
    # The browser keeps the cookie back then, and sends it when this server's own page asks.
    answer = client.get("/paper?key=a;b", headers={**PAGE, "sec-fetch-site": "cross-site"})
    assert '<meta http-equiv="refresh" content="0; url=/paper?key=a;b">' in answer.text
    assert "refresh" not in client.get("/paper", headers={**PAGE, "sec-fetch-site": "same-origin"}).text


def test_an_old_token_does_no_harm_to_who_is_in(let_in):
    assert let_in.get("/papers?token=old").headers["location"] == "/papers"
    assert let_in.post("/papers", data={"token": "old"}).headers["location"] == "/papers"
    assert let_in.get("/papers").status_code == 200


def guarded_by(token: str | None, monkeypatch, port: int = 8501) -> TestClient:
    monkeypatch.delenv("MOE_KB_TOKEN", raising=False)
    if token is not None:
        monkeypatch.setenv("MOE_KB_TOKEN", token)
    server = Starlette(routes=[Route("/", told)], middleware=guard.guarded(__file__)["middleware"])
    return TestClient(server, base_url=f"http://127.0.0.1:{port}", follow_redirects=False)


def test_a_cookie_survives_only_with_its_token(let_in, monkeypatch):
    cookie = cookie_of(let_in)
    assert guarded_by(TOKEN, monkeypatch).get("/", headers=cookie).status_code == 200
    for token in ("another", None, "", " "):
        assert guarded_by(token, monkeypatch).get("/", headers=cookie).status_code == 403


def test_two_servers_have_cookies_of_their_own(monkeypatch):
    names = set()
    for port in (8501, 8502):
        answer = guarded_by("x", monkeypatch, port).get("/?token=x")
        names.add(answer.headers["set-cookie"].partition("=")[0])
    assert names == {"moe-kb-8501", "moe-kb-8502"}


def test_tokens_are_fresh_and_long(monkeypatch):
    monkeypatch.delenv("MOE_KB_TOKEN", raising=False)
    tokens = {guard.guarded(__file__)["middleware"][0].kwargs["token"] for _ in range(5)}
    assert len(tokens) == 5
    assert min(map(len, tokens)) >= 40


def start(monkeypatch, *, headless: bool) -> None:
    """The server's start and end, without the server."""
    monkeypatch.setattr(guard.st, "get_option", {"server.port": 8601, "server.headless": headless}.get)
    lifespan = guard.guarded(__file__)["lifespan"]

    async def run() -> None:
        async with lifespan(None):
            await asyncio.sleep(0.2)

    asyncio.run(run())


def test_the_address_is_said(monkeypatch, capsys):
    monkeypatch.setenv("MOE_KB_TOKEN", TOKEN)
    start(monkeypatch, headless=True)
    assert "http://127.0.0.1:8601/?token=t%C3%ABst%20%26%20token%3D\n" in capsys.readouterr().err


def test_the_browser_gets_a_file_that_others_cannot_read(monkeypatch, tmp_path):
    monkeypatch.setenv("MOE_KB_TOKEN", "<secret>")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(guard.tempfile, "tempdir", None)
    opened = []

    def open_it(address: str) -> None:
        path = Path(address.removeprefix("file://"))
        opened.append((address, stat.S_IMODE(path.stat().st_mode), path.read_text()))

    monkeypatch.setattr(webbrowser, "open", open_it)
    start(monkeypatch, headless=False)
    ((address, mode, text),) = opened
    assert "secret" not in address
    assert mode == 0o600
    assert "url=http://127.0.0.1:8601/?token=%3Csecret%3E" in text
    assert list(tmp_path.iterdir()) == []


def test_streamlit_run_by_hand_serves_the_guarded_app():
    found = discover_asgi_app(Path(guard.__file__).with_name("main.py"))
    assert found.import_string == "main:app"


@pytest.fixture
def server_of_pages(monkeypatch) -> TestClient:
    """A browser with the cookie of a server that says which pages it has."""
    monkeypatch.setenv("MOE_KB_TOKEN", TOKEN)
    given = guard.guarded(__file__, pages=["papers", "trade-offs"])
    routes = [Route("/{path:path}", told, methods=["GET", "POST"])]
    client = TestClient(Starlette(routes=routes, middleware=given["middleware"]), base_url=BASE, follow_redirects=False)
    assert client.get("/", params={"token": TOKEN}).status_code == 303
    return client


@pytest.mark.parametrize(
    "path", ["/", "/papers", "/trade-offs/", "/papers?q=x", "/_stcore/host-config", "/static/js/x.js", "/media/x.csv"]
)
def test_pages_and_files_are_served(server_of_pages, path):
    assert server_of_pages.get(path, headers=PAGE).text.startswith("told ")


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/nosuch", "nosuch"),
        ("/paper/switch", "paper%2Fswitch"),
        ("/Papers", "Papers"),
        ("/papers/extra?q=1", "papers%2Fextra"),
        ("/%2F%2Fevil.example", "evil.example"),
        ("/a%0d%0aSet-Cookie:x", "a%0D%0ASet-Cookie%3Ax"),
    ],
)
def test_unknown_pages_lead_to_one_that_says_so(server_of_pages, path, asked):
    answer = server_of_pages.get(path, headers=PAGE)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/no-such-page?page={asked}"


def test_what_is_no_browsers_page_is_passed_on(server_of_pages):
    assert server_of_pages.get("/nosuch").text == "told /nosuch?"


def test_pages_below_a_base_path_are_known(server_of_pages, monkeypatch):
    options = {"server.baseUrlPath": "kb"}
    monkeypatch.setattr(guard.st, "get_option", options.get)
    assert server_of_pages.get("/kb/papers", headers=PAGE).text.startswith("told ")
    assert server_of_pages.get("/kb/nosuch", headers=PAGE).headers["location"] == "/kb/no-such-page?page=nosuch"
