"""The lab clock, real or simulated, and what long actions are made of."""

from ..token import EmulationToken
from .clock import ClockError, LabClock
from .real import RealClock
from .simulated import SimulatedClock
from .status import LabStatus, conclude
from .task import At, Steps, Task

__all__ = [
    "At",
    "ClockError",
    "EmulationToken",
    "LabClock",
    "LabStatus",
    "RealClock",
    "SimulatedClock",
    "Steps",
    "Task",
    "conclude",
]
