"""The lab clock, real or simulated, and what long actions are made of."""

from .clock import ClockError, LabClock
from .real import RealClock
from .simulated import EmulationToken, SimulatedClock
from .status import LabStatus, conclude

__all__ = [
    "ClockError",
    "EmulationToken",
    "LabClock",
    "LabStatus",
    "RealClock",
    "SimulatedClock",
    "conclude",
]
