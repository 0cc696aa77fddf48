"""The lab clock before hardware: wall time."""

import time
from concurrent.futures import ThreadPoolExecutor

from .clock import LabClock, ScheduledCall


class RealClock(LabClock):
    """Wall time: seconds since 1970 at the start, monotonic from then on.

    Callbacks run on a small pool of threads, so that a slow serial line never delays another.
    """

    simulated = False

    def __init__(self) -> None:
        self._epoch = time.time() - time.monotonic()
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="lab-call")
        super().__init__()

    def now(self) -> float:
        """Lab time [s]."""
        return self._epoch + time.monotonic()

    def close(self) -> None:
        """Forget every call and end the threads; idempotent."""
        super().close()
        self._pool.shutdown(wait=not self._in_callback(), cancel_futures=True)

    def _next(self) -> ScheduledCall | None:
        return self._pop() if self._heap and self._heap[0].when <= self.now() else None

    def _patience(self) -> float | None:
        return max(0.0, self._heap[0].when - self.now()) if self._heap else None

    def _dispatch(self, due: ScheduledCall) -> None:
        self._pool.submit(self._execute, due.call)
