"""The reactor as one thing: conditions in, steady states, samples and traces out.

One `FlowRig` stands before the RunEngine in place of pumps, heater, valve and detector. All its
long actions return a Status at once and go on in callbacks of the lab clock. An action that is
overtaken or stopped leaves its Status to the next one of its kind: the RunEngine throws the
failure of any Status it has ever been given into the plan, even while that is cleaning up or
resuming after a pause.
"""

import threading
from collections.abc import Mapping
from dataclasses import replace
from time import time
from typing import Any, Self

from ..clock import LabStatus
from ..instruments.heater import NotSettledError
from ..instruments.interlock import RigFaultError
from ..instruments.ledger import LedgerError
from ..instruments.signals import LimitError
from ..rigfile import RigError, load
from ..tables import storable
from . import setpoints as convert
from .axes import Axes, Axis
from .feed import Feed, InterruptedFlowError
from .hardware import Bench
from .safety import SafeReport
from .sampled import SampledHplc
from .sampling import Sampler
from .setpoints import ConditionsError, Setpoints, fixed_quantities
from .steady import SteadyState
from .washing import Washing
from .watch import Watch

__all__ = [
    "ConditionsError",
    "FlowRig",
    "InterruptedFlowError",
    "LedgerError",
    "LimitError",
    "NotSettledError",
    "RigError",
    "RigFaultError",
    "SafeReport",
    "Setpoints",
    "load",
]


Conditions = Mapping[str, float | str] | Setpoints
"""Numbers and words by variable, or the setpoints that follow from them."""


