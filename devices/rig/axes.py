"""The rig's axes: each one condition that bluesky moves as a motor, together a steady state."""

import logging
import math
import threading
from time import time
from typing import TYPE_CHECKING, Any

from ..clock import LabStatus, Steps, Task
from ..instruments.signals import check_limits
from . import setpoints as convert
from .setpoints import ConditionsError, Setpoints

if TYPE_CHECKING:
    from .flow_rig import FlowRig

_log = logging.getLogger(__name__)

_GATHER = 0.5  # lab s in which what is set belongs to one move
_DECIMALS = {"degC": 1, "uL/min": 4, "min": 3, "1": 3}


class Axis:
    """One condition of a rig; Movable, Locatable, Readable, Checkable, Stoppable.

    A move ends at the steady state, as the rig has it (`FlowRig.set`). Axes that are moved together
    (``bps.mv(rig.residence_time, 10, rig.ratio, 1)``) become one move; what is not moved stays: the
    other flows, the total flow under `ratio`, the proportions under `residence_time`.

    Parameters
    ----------
    rig : FlowRig
    key : str
        ``temperature``, ``flow_<stream>``, ``residence_time`` or ``ratio``.

    Attributes
    ----------
    limits : (float, float)
    egu : str
        Unit.
    """

    component_names: tuple[str, ...] = ()  # of its parts, as bluesky's magics ask for them
    read_attrs: tuple[str, ...] = ()
    _ophyd_labels_ = frozenset({"axes"})  # bluesky's magics look for it

    limits: tuple[float, float]
    egu = ""

    def __init__(self, rig: "FlowRig", key: str):
        self.parent, self.key, self.name = rig, key, f"{rig.name}_{key}"
        self._set_up()

    def _set_up(self) -> None:
        low, high, self.egu = convert.axes(self.parent.config)[self.key]
        self.limits, self.precision = (low, high), _DECIMALS[self.egu]

    def __repr__(self) -> str:
        return f"{self.parent.name}.{self.key}"

    @property
    def position(self) -> float | str:
        """What it was last set to; NaN before. What is there now is in `read`."""
        return self.parent.axes.position(self.key)

    def check_value(self, value: Any) -> None:
        """Refuse a value outside the limits (`LimitError`); asks no instrument."""
        check_limits(self.key, value, self.limits, self.egu)

    def set(self, value: Any) -> LabStatus:
        """Move, the other axes staying.

        Returns
        -------
        LabStatus
            Finishes when the rig is steady there. Fails with `ConditionsError`, `LimitError` or
            `LedgerError`, before a byte is sent, if the axes do not fit together; else as that of
            `FlowRig.set`.

        Raises
        ------
        LimitError
            If `value` is outside the limits.
        RigFaultError
            While a fault is latched.
        """
        self.check_value(value)
        return self.parent.axes.move(self.key, value)

    def stop(self, *, success: bool = True) -> None:
        """Stop pumps and recording; see `FlowRig.stop`."""
        self.parent.stop(success=success)

    @property
    def hints(self) -> dict[str, Any]:
        """What a live table shows."""
        return {"fields": [self.name]}

    def locate(self) -> dict[str, float | str]:
        """Return set value and read value."""
        return {"setpoint": self.position, "readback": self.readback}

    @property
    def readback(self) -> float | str:
        """What the instruments say: of the injected sample where there is one, else of now."""
        return convert.position(self.key, self.parent.conditions(), self.parent.config)

    def read(self) -> dict[str, dict[str, Any]]:
        """Return what was there at the last injection, or is now, and what was set."""
        values = {self.name: self.readback, f"{self.name}_setpoint": self.position}
        return {key: {"value": value, "timestamp": time()} for key, value in values.items()}

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return the data keys of `read`."""
        source = f"{'emulated' if self.parent.simulated else 'serial'}:{self.parent.name}"
        number = {"source": source, "dtype": "number", "dtype_numpy": "<f8", "shape": []}
        key = number | {"units": self.egu, "precision": self.precision}
        ends = zip(("lower_ctrl_limit", "upper_ctrl_limit"), self.limits, strict=True)
        limited = key | {name: end for name, end in ends if math.isfinite(end)}
        return {self.name: limited, f"{self.name}_setpoint": limited}

    def read_configuration(self) -> dict[str, dict[str, Any]]:
        """Return nothing: the rig's is read with `FlowRig.hplc`."""
        return {}

    def describe_configuration(self) -> dict[str, dict[str, Any]]:
        """Return nothing."""
        return {}


