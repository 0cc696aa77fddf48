"""Recording a trace, by single readings or by a meter that goes on by itself between them."""

import logging
from collections.abc import Callable
from math import isfinite, nan
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..clock import At, LabClock, Steps
from ..protocols.roles import DetectorDriver, SamplingDriver
from ..protocols.transport import GarbledError, NoReplyError, TransportError

_log = logging.getLogger(__name__)

T = TypeVar("T")

_LATE = 0.5  # of a sample period: a sample taken later than this belongs to another time
_PUNCTUAL = 0.2  # the same, for a sample that others are timed by
_GRACE = 0.25  # sample periods from the last reading of a piece until they are fetched
_DEAF = 10  # unanswered requests in a row that make a dead detector


class Recording:
    """Takes the samples of a trace; sample k belongs to k periods after its start.

    A `SamplingDriver` is asked for a sample and goes on from it by itself: the readings of such a
    piece are a period apart by its own clock, and are fetched before the next sample is due. It
    begins none if the sample that it is timed by is not punctual. The last sample of the trace is
    asked for, so that the trace ends with it.

    Parameters
    ----------
    driver : DetectorDriver
        Of the meter.
    clock : LabClock
        Lab time.
    period : float
        Lab time between samples [s].
    """

    def __init__(self, driver: DetectorDriver, clock: LabClock, period: float):
        self._driver, self._clock, self._period = driver, clock, period
        self._meter = driver if isinstance(driver, SamplingDriver) else None
        self._piece = 0  # readings at most that the meter takes by itself
        self._unanswered = 0  # requests in a row

    def steps(
        self, begin: float, samples: NDArray[np.float64], progress: Callable[[float], None]
    ) -> Steps:
        """Take the samples.

        Parameters
        ----------
        begin : float
            Lab time of sample 0 [s].
        samples : ndarray, shape (n,)
            All NaN; filled in [V]. What is missing, late or overloaded stays NaN.
        progress : callable
            Is told how far the trace is [s].

        Raises
        ------
        NoReplyError
            When the meter stays silent.
        """
        k = 0
        while k < len(samples):
            due = begin + k * self._period
            if k:
                yield At(due)
            ahead = 0
            if self._late(due) <= _LATE:
                samples[k], ahead = self._sample(due, len(samples) - k - 2)
            if ahead:
                yield from self._fetched(due, samples[k + 1 : k + 1 + ahead])
            if k == 0:
                self._piece = self._prepared()
            progress((k + ahead) * self._period)
            k += 1 + ahead

    def _late(self, due: float) -> float:
        return (self._clock.now() - due) / self._period

    def _prepared(self) -> int:
        """Return how many readings the meter takes by itself, 0 if it cannot."""
        try:
            return self._meter.prepare(self._period) if self._meter else 0
        except (NoReplyError, GarbledError) as error:
            _log.warning("%s is asked for every sample: %s", self._driver.name, error)
            return 0

    def _sample(self, due: float, room: int) -> tuple[float, int]:
        """Take a sample now; also return how many the meter goes on with, at most `room`."""
        count = min(self._piece, room) if self._late(due) <= _PUNCTUAL else 0
        if count > 0 and self._meter:
            try:
                volts, ahead = self._meter.begin(count, self._period)
                if self._late(due) <= _LATE:
                    return _finite(volts), ahead
                self._halt()  # nobody knows when it has begun
                return _finite(volts), 0
            except TransportError as error:
                _log.warning("asked for this sample alone: %s", error)
                self._halt()  # nobody knows whether it has begun
        alone = self._answer(self._driver.read)
        return nan if alone is None else _finite(alone), 0

    def _fetched(self, due: float, piece: NDArray[np.float64]) -> Steps:
        """Fill in what the meter takes by itself after a sample that was due at `due`."""
        assert self._meter is not None
        meter, periods, done = self._meter, len(piece), False
        try:
            yield At(due + (periods + _GRACE) * self._period)
            while (volts := self._answer(lambda: meter.fetch(len(piece)))) is None:
                periods += 1
                yield At(due + periods * self._period)
            piece[:] = [_finite(v) for v in volts]
            done = True
        finally:
            if not done:  # given up, or the meter is dead
                self._halt()

    def _halt(self) -> None:
        """Leave the meter idle, as far as it can be reached; never raises."""
        try:
            if self._meter:
                self._meter.halt()
        except TransportError as error:
            _log.warning("%s may go on for a while by itself: %s", self._driver.name, error)

    def _answer(self, ask: Callable[[], T]) -> T | None:
        """Return what the meter answers; None if that is nothing, or makes no sense."""
        try:
            answer = ask()
        except (NoReplyError, GarbledError) as error:
            _log.warning("samples are missing: %s", error)
            self._unanswered += 1
            if self._unanswered >= _DEAF:
                raise NoReplyError(
                    f"{self._driver.name} left {_DEAF} samples unanswered: {error}"
                ) from error
            return None
        self._unanswered = 0
        return answer


def _finite(volts: float) -> float:
    return volts if isfinite(volts) else nan
