"""Statuses that a progress bar can watch and that two threads may try to finish."""

from collections.abc import Callable
from typing import Protocol

from ophyd.status import Status
from ophyd.utils.errors import InvalidState


class WaitedFor(Protocol):
    """What the clock needs of a Status: bluesky's protocol, and a way to fail it."""

    @property
    def done(self) -> bool:
        """Whether it has finished, well or badly."""
        ...

    @property
    def success(self) -> bool:
        """Whether it has finished well."""
        ...

    def set_exception(self, exc: Exception) -> None:
        """Finish it badly."""
        ...


class LabStatus(Status):  # type: ignore[misc]  # ophyd ships no types
    """A Status that a progress bar can watch.

    Parameters
    ----------
    name : str
        What is waited for, as the progress bar shows it.
    target : float
        Where `progress` ends.
    unit : str
        Unit of `target`.
    """

    def __init__(self, name: str, target: float = 1.0, unit: str = "s"):
        self.name = name
        self._target, self._unit, self._current = float(target), unit, 0.0
        self._watchers: list[Callable[..., object]] = []
        super().__init__(obj=name)

    def __str__(self) -> str:
        """Say why it has failed, if it has: all that a RunEngine shows of that is its status."""
        if (error := self._exception) is None:
            return str(super().__str__())
        return f"{self.name}: {error or repr(error)}"

    def watch(self, func: Callable[..., object]) -> None:
        """Call `func(name=, current=, initial=, target=, unit=)` now and at each progress."""
        self._watchers.append(func)
        self._show(func)

    def progress(self, current: float) -> None:
        """Tell the watchers how far it is."""
        self._current = current
        for func in self._watchers:
            self._show(func)

    def _show(self, func: Callable[..., object]) -> None:
        func(
            name=self.name,
            current=self._current,
            initial=0.0,
            target=self._target,
            unit=self._unit,
            precision=1,
        )

    def _settled(self) -> None:
        if self._exception is None:
            self.progress(self._target)


def conclude(status: WaitedFor, error: Exception | None = None) -> bool:
    """Finish a Status unless somebody has done so before.

    Two threads may end the same Status (it settles while a fault fails it); the first wins.

    Returns
    -------
    bool
        Whether this call finished it.
    """
    try:
        if error is None:
            status.set_finished()  # type: ignore[attr-defined]  # only our own are finished
        else:
            status.set_exception(error)
    except InvalidState:
        return False
    return True
