"""`moe-kb app` on a machine that has never seen it: it starts by itself and listens on this machine only."""

import psutil
import pytest
from browsing import running_app

pytestmark = pytest.mark.e2e


def test_the_app_starts_unasked_and_listens_on_loopback_only(tmp_path):
    # A fresh home: Streamlit greets first-time users with a question, which must not be asked.
    with running_app(tmp_path / "log", HOME=str(tmp_path), BROWSER="true") as (process, _):
        app = psutil.Process(process.pid)
        listening = {address for member in [app, *app.children(recursive=True)] for address in listened_to_by(member)}
        assert listening == {"127.0.0.1"}


def test_stopping_the_command_stops_the_server(tmp_path):
    with running_app(tmp_path / "log", "--no-browser", HOME=str(tmp_path)) as (process, _):
        family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        process.wait(30)
        _, alive = psutil.wait_procs(family, 10)
        assert alive == []


def listened_to_by(process: psutil.Process) -> set[str]:
    """Addresses that it listens at; none if it has ended since it was found, as what opens the browser does."""
    try:
        connections = process.net_connections(kind="tcp")
    except psutil.NoSuchProcess:
        return set()
    return {connection.laddr.ip for connection in connections if connection.status == psutil.CONN_LISTEN}
