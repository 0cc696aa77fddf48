"""A device whose long actions are tasks."""

import threading

from reactune.devices.clock import (
    LabStatus,
    Task,
)

WALL = 5  # s of wall time anything here may take


class Lock:
    """A re-entrant lock that tells whether this thread holds it, and what has left through it."""

    def __init__(self):
        self._lock, self._held, self.left = threading.RLock(), threading.local(), []

    @property
    def held(self):
        return getattr(self._held, "depth", 0) > 0

    def __enter__(self):
        self._lock.acquire()
        self._held.depth = getattr(self._held, "depth", 0) + 1

    def __exit__(self, kind, error, trace):
        self._held.depth -= 1
        self._lock.release()
        if error is not None:
            self.left.append(error)


class Oven:
    """A Movable with one long action: it sends when it begins, looks each second, then is there."""

    name, parent = "oven", None

    def __init__(self, clock, seconds=1.0):
        self.clock, self.lock, self.seen = clock, Lock(), []
        self.task = Task(clock, self.lock)
        self.seconds = seconds

    def set(self, looks, label="a"):
        return self.task.begin(self.action(looks, label), LabStatus(label))

    def action(self, looks, label):
        try:
            self.note(f"{label} begins")
            for _ in range(looks):
                yield self.seconds
                self.note(f"{label} looks")
            self.note(f"{label} is there")
        finally:
            self.note(f"{label} cleans up")

    def note(self, what):
        assert self.lock.held
        self.seen.append(what)