class FlowRig:
    """A flow reactor with on-line HPLC; Movable, Triggerable, Readable, Stageable, Stoppable.

    Use `open_rig`. What moves something raises `RigFaultError` while a fault is latched, and
    `ConditionsError`, `LimitError` or `LedgerError` before a byte is sent.

    Parameters
    ----------
    bench : Bench
        Opened, its instruments greeted; the rig closes it.

    Attributes
    ----------
    config : RigFile
    clock : LabClock
    pumps : dict of str to SyringePump
        By stream.
    selectors : dict of str to SelectorValve
        By choice, of those that a valve makes.
    collection : CollectionValve or None
        If there is one.
    heater, valve, detector : ophyd Device
        The other instruments.
    simulated : bool
        Whether emulators stand in for the hardware.
    interlock : Interlock
        Asked by every instrument before it moves; a latched fault holds it shut.
    watch, washing
        What looks at it now and then, and brings it to rest; and what washes it.
    temperature, residence_time, ratio, flow_<stream> : Axis
        What bluesky's plans move; `ratio` with two streams only. So are choices, whose positions
        are words, by their names where the rig has nothing else that is called so.
    axes : Axes
        All of them, `named`.
    hplc : SampledHplc
        What bluesky's plans read.
    """

    parent = None
    _ophyd_labels_ = frozenset({"rigs"})  # bluesky's magics look for it, and for the axes
    temperature: Axis
    residence_time: Axis

    def __init__(self, bench: Bench, name: str = "rig"):
        self.name, self._bench, self.config, self.clock = name, bench, bench.config, bench.clock
        self.simulated, self.emulation = bench.simulated, bench.emulation
        self.pumps, self.heater = bench.pumps, bench.heater
        self.valve, self.detector = bench.valve, bench.detector
        self.selectors, self.collection = bench.selectors, bench.collection
        self.interlock = bench.interlock
        self._lock = threading.RLock()
        self.watch = Watch(bench, self._lock)
        valves = self.selectors, self.collection
        self.feed = Feed(self.pumps, self.clock, self.config, self._lock, *valves)
        common = (self.clock, self.config, self._lock, self.watch.track)
        self._steady = SteadyState(self.heater, self.feed, *common)
        self._sampler = Sampler(self.valve, self.detector, self.heater, self.feed, *common)
        self.washing = Washing(bench, self.feed, self._steady, self._lock, self.watch.track)
        self._closed = False
        self.axes, self.hplc = Axes(self, self._lock), SampledHplc(self, self._lock)
        own = {key: axis for key, axis in self.axes.named.items() if not hasattr(self, key)}
        vars(self).update(own)
        self.component_names = self.read_attrs = tuple(self.axes.named)
        long = self.axes.give_up, self.hplc.give_up, self.washing.give_up
        self.watch.begin(self.feed, self._steady, self._sampler, *long)

    # -- closing ----------------------------------------------------------------

    def close(self) -> None:
        """Make the rig safe, then close clock, ports and emulators; idempotent."""
        if not self._closed:
            self._closed = True
            self.watch.end()
            self.safe()
            self._bench.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- what it can do ---------------------------------------------------------------------

    def description(self) -> dict[str, Any]:
        """Return the rig for the start document: JSON-able, with the whole rig file."""
        return {
            "title": self.config.title,
            "simulated": self.simulated,
            "clock": "simulated" if self.clock.simulated else "real",
            "file": storable(self.config.model_dump(mode="json", by_alias=True)),
        }

    def limits(self) -> dict[str, tuple[float, float, str]]:
        """Return lower limit, upper limit and unit by variable."""
        return convert.limits(self.config)

    def setpoints(self, conditions: Conditions) -> Setpoints:
        """Turn conditions into achievable setpoints.

        Parameters
        ----------
        conditions : mapping or Setpoints
            `temperature` [degC] with one `flow_<stream>` [uL/min] each or, for two streams,
            `residence_time` [min] and `ratio` of the second flow to the first; and what is chosen,
            where the rig has choices.

        Raises
        ------
        ConditionsError, LimitError
            If they do not fit the rig.
        LedgerError
            If syringes and flasks cannot finish an experiment there.
        """
        collect = conditions.collect if isinstance(conditions, Setpoints) else 0.0
        if isinstance(conditions, Setpoints):
            conditions = conditions.conditions
        setpoints = convert.setpoints_of(conditions, self.config, self.heater.driver.decimals)
        setpoints = replace(setpoints, collect=collect)
        self.feed.check(setpoints)
        return setpoints

    def stabilisation(self, setpoints: Setpoints) -> float:
        """Return how long the rig takes from now on to forget the conditions before [s]."""
        return self.feed.rinse(setpoints) + convert.stabilisation(setpoints, self.config)

    def needed(self, setpoints: Setpoints) -> dict[str, float]:
        """Return what one experiment uses of each stream [uL]."""
        return convert.needed(setpoints, self.config)

    # -- steady state -----------------------------------------------------------------------

    def set(self, conditions: Conditions) -> LabStatus:
        """Go to conditions and stay there until steady.

        Heats, starts the flow once the temperature has settled (unless `flow` has started it
        before), and waits the stabilisation time since both have been right.

        Returns
        -------
        LabStatus
            Finishes when steady; soon if that is so already. Fails with `NotSettledError`,
            `LedgerError`, `InterruptedFlowError` or `RigFaultError`.
        """
        with self._lock:
            self._sampler.forget()
            self.interlock.check()
            setpoints = self.setpoints(conditions)
            self.axes.note(setpoints)
            return self._steady.set(setpoints)

    def heat(self, conditions: Conditions) -> LabStatus:
        """Set the heater only.

        Returns
        -------
        LabStatus
            Finishes when the temperature has settled; see `Heater.set`.
        """
        with self._lock:
            self.interlock.check()
            return self.watch.track(self.heater.set(self.setpoints(conditions).temperature))

    def flow(self, conditions: Conditions) -> LabStatus:
        """Start the pumps, after refilling from the flasks those that could not finish.

        Returns
        -------
        LabStatus
            Finishes when every pump has confirmed its flow; see `Feed.start`.
        """
        with self._lock:
            self.interlock.check()
            return self.watch.track(self.feed.start(self.setpoints(conditions)))

    def pause_flow(self) -> LabStatus:
        """Stop the pumps to save reagent; the heater holds, a later steady state starts anew.

        Returns
        -------
        LabStatus
            Finishes when every pump has confirmed. Whoever waits for a steady state meanwhile
            gets an `InterruptedFlowError`.
        """
        with self._lock:
            reason = InterruptedFlowError("the flow was paused: set the conditions again")
            self._steady.give_up(reason)
            return self.watch.track(self.feed.pause(reason))

    # -- sampling ---------------------------------------------------------------------------

    def fill_loop(self) -> LabStatus:
        """Turn the valve to load and let the loop fill.

        Returns
        -------
        LabStatus
            Finishes when the loop volumes of the rig file have gone through; fails with
            `InterruptedFlowError` if the flow is not there all that time.
        """
        with self._lock:
            self.interlock.check()
            return self._sampler.fill_loop()

    def inject(self) -> LabStatus:
        """Turn the valve to inject and latch the conditions of this moment.

        Returns
        -------
        LabStatus
            Finishes when the valve has confirmed. If the file of an injection that was given up is
            still to come from other software, it is waited for before the valve turns.

        Raises
        ------
        InstrumentError
            If a trace is being recorded, which a second injection would spoil.
        """
        with self._lock:
            self.interlock.check()
            return self._sampler.inject()

    def trigger(self) -> LabStatus:
        """Record the trace of the last injection; sample 0 belongs to the injection.

        Returns
        -------
        LabStatus
            Finishes with the last sample, fails if the detector does. A fault elsewhere makes the
            rig safe but leaves the recording alone: the sample is on the column by then.

        Raises
        ------
        InstrumentError
            If nothing has been injected.
        """
        with self._lock:
            self.interlock.check()
            return self._sampler.trigger()

    # -- watching and safety ----------------------------------------------------------------

    @property
    def fault(self) -> str | None:
        """Why nothing moves; None if nothing keeps it from moving."""
        return self.interlock.fault

    @property
    def last_report(self) -> SafeReport | None:
        """What the rig confirmed when it was last made safe."""
        return self.watch.last_report

    def safe(self) -> SafeReport:
        """Stop the pumps, the heater to its safe setpoint, the valves to load and waste; no raise.

        Returns
        -------
        SafeReport
            What every instrument has confirmed, and what to do by hand where one has not.
        """
        return self.watch.safe()

    def safe_again(self) -> SafeReport:
        """Try once more to reach what a fault has kept from being made safe; no raise.

        A plan may wait for its trace meanwhile, which goes on being recorded.
        """
        return self.watch.safe_again()

    def end(self, reason: str) -> SafeReport:
        """Make the rig safe, and let nothing move until `interlock.release`: a plan is ending."""
        self.interlock.hold(reason)
        return self.safe()

    def acknowledge(self) -> None:
        """Take the fault back, after a human has looked, and greet every instrument again.

        Raises
        ------
        TransportError, InstrumentError
            If one does not answer; the fault stays.
        """
        with self._lock:
            self._bench.connect()
            self.interlock.open()

    def recover(self) -> LabStatus:
        """Greet every instrument again after a fault of communication, and take that back.

        Returns
        -------
        LabStatus
            Finishes when all of them have answered. Fails with `RigFaultError` if a human has to
            look, with `TransportError` or `InstrumentError` if one does not answer, or is not as
            it should be; the fault stays then.
        """
        return self.watch.recover()

    # -- bluesky ----------------------------------------------------------------------------

    def stage(self) -> list[Any]:
        """Forget samples of before."""
        with self._lock:
            self._sampler.forget()
            self.axes.staged()
        return [self]

    def unstage(self) -> list[Any]:
        """Make the rig safe; see `last_report`."""
        self.safe()
        self._sampler.end()
        self.axes.unstaged()
        return [self]

    def stop(self, *, success: bool = True) -> None:
        """Stop pumps and recording; no fault, the heater holds; never raises.

        The RunEngine calls this at every exit and pause. Statuses stay open: what was asked for
        has to be asked for again, and then starts anew.
        """
        with self._lock:
            self.axes.stopped()
            self.watch.give_up()
            for pump in self.pumps.values():
                pump.stop()

    def conditions(self) -> dict[str, float | str]:
        """Return what the instruments said at the injection of this plan, or else say now."""
        return self._sampler.conditions()

    @property
    def hints(self) -> dict[str, Any]:
        """What a live table shows."""
        return {"fields": [*self.limits(), "residence_time"]}

    def read(self) -> dict[str, dict[str, Any]]:
        """Return conditions latched at the last injection, and its trace; NaN if there is none."""
        return self._sampler.read()

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return the data keys of `read`."""
        return self._sampler.describe(f"{'emulated' if self.simulated else 'serial'}:{self.name}")

    def read_configuration(self) -> dict[str, dict[str, Any]]:
        """Return what does not change during a run."""
        values = fixed_quantities(self.config).items()
        return {key: {"value": value, "timestamp": time()} for key, (value, _) in values}

    def describe_configuration(self) -> dict[str, dict[str, Any]]:
        """Return the data keys of `read_configuration`."""
        units = fixed_quantities(self.config).items()
        number: dict[str, Any] = {"source": "rig file", "dtype": "number", "shape": []}
        return {key: number | {"units": unit} for key, (_, unit) in units}
