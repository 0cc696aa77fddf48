"""The other software that analyses: for each injection it writes a file, which is waited for."""

import base64
import hashlib
import logging
import threading
from collections.abc import Callable, Collection, Generator, Mapping
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any, TypeVar

from ophyd import Component, Device

from ..clock import At, LabClock, LabStatus, Steps, Task
from ..protocols.transport import InstrumentError
from ..resultfile import AnalyticsSpec
from .arrivals import Look, Stamp, lacking, look, stamps
from .interlock import Interlock
from .signals import Kind, Reading

_log = logging.getLogger(__name__)

T = TypeVar("T")

_LOOK = {True: 5.0, False: 1.0}  # lab s between looks at the folder, at most
_EARLY = 0.9  # of an analysis: what is finished by then is none of this injection
_SHOWN = 0.05  # of an analysis between two looks at how far it is
_PATIENCE = {True: 30.0, False: 0.2}  # wall s to wait for a drive before others have their turn
_DEAD = 60.0  # lab s after which a drive that does not answer is given up before an injection


class ResultError(InstrumentError):
    """No file that is surely this injection's, and whole; a human must look."""


class ResultFile(Device):  # type: ignore[misc]  # ophyd ships no types
    """Waits for the one new file of an injection and publishes it whole.

    New is what was not there when the injection began, whatever its own clock says; whole what has
    stayed as it is for the settling time and ends as it should. What a file says is nobody's
    business here.

    Parameters
    ----------
    name : str
        Ophyd name.
    spec : AnalyticsSpec
        The rig file's table ``[analytics]``.
    folder : Path
        Where the files come.
    duration : float
        How long an analysis takes [s].
    clock : LabClock
        Lab time.
    interlock : Interlock
        Asked before anything is waited for.
    """

    file = Component(Reading, kind=Kind.normal, value="")
    digest = Component(Reading, kind=Kind.normal, value="")
    content = Component(Reading, kind=Kind.normal, value="")
    delay = Component(Reading, units="s", precision=0, kind=Kind.normal)
    folder = Component(Reading, kind=Kind.config, value="")

    def __init__(
        self,
        *,
        name: str,
        spec: AnalyticsSpec,
        folder: Path,
        duration: float,
        clock: LabClock,
        interlock: Interlock,
    ):
        super().__init__(name=name)
        self.spec, self.interlock, self.duration = spec, interlock, duration
        self.source = f"files:{folder}/{spec.files}"
        self._path, self._clock = folder, clock
        self._waiting = Task(clock, threading.RLock())
        self._begin = 0.0  # of what is waited for [s]
        self._there: Mapping[str, Stamp] | None = None  # before the injection
        self._owed: tuple[float, Mapping[str, Stamp]] | None = None  # of one that was given up
        self.folder.fill(str(folder))

    def connect(self) -> None:
        """Look into the folder.

        Raises
        ------
        ResultError
            If it cannot be read.
        """
        if wrong := unreadable(self._path):
            raise ResultError(wrong)

    @property
    def recording(self) -> bool:
        """Whether a file is being waited for."""
        return self._waiting.under_way

    def clear(self) -> None:
        """Forget the file, and what was there before it."""
        self._there = None
        for text in (self.file, self.digest, self.content):
            text.fill("")
        self.delay.fill(float("nan"))

    def arm(self) -> Steps:
        """Take note of what is there, before an injection begins.

        If the file of an injection that was given up is still to come, it is waited for first:
        nobody could tell it from the next one's.

        Raises
        ------
        ResultError
            If the folder cannot be read.
        """
        if self._owed is not None:
            try:
                name, _ = yield from self._found(*self._owed)
                _log.warning("%s belongs to an injection that was given up: set aside", name)
            except ResultError as error:
                _log.warning("of an injection that was given up: %s", error)
            self._owed = None
        try:
            self._there = yield from self._asked(
                lambda: stamps(self._path, self.spec.files), self._clock.now() + _DEAD
            )
        except OSError as error:
            raise ResultError(_unreadable(self._path, error)) from error

    def injecting(self) -> None:
        """Take note that a file comes from now on, whether or not anybody will wait for it.

        A fault may come between the injection and `trigger`.
        """
        if self._there is not None:
            self._owed = self._clock.now(), self._there

    def trigger(self, start: float | None = None) -> LabStatus:
        """Wait for the file of an injection.

        Parameters
        ----------
        start : float, optional
            Lab time [s] of the injection; now if not given.

        Returns
        -------
        LabStatus
            Finishes when the file is there and whole, fails with `ResultError`. A status whose
            waiting was abandoned ends together with the next one's.

        Raises
        ------
        InstrumentError
            If a file is being waited for already.
        RigFaultError
            While a fault is latched.
        """
        self.interlock.check()
        if self.recording:
            raise InstrumentError("a result file is being waited for already: wait for it")
        self._begin = begin = self._clock.now() if start is None else start
        if self._there is not None:
            self._owed = None  # by nobody any more: this is it
        status = self.interlock.watch(LabStatus("analysis", self.duration))
        return self._waiting.begin(self._await(begin), status)

    def _await(self, begin: float) -> Steps:
        if self._there is None:
            yield from self.arm()
        name, raw = yield from self._found(begin, self._there or {})
        self._publish(name, raw)

    def _publish(self, name: str, raw: bytes) -> None:
        self.file.fill(name)
        self.digest.fill(hashlib.sha256(raw).hexdigest())
        self.content.fill(base64.b64encode(raw).decode())
        self.delay.fill(self._clock.now() - self._begin)

    def _found(
        self, begin: float, there: Mapping[str, Stamp]
    ) -> Generator[Any, None, tuple[str, bytes]]:
        """Wait for the one new file of an injection; return its name and what is in it."""
        deadline = begin + self.spec.timeout
        yield from self._until(begin, begin + _EARLY * self.duration)
        early = (yield from self._look(there, deadline)).new
        early = {k: raw for k, raw in early.items() if not lacking(k, raw, self.spec)}
        seen: dict[str, bytes | str] = {}
        since: dict[str, float] = {}
        while True:
            shown = yield from self._look(there, deadline)
            now = self._clock.now()
            new = {k: raw for k, raw in shown.new.items() if early.get(k) != raw}
            since = {k: since[k] if seen.get(k) == raw else now for k, raw in new.items()}
            seen = new
            why = {k: self._unfinished(k, raw, now - since[k]) for k, raw in new.items()}
            if not all(why.values()):
                return self._only(new)
            if now >= deadline:
                self._keep(new)
                raise ResultError(self._what_came(why, early, shown.anew(there)))
            self._waiting.progress(min(now - begin, self.duration))
            yield min(_LOOK[self._clock.simulated], self.spec.settle)

    def _until(self, begin: float, when: float) -> Steps:
        """Let most of the analysis pass, and tell how far it is."""
        while (now := self._clock.now()) < when:
            self._waiting.progress(now - begin)
            yield At(min(now + _SHOWN * self.duration, when))

    def _unfinished(self, name: str, raw: bytes | str, still: float) -> str:
        """Say what keeps a file from being complete."""
        if wrong := lacking(name, raw, self.spec):
            return wrong
        return "" if still >= self.spec.settle else "is still being written"

    def _only(self, new: Mapping[str, bytes | str]) -> tuple[str, bytes]:
        """Return the one new file."""
        if len(new) > 1:
            raise ResultError(
                f"{len(new)} new files have come into {self._path}: {', '.join(new)}; nobody can "
                "tell which is this injection's: see that the software writes one for each that "
                f"analytics.files = {self.spec.files!r} fits"
            )
        ((name, raw),) = new.items()
        assert isinstance(raw, bytes)
        return name, raw

    def _keep(self, new: Mapping[str, bytes | str]) -> None:
        """Publish what there is of a file that is not whole: the event says that it failed."""
        if len(new) == 1:
            ((name, raw),) = new.items()
            self._publish(name, raw if isinstance(raw, bytes) else b"")

    def _what_came(
        self, why: Mapping[str, str], early: Collection[str], anew: Collection[str]
    ) -> str:
        """Say what there was in place of the file when the time was over."""
        if why:
            each = "; ".join(f"{name} {wrong}" for name, wrong in why.items())
            return (
                f"{self.spec.timeout:g} s after the injection {each}: look at the software that "
                "writes it"
            )
        said = (
            f"no new file {self.spec.files} has come into {self._path} within "
            f"{self.spec.timeout:g} s of the injection: look at the software that writes it"
        )
        if early:
            said += (
                f"; {', '.join(early)} was finished within {_EARLY * self.duration:g} s and taken "
                "for an earlier injection's: if it is not, lower the duration of an analysis"
            )
        if anew:
            said += (
                f"; {', '.join(anew)} was there before and has been written anew: have it write a "
                "new file for each injection"
            )
        return said

    def _look(self, there: Mapping[str, Stamp], deadline: float) -> Generator[Any, None, Look]:
        """Look for what was not there; a folder that is gone may come back until the end."""
        try:
            return (
                yield from self._asked(lambda: look(self._path, self.spec.files, there), deadline)
            )
        except OSError as error:
            if self._clock.now() >= deadline:
                raise ResultError(_unreadable(self._path, error)) from error
            return Look(there, {})

    def _asked(self, ask: Callable[[], T], deadline: float) -> Generator[Any, None, T]:
        """Have a thread of its own ask a drive, which may hang, and give way to others meanwhile.

        Raises
        ------
        ResultError
            If there is no answer by a lab time.
        """
        answer: Future[T] = Future()
        threading.Thread(target=_answer, args=(ask, answer), name="results", daemon=True).start()
        while not wait([answer], _PATIENCE[self._clock.simulated]).done:
            if self._clock.now() >= deadline:
                raise ResultError(f"{self._path} does not answer: see to the drive it is on")
            yield _LOOK[self._clock.simulated]
        return answer.result()

    def facts(self) -> dict[str, Any]:
        """Give what an event tells of the file."""
        keys = {"file": self.file, "file_digest": self.digest, "file_content": self.content}
        return {
            **{key: str(signal.get()) for key, signal in keys.items()},
            "file_delay": float(self.delay.get()),
        }

    def facts_described(self) -> dict[str, dict[str, Any]]:
        """Give the data keys of `facts`, without their source."""
        text: dict[str, Any] = {"dtype": "string", "shape": []}
        number = {"dtype": "number", "dtype_numpy": "<f8", "shape": [], "units": "s"}
        keys = ("file", "file_digest", "file_content")
        return {**{key: dict(text) for key in keys}, "file_delay": {**number, "precision": 0}}

    def abandon(self) -> None:
        """Stop waiting; the file is set aside when it comes, before the next injection."""
        if self.recording:
            self._waiting.give_up()
            if self._there is not None:
                self._owed = self._begin, self._there
            self.clear()

    def stop(self, *, success: bool = False) -> None:
        """Stop waiting: the RunEngine repeats an interrupted experiment from its start."""
        self.abandon()


def _answer(ask: Callable[[], T], answer: "Future[T]") -> None:
    try:
        answer.set_result(ask())
    except Exception as error:  # noqa: BLE001 - it is raised where it was asked for
        answer.set_exception(error)


def unreadable(folder: Path) -> str:
    """Say what is wrong with a folder that files are to come into; empty if nothing."""
    try:
        stamps(folder, "*")
    except OSError as error:
        return _unreadable(folder, error)
    return ""


def _unreadable(folder: Path, error: OSError) -> str:
    return (
        f"analytics.folder = {str(folder)!r} cannot be read ({error.strerror or error}): see that "
        "it is there, and that you may read it"
    )