class ChoiceAxis(Axis):
    """A choice of a rig as an axis: its positions are words.

    Parameters
    ----------
    rig : FlowRig
    key : str
        Name of the choice.
    """

    def _set_up(self) -> None:
        self.limits, self.precision = (-math.inf, math.inf), 0

    def check_value(self, value: Any) -> None:
        """Refuse what the rig does not carry (`ConditionsError`); asks no instrument."""
        convert.carried(self.key, value, self.parent.config)

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return the data keys of `read`."""
        source = f"{'emulated' if self.parent.simulated else 'serial'}:{self.parent.name}"
        word = {"source": source, "dtype": "string", "shape": []}
        return {self.name: word, f"{self.name}_setpoint": word}


class Axes:
    """Where the axes of a rig stand, and their way to where they were set.

    Parameters
    ----------
    rig : FlowRig
    lock : RLock
        The rig's.

    Attributes
    ----------
    held : dict of str to float or str
        The conditions last set, by variable or choice; what was never set is missing.
    named : dict of str to Axis
    """

    def __init__(self, rig: "FlowRig", lock: threading.RLock):
        self._rig, self._lock = rig, lock
        self._task = Task(rig.clock, lock)
        self._asked: dict[str, float | str] = {}  # for the move that is being gathered
        self._before: convert.Conditions = {}  # where the axes stood when the rig was staged
        self._moved = self._resting = False  # since then; since it was unstaged
        self.held: dict[str, float | str] = {}
        self.named = {key: Axis(rig, key) for key in convert.axes(rig.config)}
        self.named |= {key: ChoiceAxis(rig, key) for key in rig.config.choices}

    def position(self, key: str) -> float | str:
        """Return where an axis stands."""
        return convert.position(key, self.held, self._rig.config)

    def setpoints(self, asked: convert.Conditions | None = None) -> Setpoints:
        """Return the setpoints after some axes were moved from where all of them stand.

        Raises
        ------
        ConditionsError
            If a condition was never set, so that there is no steady state to go to, or the values
            exclude one another.
        LimitError, LedgerError
            As `FlowRig.setpoints`.
        """
        asked = asked or {}
        conditions = convert.moved(self.held, asked, self._rig.config)
        choices = self._rig.config.choices.items()
        needed = [*self._rig.limits(), *(n for n, choice in choices if choice.default is None)]
        if missing := [name for name in needed if name not in conditions]:
            unheld = [*missing, *(name for name in asked if name not in self.held)]
            pairs = ", ".join(f"{self._rig.name}.{name}, ..." for name in unheld)
            raise ConditionsError(
                f"{', '.join(missing)} {'were' if missing[1:] else 'was'} never set on this rig: "
                f"set all that flows need first, in one move, RE(bps.mv({pairs}))"
            )
        return self._rig.setpoints(conditions)

    def move(self, key: str, value: float | str) -> LabStatus:
        """Move an axis, together with those moved at the same moment; see `Axis.set`."""
        with self._lock:
            self._rig.interlock.check()
            word = key in self._rig.config.choices
            self._asked[key] = str(value) if word else float(value)
            told = value if word else f"{value:g}"
            return self._task.begin(self._move(), LabStatus(f"{key} to {told}"))

    def _move(self) -> Steps:
        yield _GATHER
        asked, self._asked = self._asked, {}
        if set(asked) == {"temperature"} and not any(k.startswith("flow_") for k in self.held):
            self.held |= asked  # nothing has ever flowed: there is only the heater to wait for
            self._moved = True
            yield self._rig.watch.track(self._rig.heater.set(float(asked["temperature"])))
            return
        setpoints = self.setpoints(asked)
        if self._resting and setpoints.conditions == self._before:
            # a plan that puts back what it has moved, when it has left the rig safe: it stays so
            _log.info("the axes are back where they were; the rig stays at rest")
            self.held = dict(self._before)
            return
        self._resting, self._moved = False, True
        yield self._rig.set(setpoints)

    def note(self, setpoints: Setpoints) -> None:
        """Take note of where the rig goes."""
        self.held = setpoints.conditions

    def staged(self) -> None:
        """Take note of where the axes stand before a plan."""
        self._before, self._moved, self._resting = dict(self.held), False, False

    def unstaged(self) -> None:
        """Take note that a plan has left the rig safe, which may still put axes back."""
        self._resting = self._moved

    def stopped(self) -> None:
        """Take note that a plan is over, or pauses: what is moved from now on moves."""
        self._moved = self._resting = False

    def give_up(self) -> None:
        """Give up what is under way; its statuses end with a later move."""
        with self._lock:
            self._asked = {}
            self._task.give_up()
