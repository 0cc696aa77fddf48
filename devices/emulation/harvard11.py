"""Emulated Harvard Pump 11 Elite syringe pumps, daisy-chained, speaking "Protocol 11".

Facts from the manuals of the firmware family (Harvard Apparatus PHD Ultra 5419-002, Pump 33 DDS
5419-013) and from public drivers of it; the texts of refusals may differ in detail.
"""

import re
from collections.abc import Callable, Mapping
from math import floor, inf, log10, pi

from .instrument import EmulatedLine
from .world import World

_LITRES = {"m": 1e3, "u": 1.0, "n": 1e-3, "p": 1e-6}  # [uL]
_TIMES = {"h": (60.0, "hr"), "m": (1.0, "min"), "s": (1 / 60, "sec")}  # [min]
_QUANTITY = re.compile(r"(\d+\.?\d*|\.\d+)\s*([munp])l?(?:/(h|m|s)(?:r|in|ec)?)?", re.IGNORECASE)
_PUSHER = (0.18e-3, 159.0)  # slowest and fastest travel [mm/min]
_BORES = (1.0, 33.0)  # syringe diameters that fit [mm]
_XON = "\x11"


class EmulatedHarvardChain(EmulatedLine):
    """The pumps on one line.

    Parameters
    ----------
    world : World
        Where their plungers are.
    pumps : mapping of int to int
        The world's stream by the address of its pump.
    """

    END = b"\r"

    def __init__(self, world: World, pumps: Mapping[int, int]):
        super().__init__()
        self._pumps = {address: _Pump(world, i, address) for address, i in pumps.items()}

    def answer(self, line: str) -> bytes:
        """Have the addressed pump answer; nobody does if there is none."""
        match = re.match(r"\s*(\d{0,2}):?(.*)", line, re.DOTALL)
        assert match is not None  # every part of the pattern is optional
        address = int(match[1] or 0)
        if address not in self._pumps:
            return b""
        return self._pumps[address].answer(match[2].split()).encode("latin-1")


class _Refused(Exception):  # noqa: N818 - an answer to the driver, not an error of ours
    """Lines with which a pump refuses a command."""


