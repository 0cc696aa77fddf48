"""Harvard "Protocol 11": Pump 11 Elite, PHD Ultra, KDS Legato; codec and driver.

Source: Harvard Apparatus, PHD Ultra user's guide 5419-002, command set, and recorded sessions of an
11 Elite with firmware 3.0.6. Flows are uL/min and volumes uL throughout, whatever units the pump
answers in.

Models and firmwares differ in how they end a reply, address themselves and spell a setting; what a
pump understands is found out when it is greeted.
"""

import logging
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from .framing import ends_with
from .roles import ANY, READ_BACK, Direction, Identity, Limits, PumpError, PumpStatus, nearest
from .transport import GarbledError, InstrumentError, Transport, TransportError

_log = logging.getLogger(__name__)

_T = TypeVar("_T")

XON = b"\x11"  # ends every reply after `poll on`
_POLL, _NO_POLL = ends_with(XON), ends_with(XON, or_silence=True)
_DECIMALS = 4  # of a flow or volume on the line: the manual wants fixed point, never an exponent
_STATES = {
    ":": "idle", ">": "infusing", "<": "withdrawing", "T*": "target",
    "*": "stalled", ">*": "stalled", "<*": "stalled",  # the latter two at a limit switch
}  # fmt: skip
_UNASKED = ("target", "stalled")  # told by the pump when it happens, outside poll mode
_PROMPT = re.compile(r"(\d\d?)?(?::(?=T?\*))?(T\*|[><]\*|[:><*])")
_RUNNING = {"infuse": "infusing", "withdraw": "withdrawing"}
_REFUSALS = ("Command error", "Unknown command", "Argument error", "Out of range")
_TERSE = ("?", "NA", "OOR")  # refusals of the command sets of older models
_QUICK_START = "qs iw"  # the method that rates, diameter and runs belong to
_LOADING = 10.0  # s that loading a method may take
_FACTOR = {"m": 1e3, "u": 1.0, "n": 1e-3, "p": 1e-6}  # litre prefix -> uL
_PER_MINUTE = {"h": 1 / 60, "m": 1.0, "s": 60.0}
_FEMTO = 1e-9  # fL -> uL


# -- the protocol: bytes <-> values ---------------------------------------------------------------


@dataclass(frozen=True)
class Reply:
    """What a pump answered: its lines without addresses, and the state its prompt tells."""

    lines: tuple[str, ...]
    state: str


def encode(command: str, address: int = 0, colon: bool = True) -> bytes:
    """Return the bytes of a command; address 0 is not written.

    Parameters
    ----------
    command : str
        Such as `irate 10 u/m`.
    address : int
        As set at the pump, 0-99.
    colon : bool
        The manual's form `12:irate`; False for firmware that wants `12irate`.
    """
    prefix = f"{address}{':' if colon else ''}" if address else ""
    return f"{prefix}{command}\r".encode("ascii")


def decode(raw: bytes, address: int = 0) -> Reply:
    r"""Parse one reply: `\n[AA:]body\r` any number of times, then `\n[AA]prompt`, XON in poll mode.

    Outside poll mode a pump that reaches its target or stalls says so unasked, by a prompt that may
    stand before or behind the reply.

    Raises
    ------
    GarbledError
        If it is anything else, or of another pump.
    """
    try:
        first, *parts = raw.removesuffix(XON).decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise GarbledError(f"{raw!r} is not ASCII") from None
    senders: set[int | None] = set()
    lines, states = [], []
    prompt = None
    for part in parts:
        if prompt := _PROMPT.fullmatch(part.removesuffix("\r")):
            senders.add(None if prompt[1] is None else int(prompt[1]))
            states.append(_STATES[prompt[2]])
        elif body := re.fullmatch(r"(?:(\d\d):)?(?:T\*)?([ -~]*)\r", part):
            senders.add(None if body[1] is None else int(body[1]))
            lines.append(body[2].strip())
        else:
            raise GarbledError(f"{raw!r} has the broken line {part!r}")
    if (
        first.strip("\r")
        or not parts
        or prompt is None
        or len(states) > 1 + any(s in _UNASKED for s in states)
    ):
        raise GarbledError(f"{raw!r} is not a reply of a Protocol 11 pump")
    if not senders <= {None, address} or (address and prompt[1] is None):
        raise GarbledError(f"{raw!r} does not come from pump {address}")
    return Reply(tuple(lines), "stalled" if "stalled" in states else states[-1])


