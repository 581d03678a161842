"""What all readers' pages share in memory: the open knowledge base, and results that stay the same until it changes.

Streamlit's own caches cost a fifth of a millisecond an answer, and bound the number of results but not their size.
"""

from __future__ import annotations

import pickle
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

from moe_kb.kb import KnowledgeBase

#: What a result that cannot be written to a file is taken for, in bytes.
UNMEASURED = 2**20


class Results:
    """Results by key, those asked for last, up to a size; made once, however many ask at the same time.

    Args:
        limit: Bytes of all results, measured as they would be written to a file.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self._lock = threading.Lock()
        self._held: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The result under this key, made now if it is not there."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key][0]
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if key in self._held:
                    return self._held[key][0]
            try:
                result = make()
                self._keep(key, result)
            finally:
                with self._lock:
                    self._making.pop(key, None)
        return result

    def _keep(self, key: Hashable, result: Any) -> None:
        try:
            size = len(pickle.dumps(result, pickle.HIGHEST_PROTOCOL))
        except (pickle.PicklingError, TypeError, AttributeError):  # it holds a function, say
            size = UNMEASURED
        with self._lock:
            if size > self.limit:
                return
            self._held[key] = result, size
            self.size += size
            while self.size > self.limit:
                _, (_, freed) = self._held.popitem(last=False)
                self.size -= freed

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._held.clear()
            self.size = 0


class Opened:
    """The knowledge base of each tree, looked at for changes now and then by one of those who ask for it.

    Looking costs milliseconds, at 20,000 papers a fifth of a second; it is done every two seconds, or as seldom as
    makes it a twentieth of the time. Meanwhile the others go on with what is open.
    """

    def __init__(self, open_tree: Callable[[], KnowledgeBase], every: float = 2.0, share: float = 0.05) -> None:
        self._open, self._every, self._share = open_tree, every, share
        self._lock = threading.Lock()
        self._held: dict[str | None, tuple[KnowledgeBase, float]] = {}

    def get(self, root: str | None) -> KnowledgeBase:
        """The knowledge base of the tree that is asked for by this name."""
        kb, due = self._held.get(root, (None, 0.0))
        if kb is not None and (time.monotonic() < due or not self._lock.acquire(blocking=False)):
            return kb
        if kb is None:
            self._lock.acquire()
        try:
            kb, due = self._held.get(root, (None, 0.0))
            if kb is None or time.monotonic() >= due:
                begun = time.monotonic()
                fresh = self._open()
                ended = time.monotonic()
                # What did not change stays the same object.
                if kb is None or (fresh.meta, fresh.stale, fresh.database) != (kb.meta, kb.stale, kb.database):
                    kb = fresh
                self._held[root] = kb, ended + max(self._every, (ended - begun) / self._share)
            return kb
        finally:
            self._lock.release()

    def clear(self) -> None:
        """Look anew at once."""
        self._held.clear()
