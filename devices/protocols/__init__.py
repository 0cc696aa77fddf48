"""What goes over the lines: ports, codecs and drivers; nothing here knows ophyd.

The tables say which driver a `protocol = "..."` of the rig file selects. A driver plays one of the
roles in `roles`; whatever else differs by protocol (what an instrument makes of a number) it says
itself. A new instrument is a module here and a row below, and its emulation.
"""

from collections.abc import Mapping

from .eurotherm import Eurotherm
from .harvard11 import Harvard11
from .ne1000 import NewEra
from .roles import DetectorDriver, HeaterDriver, PumpDriver, SelectorDriver, ValveDriver
from .scpi import ScpiVoltmeter
from .vici import ViciSelector, ViciValve

PUMPS: Mapping[str, type[PumpDriver]] = {"harvard11": Harvard11, "ne1000": NewEra}
HEATERS: Mapping[str, type[HeaterDriver]] = {"eurotherm3216": Eurotherm}
VALVES: Mapping[str, type[ValveDriver]] = {"vici": ViciValve}
SELECTORS: Mapping[str, type[SelectorDriver]] = {"vici": ViciSelector}
DETECTORS: Mapping[str, type[DetectorDriver]] = {"scpi": ScpiVoltmeter}
