"""A task: one kind of long action of a device, each action a generator on the lab clock."""

import logging
from collections.abc import Generator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from .clock import ClockError, LabClock
from .status import LabStatus, conclude

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class At:
    """What an action yields to go on at a lab time.

    Attributes
    ----------
    when : float
        Lab time [s]; at once if that has passed.
    """

    when: float


Steps: TypeAlias = Generator["LabStatus | float | At", None, None]
"""An action, step by step. Between steps it waits for what it has yielded: the end of a Status
(whose failure is raised there; one that is done takes no time), lab seconds, or a lab time."""


class Task:
    """One kind of long action of a device; at most one action is under way.

    A new action overtakes the one that is under way, and its Status takes the older ones along:
    they end together. So does an action that is given up leave its Statuses to the next, unless
    there is a reason to fail them; for the RunEngine throws the failure of any Status it has ever
    been given into the plan, even while that is cleaning up or resuming after a pause.

    Parameters
    ----------
    clock : LabClock
        What the actions wait on.
    lock : context manager
        The device's, re-entrant. It is held in every step, and while an action that has been
        overtaken or given up is closed; what a step raises leaves through it. Statuses are
        concluded after it has been released.
    """

    def __init__(self, clock: LabClock, lock: AbstractContextManager[Any]):
        self._clock, self._lock = clock, lock
        self._steps: Steps | None = None  # of the action under way
        self._in_step: Steps | None = None  # the one whose code runs at this moment
        self._statuses: list[LabStatus] = []

    @property
    def under_way(self) -> bool:
        """Whether an action is."""
        return self._steps is not None

    def begin(self, steps: Steps, status: LabStatus, at: float | None = None) -> LabStatus:
        """Begin an action, in place of the one that is under way.

        Parameters
        ----------
        steps : generator
            The action. What it raises is its failure.
        status : LabStatus
            Finishes with the action, fails with it.
        at : float, optional
            Lab time [s] of the first step; as soon as possible if not given.

        Returns
        -------
        LabStatus
            As given.

        Raises
        ------
        ClockError
            If the clock is closed; nothing has changed then.
        """
        with self._lock:
            when = self._clock.now() if at is None else at
            self._clock.call_at(when, partial(self._advance, steps))
            self._drop()
            self._steps = steps
            self._statuses.append(status)
        return status

    def join(self, status: LabStatus) -> LabStatus:
        """Have a Status end together with the action that is under way; return it."""
        with self._lock:
            self._statuses.append(status)
        return status

    def give_up(self, reason: Exception | None = None) -> None:
        """End the action that is under way where it stands, if one is.

        Parameters
        ----------
        reason : Exception, optional
            Fails the Statuses; without it they end with the next action.
        """
        with self._lock:
            self._drop()
            left = [] if reason is None else self._release()
        for status in left:
            conclude(status, reason)

    def progress(self, current: float) -> None:
        """Tell the watchers of the Statuses how far the action is."""
        for status in list(self._statuses):
            status.progress(current)

    # -- under the lock ---------------------------------------------------------------------

    def _drop(self) -> None:
        steps, self._steps = self._steps, None
        # One that ends itself, by what it does in its step, is closed when that step is over.
        if steps is not None and steps is not self._in_step:
            _close(steps)

    def _release(self) -> list[LabStatus]:
        left, self._statuses = self._statuses, []
        return left

    def _step(self, steps: Steps, awaited: LabStatus | None) -> None:
        """Have the action go on to where it has to wait."""
        while True:
            failure = None if awaited is None else awaited.exception()
            self._in_step = steps
            try:
                pause = next(steps) if failure is None else steps.throw(failure)
            finally:
                self._in_step = None
            if steps is not self._steps:
                return _close(steps)
            if not (isinstance(pause, LabStatus) and pause.done):
                return self._schedule(steps, pause)
            awaited = pause

    def _schedule(self, steps: Steps, pause: LabStatus | float | At) -> None:
        if isinstance(pause, LabStatus):
            pause.add_callback(partial(self._resume, steps))
        elif isinstance(pause, At):
            self._clock.call_at(pause.when, partial(self._advance, steps))
        else:
            self._clock.call_later(pause, partial(self._advance, steps))

    # -- called by clock and statuses -------------------------------------------------------

    def _resume(self, steps: Steps, awaited: LabStatus) -> None:
        with suppress(ClockError):  # closed meanwhile: nothing goes on any more
            self._clock.call_later(0.0, partial(self._advance, steps, awaited))

    def _advance(self, steps: Steps, awaited: LabStatus | None = None) -> None:
        """Do the next step, unless the action has been overtaken or given up meanwhile."""
        ended: list[LabStatus] | None = None
        failure: Exception | None = None
        try:
            with self._lock:
                if steps is not self._steps:
                    return
                try:
                    self._step(steps, awaited)
                except BaseException:
                    if steps is self._steps:
                        self._steps, ended = None, self._release()
                    _close(steps)  # it may not have been able to wait
                    raise
        except StopIteration:
            pass
        except Exception as error:  # noqa: BLE001 - it is handed on to who waits
            failure = error
        if ended is None and failure is not None:  # who has ended it has told why
            _log.info("an action that had been ended has failed as well", exc_info=failure)
        for status in ended or ():
            conclude(status, failure)


def _close(steps: Steps) -> None:
    """Have an action clean up after itself; nobody waits any more for what it fails with."""
    try:
        steps.close()
    except Exception:  # noqa: BLE001 - stopping and making safe, which close actions, never raise
        _log.exception("an action could not clean up after itself")
