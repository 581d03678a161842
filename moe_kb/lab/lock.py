"""The lock that makes one supervisor of a home: whoever holds it is the only writer of running runs.

It is an flock, so the kernel frees it when its holder dies in whatever way, and it passes to a child process
with the file descriptor: between the launcher and the supervisor there is no moment at which it is free.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Self


class HomeLock:
    """The lock, held from creation until `close` in every process that has the descriptor."""

    def __init__(self, descriptor: int) -> None:
        """Take over a descriptor that holds the lock."""
        os.set_inheritable(descriptor, False)
        self.descriptor = descriptor

    @classmethod
    def acquire(cls, home: Path) -> Self | None:
        """Take the lock of a home; None when somebody has it."""
        descriptor = os.open(home / "supervisor.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return cls(descriptor)

    def close(self) -> None:
        """Let go. It closes and never unlocks: an unlock would also free it in the child that got it."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
