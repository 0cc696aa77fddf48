"""Models, firmwares and states that instruments of a protocol are found in.

A rig file names them in ``[emulation.pumps]``, ``[emulation.heater]``, ``[emulation.valve]``,
``[emulation.collection]``, ``[emulation.selector]``, ``[emulation.detector]`` and
``[emulation.analytics]``; what stands below are its keys and their defaults.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field


@dataclass(frozen=True)
class HarvardVariant:
    """Model, firmware and state that pumps of the family are found in.

    Attributes
    ----------
    firmware : str
        Its version, as the pump tells it.
    bare : bool
        Whether at address 0 it leaves its address out, as recorded.
    colon : bool
        Whether it knows the manual's form `1:irun`, not only `1irun`.
    poll : bool
        Whether it has the command `poll`.
    nvram : {"none", "off", "no"}
        How it wants to be told not to write its memory; "no" if it cannot be.
    commands : {"ultra", "22"}
        The command set it is in until it is told `cmd ultra`.
    method : {"qs iw", "qs i", "no"}
        The method that is loaded; "no" if it knows no methods.
    zero : bool
        Whether it writes the zero before a point.
    """

    firmware: str = "3.0.4"
    bare: bool = False
    colon: bool = True
    poll: bool = True
    nvram: Literal["none", "off", "no"] = "none"
    commands: Literal["ultra", "22"] = "ultra"
    method: Literal["qs iw", "qs i", "no"] = "qs iw"
    zero: bool = True


@dataclass(frozen=True)
class NewEraVariant:
    """The state in which the pumps are found.

    Attributes
    ----------
    fresh : bool
        Whether they have just been switched on.
    watchdog : int
        Seconds of safe mode that somebody has left them in; 0 for basic mode.
    ahead : bool
        Whether the answer to ``SAF`` comes in the mode that it changes to.
    marked : bool
        Whether the firmware says that it is emulated; some software wants the manual's form and
        nothing behind it.
    """

    fresh: bool = True
    watchdog: int = 0
    ahead: bool = True
    marked: bool = True


@dataclass(frozen=True)
class EurothermVariant:
    """Which controller it is, and how it is configured.

    Attributes
    ----------
    model : {"3216", "2416"}
        Which controller.
    decimals : int
        Of its display, and so of its registers: 0, 1 or 2.
    tells : bool
        Whether it has the registers that say so, and what it is; look-alikes do not.
    unit : {"degC", "degF", "K"}
        What it counts temperatures in.
    alarm : bool
        Whether alarm 1 is a full-scale high alarm; as delivered it is off.
    """

    model: Literal["3216", "2416"] = "3216"
    decimals: Literal[0, 1, 2] = 1
    tells: bool = True
    unit: Literal["degC", "degF", "K"] = "degC"
    alarm: bool = True


@dataclass(frozen=True)
class ViciVariant:
    """How the actuator is set up.

    Attributes
    ----------
    id : str
        The device ID it was given.
    long_texts : bool
        Its LG1.
    echo : bool
        Whether it gives back what it is told to do, as some do.
    """

    id: str = ""
    long_texts: bool = False
    echo: bool = False


@dataclass(frozen=True)
class SelectorVariant(ViciVariant):
    """How an actuator of many positions is set up.

    Attributes
    ----------
    positions : int
        Its NP.
    mode : {"3", "1"}
        Its AM; "1" for one that is set to two positions.
    """

    positions: Annotated[int, Field(ge=2, le=40)] = 10
    mode: Literal["3", "1"] = "3"


@dataclass(frozen=True)
class VoltmeterVariant:
    """Which meter it is, how it is connected and what was done with it before.

    Attributes
    ----------
    model : str
        What it calls itself.
    rs232 : bool
        Whether it is on RS-232: lines end with CR LF, and it obeys only after ``SYST:REM``. On a
        network they end with LF, and it always obeys.
    errors : int
        How many errors of before are waiting to be asked for.
    memory : int
        How many readings it takes and keeps by itself; 0 for one that takes a single one when it is
        asked.
    """

    model: str = "34401A"
    rs232: bool = True
    errors: int = 0
    memory: int = 512


Spoilt = Literal[
    "never", "half", "late", "twice", "unreadable", "lacking", "outside", "text"
]  # fmt: skip


@dataclass(frozen=True)
class SoftwareVariant:
    """How software that analyses writes its files, and what goes wrong with them.

    Attributes
    ----------
    delay : float
        From the end of an analysis to its file [s].
    writing : float
        How long that is being written [s], half of it at once.
    old : int
        How many files of before lie there, with clocks of the future.
    spoilt : dict of str to str
        By number of an injection, what becomes of its file: ``never`` written; ``half`` of it;
        ``late``, after the time-out; ``twice``, under two names; ``unreadable`` bytes; ``lacking``
        a column or key; a value ``outside`` of 0 to 1; a ``text`` in place of one. The latter three
        are for results, not for traces.
    """

    delay: Annotated[float, Field(ge=0)] = 2.0
    writing: Annotated[float, Field(ge=0)] = 0.0
    old: Annotated[int, Field(ge=0, le=100)] = 0
    spoilt: Mapping[Annotated[str, Field(pattern=r"^[1-9]\d*$")], Spoilt] = field(
        default_factory=dict
    )
