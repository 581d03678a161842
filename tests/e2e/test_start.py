"""`moe-kb app` on a machine that has never seen it: it starts by itself and listens on this machine only."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import psutil
import pytest

pytestmark = pytest.mark.e2e


def test_the_app_starts_unasked_and_listens_on_loopback_only(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # A fresh home: Streamlit greets first-time users with a question, which must not be asked.
    environment = {**os.environ, "HOME": str(tmp_path), "BROWSER": "true"}
    process = subprocess.Popen(
        [sys.executable, "-c", "from moe_kb.cli import main; main()", "app", "--port", str(port)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 90
        while True:
            try:
                assert urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2).read() == b"ok"
                break
            except OSError:
                assert process.poll() is None, "the app ended"
                assert time.monotonic() < deadline, "the app did not answer"
                time.sleep(0.2)
        app = psutil.Process(process.pid)
        listening = {address for member in [app, *app.children(recursive=True)] for address in listened_to_by(member)}
        assert listening == {"127.0.0.1"}
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def listened_to_by(process: psutil.Process) -> set[str]:
    """Addresses that it listens at; none if it has ended since it was found, as what opens the browser does."""
    try:
        connections = process.net_connections(kind="tcp")
    except psutil.NoSuchProcess:
        return set()
    return {connection.laddr.ip for connection in connections if connection.status == psutil.CONN_LISTEN}
