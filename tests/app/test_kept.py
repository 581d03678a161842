"""What the pages of all readers share: results up to a size, and one look at the records at a time."""

import threading
import time
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
import ui
from ui.kept import Opened, Results


def test_results_are_made_once_at_the_same_time():
    results, made = Results(1000), []

    def make() -> str:
        made.append(1)
        time.sleep(0.05)
        return "x"

    threads = [threading.Thread(target=results.get, args=("key", make)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]


def test_results_stay_within_their_size():
    results = Results(10_000)
    for number in range(100):
        results.get(number, lambda: "x" * 1000)
    assert 0 < results.size <= 10_000
    assert results.get(99, lambda: "made again") == "x" * 1000
    assert results.get(0, lambda: "made again") == "made again"
    assert len(results.get("large", lambda: "x" * 20_000)) == 20_000
    assert results.get("large", lambda: "made again") == "made again", "what is larger than all is not kept"


def test_a_failure_is_not_kept():
    results = Results(1000)
    with pytest.raises(ZeroDivisionError):
        results.get("key", lambda: 1 / 0)
    assert results.get("key", lambda: 1) == 1
    assert results.get("function", lambda: lambda: 2)() == 2, "what cannot be measured is kept, too"


def opened(wait: threading.Event, looks: list[int]) -> Opened:
    def look() -> SimpleNamespace:
        looks.append(1)
        if len(looks) > 1:
            wait.wait(5)
        return SimpleNamespace(meta={"built": str(len(looks))}, stale=None, database="kb.db")

    return Opened(look, every=0.0, share=1.0)


def test_others_go_on_while_one_looks():
    wait, looks = threading.Event(), []
    kept = opened(wait, looks)
    first = kept.get(None)
    looking = threading.Thread(target=kept.get, args=(None,))
    looking.start()
    while len(looks) < 2:
        time.sleep(0.001)
    assert kept.get(None) is first
    wait.set()
    looking.join()
    assert kept.get(None).meta["built"] != "1"


def test_a_look_is_not_taken_at_every_run():
    looks = []
    kept = Opened(lambda: looks.append(1) or SimpleNamespace(meta={}, stale=None, database="kb.db"), every=60)
    assert kept.get(None) is kept.get(None)
    assert len(looks) == 1
    kept.clear()
    kept.get(None)
    assert len(looks) == 2


def test_nothing_walks_all_that_is_loaded():
    file = Path(ui.__file__).parents[1] / ".streamlit" / "config.toml"
    settings = tomllib.loads(file.read_text(encoding="utf-8"))
    assert settings["server"]["fileWatcherType"] == "none"
    assert settings["runner"]["postScriptGC"] is False