class _Pump:
    """One pump: its settings and counters. The plunger itself is the world's."""

    def __init__(self, world: World, index: int, address: int):
        self._world, self._index, self._address = world, index, address
        self._diameter, self._syringe, self._force = 14.567, "10 ml", "30"
        self._rates = {"i": (0.0, "0 ul/min"), "w": (0.0, "0 ul/min")}  # [uL/min], as asked
        self._counted = {"i": 0.0, "w": 0.0}  # [uL], without the present motion
        self._direction = "i"
        self._target = inf  # [uL]
        self._reached = self._poll = False
        self._commands: dict[str, Callable[[list[str]], str | None]] = {
            "ver": lambda _: "11 ELITE I/W Single 3.0.4 EMULATED",
            "poll": self._set_poll,
            "nvram": lambda _: None,
            "diameter": self._set_diameter,
            "svolume": self._set_syringe,
            "force": self._set_force,
            "irate": lambda args: self._set_rate("i", args),
            "wrate": lambda args: self._set_rate("w", args),
            "crate": self._current_rate,
            "irun": lambda _: self._run("i"),
            "wrun": lambda _: self._run("w"),
            "run": lambda _: self._run(self._direction),
            "stp": self._stop,
            "stop": self._stop,
            "ivolume": lambda _: _volume(self._count("i")),
            "wvolume": lambda _: _volume(self._count("w")),
            "civolume": lambda _: self._clear("i"),
            "cwvolume": lambda _: self._clear("w"),
            "cvolume": lambda _: self._clear("iw"),
            "tvolume": self._set_target,
            "ctvolume": self._clear_target,
            "status": self._status,
        }

    def answer(self, words: list[str]) -> str:
        """Do a command; return body lines and prompt."""
        lines: tuple[str, ...] = ()
        if words:
            try:
                line = self._command(words[0].lower())(words[1:])
                lines = () if line is None else (line,)
            except _Refused as refusal:
                lines = refusal.args
        name = f"\n{self._address:02d}"
        body = "".join(f"{name}:{line}\r" for line in lines)
        return body + name + self._prompt() + (_XON if self._poll else "")

    def _command(self, name: str) -> Callable[[list[str]], str | None]:
        """Find a command by its name, which may be cut down to four letters."""
        for full, do in self._commands.items():
            if name == full or (len(name) >= 4 and full.startswith(name)):
                return do
        raise _Refused(f"Command error: {name}", "Unknown command")

    def _prompt(self) -> str:
        state = self._world.pump(self._index)[0]
        if state == "moving":
            return ">" if self._direction == "i" else "<"
        if state == "stalled":
            return "*"
        return "T*" if self._reached or state == "target" else ":"

    # -- motion: the world has the present one, `_counted` those before ---------------------------

    def _count(self, direction: str) -> float:
        """Volume infused or withdrawn since the counter was cleared [uL]."""
        moved = self._world.pump(self._index)[1] if direction == self._direction else 0.0
        return self._counted[direction] + moved

    def _halt(self) -> bool:
        """Stop and count; return whether it was moving."""
        state, moved, _ = self._world.pump(self._index)
        self._world.stop(self._index)
        self._counted[self._direction] += moved
        return state == "moving"

    def _run(self, direction: str) -> None:
        self._halt()
        self._direction = direction
        rate = self._rates[direction][0]
        self._in_range(rate, "rate")
        left = self._target - self._counted[direction]
        self._reached = left <= 0
        if not self._reached:
            self._world.start(self._index, rate if direction == "i" else -rate, left)

    def _stop(self, _: list[str]) -> None:
        self._halt()
        self._reached = False

    def _change(self) -> None:
        """Go on with new settings if it moves; a target that was reached is forgotten."""
        if self._halt():
            self._run(self._direction)
        else:
            self._reached = False

    # -- settings ---------------------------------------------------------------------------------

    def _set_poll(self, args: list[str]) -> str | None:
        if not args:
            return "ON" if self._poll else "OFF"
        if args[0].lower() not in ("on", "off"):
            raise _Refused(f"Argument error: {args[0]}")
        self._poll = args[0].lower() == "on"
        return None

    def _set_diameter(self, args: list[str]) -> str | None:
        if not args:
            return f"{self._diameter:.4f} mm"
        if self._world.pump(self._index)[0] == "moving":
            raise _Refused("Command error: diameter")
        value = _number(args[0])
        if not _BORES[0] <= value <= _BORES[1]:
            raise _Refused(f"Argument error: {args[0]}", "Out of range")
        self._diameter = value
        return None

    def _set_syringe(self, args: list[str]) -> str | None:
        if not args:
            return self._syringe
        value, unit, _ = _quantity(args, timed=False)
        self._syringe = f"{_fixed(value)} {unit}l"
        return None

    def _set_force(self, args: list[str]) -> str | None:
        if not args:
            return f"{self._force}%"
        if not 1 <= _number(args[0].rstrip("%")) <= 100:
            raise _Refused(f"Argument error: {args[0]}", "Out of range")
        self._force = args[0].rstrip("%")
        return None

    def _set_rate(self, direction: str, args: list[str]) -> str | None:
        if not args:
            return self._rates[direction][1]
        if args[0].lower() == "lim":
            low, high = self._limits()
            return f"{_fixed(low * 1e3)} nl/min to {_fixed(high / 1e3)} ml/min"
        value, unit, per = _quantity(args, timed=True)
        minutes, name = _TIMES[per]
        rate = value * _LITRES[unit] / minutes
        self._in_range(rate, " ".join(args))
        self._rates[direction] = (rate, f"{_fixed(value)} {unit}l/{name}")
        if direction == self._direction:
            self._change()
        return None

    def _limits(self) -> tuple[float, float]:
        """Lowest and highest rate with this syringe [uL/min]."""
        area = pi / 4 * self._diameter**2
        return _PUSHER[0] * area, _PUSHER[1] * area

    def _in_range(self, rate: float, text: str) -> None:
        low, high = self._limits()
        if not low <= rate <= high:
            raise _Refused(f"Argument error: {text}", "Out of range")

    def _current_rate(self, _: list[str]) -> str | None:
        if self._world.pump(self._index)[0] != "moving":
            return None
        doing = "Infusing" if self._direction == "i" else "Withdrawing"
        return f"{doing} at {self._rates[self._direction][1]}"

    def _clear(self, directions: str) -> None:
        moving = self._halt()
        for direction in directions:
            self._counted[direction] = 0.0
        if moving:
            self._run(self._direction)
        else:
            self._reached = False

    def _set_target(self, args: list[str]) -> str | None:
        if not args:
            if self._target == inf:
                return "Target volume not set"
            return _volume(self._target)
        value, unit, _ = _quantity(args, timed=False)
        if value == 0:
            raise _Refused(f"Argument error: {' '.join(args)}", "Out of range")
        self._target = value * _LITRES[unit]
        self._change()
        return None

    def _clear_target(self, _: list[str]) -> None:
        self._target = inf
        self._change()

    def _status(self, _: list[str]) -> str:
        """Rate [fL/s], time [ms], volume [fL] and flags.

        Flags: motion, end stop, stall, trigger, direction port, target reached.
        """
        state, moved, _level = self._world.pump(self._index)
        rate = self._rates[self._direction][0]
        flags = [
            self._direction.upper() if state == "moving" else self._direction,
            self._direction.upper() if state == "limit" else ".",
            "S" if state == "stalled" else ".",
            ".",
            "I",
            "T" if self._reached or state == "target" else ".",
        ]
        speed = round(rate * 1e9 / 60) if state == "moving" else 0
        elapsed = round(moved / rate * 60e3) if rate else 0
        return f"{speed} {elapsed} {round(self._count(self._direction) * 1e9)} {''.join(flags)}"


def _number(text: str) -> float:
    if not re.fullmatch(r"\d+\.?\d*|\.\d+", text):
        raise _Refused(f"Argument error: {text}")
    return float(text)


def _quantity(args: list[str], timed: bool) -> tuple[float, str, str]:
    """Value, volume unit, time unit of e.g. "3.2 ul/min", "0.25 m/m", "10 ml"; no exponents."""
    text = " ".join(args)
    match = _QUANTITY.fullmatch(text)
    if match is None or bool(match[3]) != timed:
        raise _Refused(f"Argument error: {text}")
    return float(match[1]), match[2].lower(), (match[3] or "").lower()


def _fixed(value: float) -> str:
    """Six significant digits, without exponent."""
    text = f"{value:.{max(5 - floor(log10(value)), 0) if value > 0 else 0}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _volume(value: float) -> str:
    """Volume [uL] in the unit that the pump would choose."""
    for unit, size in _LITRES.items():
        if value >= size:
            return f"{_fixed(value / size)} {unit}l"
    return "0 ul"
