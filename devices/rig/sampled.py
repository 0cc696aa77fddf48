"""The on-line HPLC as a detector: a trigger samples what the axes are set to."""

import threading
from typing import TYPE_CHECKING, Any

from ..clock import LabStatus, Steps, Task
from ..instruments.interlock import FAILURES, RigFaultError
from .setpoints import Setpoints

if TYPE_CHECKING:
    from .flow_rig import FlowRig


class SampledHplc:
    """Fills the loop, injects and records; Triggerable, Readable, Pausable, Stoppable.

    A trigger first sees to it that the rig is steady where the axes are set to, which takes no time
    if it is so already: for the flows stop between one plan and the next, and between samples.

    Parameters
    ----------
    rig : FlowRig
    lock : RLock
        The rig's.
    """

    name = "hplc"
    component_names: tuple[str, ...] = ()
    read_attrs: tuple[str, ...] = ()
    _ophyd_labels_ = frozenset({"detectors"})  # bluesky's magics look for it

    def __init__(self, rig: "FlowRig", lock: threading.RLock):
        self.parent, self._lock = rig, lock
        self._task = Task(rig.clock, lock)

    def __repr__(self) -> str:
        return f"{self.parent.name}.hplc"

    def trigger(self) -> LabStatus:
        """Measure the conditions of the axes.

        Returns
        -------
        LabStatus
            Finishes with the trace; fails as `FlowRig.set`, `fill_loop`, `inject` and `trigger` do.

        Raises
        ------
        ConditionsError, LedgerError
            If there are no conditions to measure at, or no reagent for it; nothing has moved.
        RigFaultError
            While a fault is latched.
        """
        with self._lock:
            self.parent.interlock.check()
            setpoints = self.parent.axes.setpoints()
            return self._task.begin(self._sample(setpoints), LabStatus("sample"))

    def _sample(self, setpoints: Setpoints) -> Steps:
        rig = self.parent
        yield rig.set(setpoints)
        yield rig.fill_loop()
        yield rig.inject()
        trace = rig.trigger()
        try:  # the loop holds the sample: what leaves the reactor from here on is only spent
            yield rig.pause_flow()
        except (RigFaultError, *FAILURES):
            pass  # the sample is worth finishing; what comes next meets the fault itself
        yield trace

    def give_up(self) -> None:
        """Give up what is under way; its statuses end with a later sample."""
        self._task.give_up()

    def stop(self, *, success: bool = True) -> None:
        """Stop pumps and recording; see `FlowRig.stop`."""
        self.parent.stop(success=success)

    def pause(self) -> None:
        """Stop: the RunEngine repeats what it had begun."""
        self.parent.stop()

    def resume(self) -> None:
        """Do nothing: what the RunEngine repeats starts anew."""

    @property
    def hints(self) -> dict[str, Any]:
        """What a live table shows."""
        return self.parent.hints

    def read(self) -> dict[str, dict[str, Any]]:
        """Return conditions latched at the injection, and its trace; see `FlowRig.read`."""
        return self.parent.read()

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return the data keys of `read`."""
        return self.parent.describe()

    def read_configuration(self) -> dict[str, dict[str, Any]]:
        """Return what of the rig does not change during a run."""
        return self.parent.read_configuration()

    def describe_configuration(self) -> dict[str, dict[str, Any]]:
        """Return the data keys of `read_configuration`."""
        return self.parent.describe_configuration()
