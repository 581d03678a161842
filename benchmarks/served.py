"""A real server of the app, for the benchmarks that look at it from outside."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path

import psutil

from benchmarks.measure import REPOSITORY


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    process: psutil.Process
    origin: str
    """Its address without a path."""
    token: str
    """Lets a browser in, as `/?token=`."""

    @property
    def cookie(self) -> str:
        """The Cookie header of who was let in."""
        jar = CookieJar()
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
        opener.open(f"{self.origin}/?token={self.token}").close()
        return "; ".join(f"{cookie.name}={cookie.value}" for cookie in jar)


@contextmanager
def app(root: Path, folder: Path) -> Iterator[Server]:
    """The app over a tree of records; runs, caches and settings go to the folder."""
    token = secrets.token_urlsafe()
    homes = {"MOE_KB_ROOT": str(root), "XDG_DATA_HOME": str(folder / "data"), "XDG_CACHE_HOME": str(folder / "cache")}
    entrance = ("-c", "from moe_kb.cli import main; main()", "app", "--no-browser", "--port")
    with _served(entrance, {**homes, "MOE_KB_TOKEN": token}) as (process, origin):
        yield Server(process, origin, token)


@contextmanager
def streamlit(script: Path) -> Iterator[Server]:
    """Streamlit's own server over a script."""
    options = ("-m", "streamlit", "run", str(script), "--server.address=127.0.0.1", "--server.headless=true")
    quiet = ("--browser.gatherUsageStats=false", "--server.fileWatcherType=none", "--server.port")
    with _served((*options, *quiet), {}) as (process, origin):
        yield Server(process, origin, "")


@contextmanager
def _served(command: tuple[str, ...], environment: dict[str, str]) -> Iterator[tuple[psutil.Process, str]]:
    """The process and the origin of a server, started by a command that takes the port as its last argument."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, *command, str(port)],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        cwd=REPOSITORY,
    )
    origin = f"http://127.0.0.1:{port}"
    try:
        while True:
            with suppress(OSError), urllib.request.urlopen(f"{origin}/_stcore/health", timeout=5):
                break
            if process.poll() is not None:
                raise RuntimeError(f"the server ended with status {process.returncode}")
            time.sleep(0.2)
        yield psutil.Process(process.pid), origin  # `moe-kb app` becomes the server
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