def quantity(text: str) -> float:
    """Parse `1.5 ml/min` or `250 ul` into uL/min or uL.

    Raises
    ------
    GarbledError
        If `text` is neither.
    """
    number = r"(\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)"  # some leave out the zero before the point
    match = re.fullmatch(number + " ?([munp])l?(?:/(h|m|s)[a-z]*)?", text)
    if match is None:
        raise GarbledError(f"{text!r} is neither a flow nor a volume")
    value = float(match[1]) * _FACTOR[match[2]]
    return value * _PER_MINUTE[match[3]] if match[3] else value


def parse_status(reply: Reply) -> PumpStatus:
    """Parse the reply to `status`: rate [fL/s], time, volume [fL], flags.

    The time field is not used: manual and scripts disagree about its unit.

    Raises
    ------
    GarbledError
        If it is no status line.
    """
    match = re.fullmatch(r"(\d+) \S+ (\d+) ([iwIW])([.IW])([.S])(\S+)", " ".join(reply.lines))
    if match is None:
        raise GarbledError(f"{reply.lines!r} is not a status")
    state, limit = reply.state, match[4] != "."
    if match[5] == "S" or (limit and state not in _RUNNING.values()):
        state = "stalled"
    flow = int(match[1]) * _FEMTO * 60 if state in _RUNNING.values() else 0.0
    return PumpStatus(flow, int(match[2]) * _FEMTO, limit, state)


# -- the driver: typed calls ----------------------------------------------------------------------


