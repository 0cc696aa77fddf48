"""The heater: an oven behind its controller. Temperatures are degC."""

import logging
import threading

from ophyd import Component, Device

from ..clock import LabClock, LabStatus, Steps, Task, conclude
from ..protocols.roles import HeaterDriver, HeaterReading, Limits
from ..protocols.transport import InstrumentError
from ..specs import HeaterSpec
from .interlock import Interlock
from .signals import Kind, Reading, check_limits

_log = logging.getLogger(__name__)

_POLL = {True: 5.0, False: 1.0}  # lab s between looks while settling; each is bytes on the line


class HeaterError(InstrumentError):
    """Over-temperature or a broken sensor; a human must look."""


class NotSettledError(RuntimeError):
    """The temperature has not been reached in time."""


class Heater(Device):  # type: ignore[misc]  # ophyd ships no types
    """The heated reactor; reading it costs no byte, `poll` fetches.

    Parameters
    ----------
    name : str
        Ophyd name.
    driver : HeaterDriver
        The controller.
    clock : LabClock
        Lab time.
    interlock : Interlock
        Asked before anything is heated.
    spec : HeaterSpec
        The heater's table of the rig file.

    Attributes
    ----------
    settled_since : float or None
        Lab time [s] since which the temperature counts as reached; None while it does not.
    """

    temperature = Component(Reading, units="degC", precision=1, kind=Kind.hinted)
    setpoint = Component(Reading, units="degC", precision=1, kind=Kind.normal)
    output = Component(Reading, units="%", precision=1, kind=Kind.normal)
    firmware = Component(Reading, kind=Kind.config, value="")
    decimals = Component(Reading, kind=Kind.config, precision=0, value=float("nan"))
    tolerance = Component(Reading, units="degC", precision=1, kind=Kind.config)
    settle = Component(Reading, units="s", precision=0, kind=Kind.config)

    def __init__(
        self,
        *,
        name: str,
        driver: HeaterDriver,
        clock: LabClock,
        interlock: Interlock,
        spec: HeaterSpec,
    ):
        super().__init__(name=name)
        self.driver, self.spec, self.interlock = driver, spec, interlock
        self.limits = spec.limits
        self.source = f"serial:{driver.transport.url}#{driver.address}"
        self._clock = clock
        self._lock = threading.RLock()
        self._approaching = Task(clock, self._lock)
        self._target: float | None = None
        self._within_since: float | None = None
        self.settled_since: float | None = None
        self.tolerance.fill(spec.tolerance)
        self.settle.fill(spec.settle)

    def connect(self) -> None:
        """Find out how the controller writes temperatures, and have its own alarm watch, too.

        Raises
        ------
        TransportError, InstrumentError
            If it does not answer, its numbers make no sense in degC, or its sensor is broken.
        """
        with self._lock:
            self.firmware.fill(self.driver.connect().name)
            self.decimals.fill(float(self.driver.decimals or 0))
            self.driver.check(self.limits, self.spec.maximum, self.spec.safe)
            if look := self.driver.arm(self.spec.maximum):
                _log.warning("%s: look at this: %s", self.driver.name, look)
        self.poll()

    def check(self, temperature: float) -> None:
        """Refuse a temperature [degC] outside the limits (`LimitError`)."""
        check_limits("temperature", self.achievable(temperature), self.limits, "degC")

    def achievable(self, temperature: float, limits: Limits | None = None) -> float:
        """Return what the controller makes of a temperature [degC], inside its or these limits."""
        return self.driver.achievable(temperature, limits or self.limits, self.driver.decimals)

    def set(self, temperature: float) -> LabStatus:
        """Go to `temperature` [degC].

        Returns
        -------
        LabStatus
            Finishes when the reading has stayed within the tolerance for the settling time, fails
            with `NotSettledError` when that takes too long. A status that a later `set` overtakes
            ends together with the later one.

        Raises
        ------
        LimitError
            If `temperature` is outside the limits.
        RigFaultError
            While a fault is latched.
        """
        self.check(temperature)
        self.interlock.check()
        target = self.achievable(temperature)
        status = LabStatus(f"{self.name} to {target:g} degC", self.spec.settle)
        with self._lock:
            if target == self._target and self.settled_since is not None:
                conclude(status)
                return status
            if target == self._target and self._approaching.under_way:
                return self._approaching.join(status)
            self._approaching.begin(self._approach(target), self.interlock.watch(status))
            self._target = target
            self.settled_since = self._within_since = None
        return status

    def _approach(self, target: float) -> Steps:
        """Write the setpoint once, then look until the temperature has settled."""
        deadline = self._clock.now() + self.spec.timeout
        try:
            with self.driver.transport.together():
                self.interlock.check()
                self.driver.write_setpoint(target)
            reading = self.poll()
            while self.settled_since is None:
                now = self._clock.now()
                if now >= deadline:
                    raise NotSettledError(
                        f"heater is at {reading.temperature:g} degC and has not settled within "
                        f"{self.spec.tolerance:g} degC of {target:g} degC in "
                        f"{self.spec.timeout:g} s: check heater and fans, or raise timeout"
                    )
                self._approaching.progress(now - (self._within_since or now))
                yield _POLL[self._clock.simulated]
                reading = self.poll()
        except Exception:
            self._target = None
            raise

    def cool(self, below: float) -> LabStatus:
        """Go to the safe setpoint, whatever the limits, and wait for the reactor to cool.

        Parameters
        ----------
        below : float
            What it has to come down to [degC].

        Returns
        -------
        LabStatus
            Finishes when it is no hotter; fails with `NotSettledError` when that takes too long.

        Raises
        ------
        RigFaultError
            While a fault is latched.
        """
        self.interlock.check()
        status = LabStatus(f"{self.name} below {below:g} degC")
        with self._lock:
            self._approaching.begin(self._cool(below), self.interlock.watch(status))
            self._target = self.settled_since = self._within_since = None
        return status

    def _cool(self, below: float) -> Steps:
        deadline = self._clock.now() + self.spec.timeout
        with self.driver.transport.together():
            self.interlock.check()
            self.driver.cool(self.spec.safe)
        while (reading := self.poll()).temperature > below:
            if self._clock.now() >= deadline:
                raise NotSettledError(
                    f"heater is at {reading.temperature:g} degC and has not cooled to {below:g} "
                    f"degC in {self.spec.timeout:g} s: check heater and fans, or raise timeout"
                )
            yield _POLL[self._clock.simulated]

    def poll(self) -> HeaterReading:
        """Fetch and publish the reading.

        Raises
        ------
        HeaterError
            If it is too hot or the sensor is broken.
        """
        with self._lock:
            reading = self.driver.read()
            self.temperature.fill(reading.temperature)
            self.setpoint.fill(reading.setpoint)
            self.output.fill(reading.output)
            self._watch_band(reading.temperature)
        if reading.sensor_break:
            raise HeaterError("the temperature sensor of the heater is broken: replace it")
        if reading.temperature > self.spec.maximum:
            raise HeaterError(
                f"heater is at {reading.temperature:g} degC, above its maximum of "
                f"{self.spec.maximum:g} degC: check it before going on"
            )
        return reading

    def _watch_band(self, temperature: float) -> None:
        """Keep `settled_since` true to the latest reading."""
        now = self._clock.now()
        if self._target is None or not abs(temperature - self._target) <= self.spec.tolerance:
            self.settled_since = self._within_since = None
            return
        self._within_since = now if self._within_since is None else self._within_since
        if self.settled_since is None and now - self._within_since >= self.spec.settle:
            self.settled_since = now

    def give_up(self, reason: Exception | None = None, *, cooled: bool = False) -> None:
        """Take note that the heater was cooled, by whoever makes the rig safe.

        Parameters
        ----------
        reason : Exception, optional
            Fails what is pending. Without it, pending statuses stay open until a later `set`:
            at the end of a plan nobody waits for them, and a failure would disturb its clean-up.
        cooled : bool
            Whether the controller has confirmed its safe setpoint: then it is published.
        """
        with self._lock:
            if cooled:
                self.setpoint.fill(self.spec.safe)
            self._approaching.give_up(reason)
            self._target = self.settled_since = self._within_since = None

    def stop(self, *, success: bool = False) -> None:
        """Do nothing: the heater holds while pumps are stopped; `FlowRig.safe` cools."""
