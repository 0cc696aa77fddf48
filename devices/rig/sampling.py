"""One sample: fill the loop, inject, latch what was true then, record the trace."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import time
from typing import Any

from ..clock import LabClock, LabStatus, Steps, Task
from ..instruments.detector import Detector
from ..instruments.heater import Heater
from ..instruments.resultfile import ResultFile
from ..instruments.valve import InjectionValve
from ..protocols.transport import InstrumentError
from ..rigfile import RigFile
from .feed import Feed, InterruptedFlowError
from .setpoints import flush, limits, residence_time

_NONE = float("nan")


@dataclass(frozen=True)
class _Latch:
    """What was true at an injection, by name in the event document."""

    lab_time: float
    timestamp: float
    values: Mapping[str, float | str]


class Sampler:
    """Valve and detector (or other software's files), and what of them goes into the event.

    Parameters
    ----------
    valve, detector, heater, feed
        What samples, and what the sample's conditions are read from.
    clock : LabClock
        Lab time.
    config : RigFile
        Volumes and method.
    lock : RLock
        The rig's.
    track : callable
        Registers a Status with the rig, which makes a broken instrument behind it a fault.
    """

    def __init__(
        self,
        valve: InjectionValve,
        detector: Detector | ResultFile,
        heater: Heater,
        feed: Feed,
        clock: LabClock,
        config: RigFile,
        lock: threading.RLock,
        track: Callable[..., LabStatus],
    ):
        self._valve, self._detector, self._heater, self._feed = valve, detector, heater, feed
        self._clock, self._config, self._lock, self._track = clock, config, lock, track
        self._task = Task(clock, lock)  # filling the loop, or injecting
        self._latch: _Latch | None = None
        self._current = False  # whether the plan that has injected goes on
        self._used_before = dict.fromkeys(feed.pumps, 0.0)

    def fill_loop(self) -> LabStatus:
        """Turn to load and fill the loop; see `FlowRig.fill_loop`."""
        with self._lock:
            self.forget()
            turned = self._track(self._valve.set("load"))
            return self._task.begin(self._fill(turned), self._track(LabStatus("loop")))

    def _fill(self, turned: LabStatus) -> Steps:
        yield turned
        flowing, since = self._feed.setpoints, self._feed.since
        if flowing is None or since is None:
            raise InterruptedFlowError("nothing flows: set conditions first")
        yield flush(flowing, self._config)
        self._feed.look()
        if self._feed.since != since:
            raise InterruptedFlowError("the flow changed while the loop filled")

    def inject(self) -> LabStatus:
        """Turn to inject and latch the conditions; see `FlowRig.inject`."""
        with self._lock:
            if self._detector.recording:
                raise InstrumentError("a trace is being recorded: wait for it before injecting")
            self.forget()
            return self._task.begin(self._inject(), self._track(LabStatus("injection")))

    def _inject(self) -> Steps:
        yield from self._detector.arm()
        self._feed.look()
        self._heater.poll()
        values = self._conditions()
        self._detector.injecting()
        yield self._track(self._valve.set("inject"))
        self._latch, self._current = _Latch(self._clock.now(), time(), values), True
        for key, pump in self._feed.pumps.items():
            self._used_before[key] = pump.ledger.infused

    def trigger(self) -> LabStatus:
        """Record the trace; see `FlowRig.trigger`."""
        with self._lock:
            if self._latch is None:
                raise InstrumentError(
                    "nothing has been injected: call inject before trigger, or measure with the "
                    "detector rig.hplc, which injects by itself"
                )
            return self._track(self._detector.trigger(self._latch.lab_time), spared=True)

    def forget(self) -> None:
        """Drop the sample, so that it is not read for another; not while it is recorded."""
        with self._lock:
            if not self._detector.recording:
                self._latch = None
                self._detector.clear()

    def give_up(self) -> None:
        """Give up filling and injecting; a trace goes on being recorded. Sends nothing."""
        self._task.give_up()

    def stop(self) -> None:
        """Give up what is under way, trace included; sends nothing but to a sampling meter."""
        with self._lock:
            self.give_up()
            if self._detector.recording:
                self._detector.abandon()
                self._latch = None

    # -- the event's data ---------------------------------------------------------------------

    def conditions(self) -> dict[str, float | str]:
        """Return the conditions latched at the injection of this plan; without one those of now."""
        if self._latch and self._current:
            return dict(self._latch.values)
        pumps = self._feed.pumps
        still = [
            f"flow_{key}"
            for key, streams in self._config.flows.items()
            if not any(pumps[stream].running for stream in streams)
        ]
        return self._conditions() | dict.fromkeys(still, 0.0)

    def end(self) -> None:
        """Take note that the plan is over which the last sample belongs to."""
        self._current = False

    def _conditions(self) -> dict[str, float | str]:
        """Collect what the instruments read back, by name in the event document."""
        values: dict[str, float | str] = {
            "temperature": float(self._heater.temperature.get()),
            "temperature_setpoint": float(self._heater.setpoint.get()),
        }
        for key, streams in self._config.flows.items():
            pumps = [self._feed.pumps[stream] for stream in streams]
            values[f"flow_{key}"] = sum(float(pump.flow.get()) for pump in pumps)
            values[f"flow_{key}_setpoint"] = sum(float(p.flow_setpoint.get()) for p in pumps)
        for key, pump in self._feed.pumps.items():
            values[f"used_{key}"] = pump.ledger.infused - self._used_before[key]
            values[f"remaining_{key}"] = pump.ledger.content
        total = sum(float(pump.flow.get()) for pump in self._feed.pumps.values())
        for key, choice in self._feed.choices.items():
            values[key] = option = self._feed.setpoints.chosen[key] if self._feed.setpoints else ""
            if choice.valve is not None:
                values[f"{key}_position"] = float(choice.valve.position)
                values[f"{key}_left"] = choice.left.get(option, _NONE)
        values["residence_time"] = residence_time(total, self._config) if total else _NONE
        return values

    def read(self) -> dict[str, dict[str, Any]]:
        """Return conditions latched at the last injection, and its trace; NaN if there is none."""
        latch = self._latch or _Latch(_NONE, time(), {})
        values: dict[str, Any] = {
            **{key: latch.values.get(key, _NONE) for key in self._scalars()},
            **{key: latch.values.get(key, "") for key in self._config.choices},
            "lab_time": latch.lab_time,
            **self._detector.facts(),
        }
        return {key: {"value": v, "timestamp": latch.timestamp} for key, v in values.items()}

    def _scalars(self) -> dict[str, tuple[str, int]]:
        """Return unit and decimals of the latched numbers."""
        keys = {}
        for variable, (_, _, unit) in limits(self._config).items():
            decimals = 1 if unit == "degC" else 4
            keys[variable] = keys[f"{variable}_setpoint"] = (unit, decimals)
        keys["residence_time"] = ("min", 3)
        for key in self._feed.pumps:
            keys[f"used_{key}"] = keys[f"remaining_{key}"] = ("uL", 1)
        for key, choice in self._feed.choices.items():
            if choice.valve is not None:
                keys[f"{key}_position"], keys[f"{key}_left"] = ("", 0), ("uL", 1)
        return keys

    def describe(self, source: str) -> dict[str, dict[str, Any]]:
        """Return the data keys of `read`."""
        number: dict[str, Any] = {"source": source, "dtype_numpy": "<f8"}
        scalars = self._scalars() | {"lab_time": ("s", 1)}
        keys = {
            key: number | {"dtype": "number", "shape": [], "units": unit, "precision": decimals}
            for key, (unit, decimals) in scalars.items()
        }
        for variable, (low, high, _) in limits(self._config).items():
            keys[variable] |= {"lower_ctrl_limit": low, "upper_ctrl_limit": high}
        for name in self._config.choices:
            keys[name] = {"source": source, "dtype": "string", "shape": []}
        measured = self._detector.facts_described().items()
        return keys | {key: {"source": source, **described} for key, described in measured}