class Harvard11:
    """One pump on a line that several may share.

    Parameters
    ----------
    transport : Transport
        The line.
    address : int
        As set at the pump, 0-99.
    """

    def __init__(self, transport: Transport, address: int = 0):
        self.transport, self.address = transport, address
        self.name = f"pump {address} on {transport.url}"
        self._framing = _NO_POLL
        self._colon = True

    @staticmethod
    def achievable(flow: float, limits: Limits = ANY) -> float:
        """Flow [uL/min] that is sent when `flow` is asked for: four decimals."""
        return nearest(flow, _DECIMALS, limits)

    @staticmethod
    def achievable_volume(volume: float) -> float:
        """Volume [uL] that is sent when `volume` is asked for: four decimals."""
        return nearest(volume, _DECIMALS)

    def connect(self) -> Identity:
        """Agree on form and framing, and return what it is.

        Raises
        ------
        TransportError, InstrumentError
            If no Protocol 11 pump answers.
        """
        failure: Exception | None = None
        for colon in (True, False) if self.address else (True,):
            self._colon = colon  # older firmware wants the address without
            try:
                return self._greet()
            except (TransportError, InstrumentError) as error:
                failure = failure or error
        assert failure is not None
        raise failure

    def _greet(self) -> Identity:
        self._framing = _NO_POLL  # until it is known whether the pump has `poll`
        look = []
        commands = "ultra"
        polls = self._takes("poll on")
        if not polls and self._takes("cmd ultra"):  # it was in the command set of an older model
            commands, polls = "ultra, put to it", self._takes("poll on")
        if polls:
            self._framing = _POLL
        else:
            _log.warning("%s does not know `poll on`: 0.1 s of silence ends its replies", self.name)
        firmware = " ".join(self.command("ver").lines)
        # each change of rate would wear the memory
        if not (self._takes("nvram none") or self._takes("nvram off")):
            look.append("that it does not write each setting to its memory, which that wears out")
        method = self._method()
        facts = {
            "command set": commands,
            "end of replies": "marked (poll on)" if polls else "told by 0.1 s of silence",
            "method": method or "not told",
            "flows": "{:.4g} to {:.6g} uL/min with the syringe it knows now".format(
                *self.flow_range()
            ),
        }
        return Identity(firmware, facts, tuple(look))

    def _takes(self, text: str) -> bool:
        """Send a command that not every pump knows; return whether this one does."""
        try:
            self.command(text)
        except InstrumentError:
            return False
        return True

    def _method(self) -> str:
        """Return the method that is loaded, empty if the pump has none to load."""
        try:
            return " ".join(self.command("load").lines)
        except InstrumentError:
            return ""

    def _quick_start(self) -> None:
        """Load Quick Start where another method is loaded, and wait for it."""
        method = self._method()
        if not method or f"({_QUICK_START})" in method:
            return
        self.command(f"load {_QUICK_START}")
        deadline = time.monotonic() + _LOADING
        while f"({_QUICK_START})" not in (method := self._method()):
            if time.monotonic() > deadline:
                raise InstrumentError(
                    f"{self.name} does not load Quick Start ({_QUICK_START}) but has {method!r}: "
                    "load it at the pump"
                )
            threading.Event().wait(0.2)

    def command(self, text: str) -> Reply:
        """Send one command; every one we use does the same when sent twice.

        Raises
        ------
        InstrumentError
            If the pump refuses it.
        TransportError
            If no whole reply comes.
        """
        return self._asked(text, lambda reply: reply)

    def _asked(self, text: str, read: Callable[[Reply], _T]) -> _T:
        """Send one command, and again if what it answers cannot be read."""

        def understood(raw: bytes) -> _T:
            reply = decode(raw, self.address)
            if any(line.startswith(_REFUSALS) or line in _TERSE for line in reply.lines):
                raise InstrumentError(f"{self.name} refused {text!r}: {' '.join(reply.lines)}")
            return read(reply)

        return self.transport.exchange(
            encode(text, self.address, self._colon), self._framing, understood, repeat=True
        )

    def _value(self, text: str) -> float:
        return self._asked(text, lambda reply: quantity(" ".join(reply.lines)))

    def configure(self, diameter: float, volume: float) -> None:
        """Put the resting pump to Quick Start, and tell it diameter [mm] and volume [uL].

        Raises
        ------
        InstrumentError
            If it stays in another method, or refuses.
        """
        self._quick_start()
        self.command(f"diameter {diameter:.4f}")
        self.command(f"svolume {volume:.{_DECIMALS}f} ul")

    def flow_range(self) -> Limits:
        """Return the least and the greatest flow [uL/min] with this syringe."""

        def limits(reply: Reply) -> Limits:
            low, _, high = " ".join(reply.lines).partition(" to ")
            return quantity(low), quantity(high)

        return self._asked("irate lim", limits)

    def set_flow(self, flow: float, direction: Direction = "infuse") -> None:
        """Set the flow [uL/min] of infusion or withdrawal.

        Raises
        ------
        InstrumentError
            If it reads back as something else, beyond the digits of its display.
        """
        command = f"{direction[0]}rate"
        self.command(f"{command} {flow:.{_DECIMALS}f} u/m")
        taken = self._value(command)
        if abs(taken - flow) > READ_BACK * flow:
            raise InstrumentError(
                f"{self.name} was set to {flow:g} uL/min but reports {taken:g} uL/min"
            )

    def set_target(self, volume: float) -> None:
        """Have the pump stop by itself after `volume` [uL]."""
        self.command(f"tvolume {volume:.{_DECIMALS}f} ul")

    def volumes(self) -> tuple[float, float]:
        """Return volumes infused and withdrawn [uL] since they were cleared."""
        return self._value("ivolume"), self._value("wvolume")

    def clear_volumes(self) -> None:
        """Clear target and volumes."""
        self.command("ctvolume")
        self.command("cvolume")

    def run(self, direction: Direction = "infuse") -> None:
        """Infuse or withdraw.

        Raises
        ------
        PumpError
            If the pump does not run afterwards.
        """
        state = self.command(f"{direction[0]}run").state
        if state != _RUNNING[direction]:
            raise PumpError(f"{self.name} was told to run but is {state}: look at the pump")

    def stop(self) -> None:
        """Stop.

        Raises
        ------
        PumpError
            If the pump still runs.
        """
        state = self.command("stp").state
        if state in _RUNNING.values():
            raise PumpError(f"{self.name} was told to stop but is {state}: switch it off")

    def status(self) -> PumpStatus:
        """Return flow, volume and state in one exchange."""
        return self._asked("status", parse_status)
