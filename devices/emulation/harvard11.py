"""Emulated Harvard Pump 11 Elite syringe pumps, daisy-chained, speaking "Protocol 11".

Facts from the manuals of the firmware family (Harvard Apparatus PHD Ultra 5419-002, Pump 33 DDS
5419-013), from a recorded session of firmware 3.0.6, and from public drivers.
"""

import re
from collections.abc import Callable, Mapping
from math import ceil, floor, inf, log10, pi

from .instrument import EmulatedLine
from .variants import HarvardVariant
from .world import World

_LITRES = {"m": 1e3, "u": 1.0, "n": 1e-3, "p": 1e-6}  # [uL]
_TIMES = {"h": (60.0, "hr"), "m": (1.0, "min"), "s": (1 / 60, "sec")}  # [min]
_QUANTITY = re.compile(r"(\d+\.?\d*|\.\d+)\s*([munp])l?(?:/(h|m|s)(?:r|in|ec)?)?", re.IGNORECASE)
_PUSHER = (0.18e-3, 159.0)  # slowest and fastest travel [mm/min]
_BORES = (1.0, 33.0)  # syringe diameters that fit [mm]
_XON = "\x11"
_TIMES_OF_DAY = ("ttime", "itime", "wtime")
_METRICS = (
    "Pump type          Pump 11", "Pump type string   11 ELITE I/W Single",
    "Direction          Infuse/withdraw", "Limit switches     No", "Command set        None",
)  # fmt: skip


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

    def __init__(
        self, world: World, pumps: Mapping[int, int], variant: HarvardVariant | None = None
    ):
        super().__init__()
        self._variant = variant or HarvardVariant()
        self._pumps = {a: _Pump(world, i, a, self._variant) for a, i in pumps.items()}

    def answer(self, line: str) -> bytes:
        """Have the addressed pump answer; nobody does if there is none."""
        match = re.match(r"\s*@?(\d{0,2})(:?)(.*)", line, re.DOTALL)
        assert match is not None  # every part of the pattern is optional
        address = int(match[1] or 0)
        if address not in self._pumps or (match[2] and not self._variant.colon):
            return b""
        return self._pumps[address].answer(match[3].replace("@", "").split()).encode("latin-1")


class _Refused(Exception):  # noqa: N818 - an answer to the driver, not an error of ours
    """Lines with which a pump refuses a command."""


class _Pump:
    """One pump: its settings and counters. The plunger itself is the world's."""

    def __init__(self, world: World, index: int, address: int, variant: HarvardVariant):
        self._world, self._index, self._address = world, index, address
        self._variant, self._set, self._method = variant, variant.commands, variant.method
        self._told = False  # that the target was reached, outside poll mode
        self._diameter, self._syringe, self._force = 14.567, "10 ml", "30"
        self._rates = {"i": (0.0, "0 ul/min"), "w": (0.0, "0 ul/min")}  # [uL/min], as asked
        self._counted = {"i": 0.0, "w": 0.0}  # [uL], without the present motion
        self._direction = "i"
        self._target = inf  # [uL]
        self._reached = self._poll = False
        self._commands: dict[str, Callable[[list[str]], str | None]] = {
            "ver": lambda _: f"11 ELITE I/W Single {variant.firmware} EMULATED",
            "cmd": self._set_commands,
            "address": self._set_address,
            "addr": self._set_address,
            "metrics": lambda _: "\n".join(_METRICS),
            "nvram": self._set_nvram,
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
            **{name: self._time for name in _TIMES_OF_DAY},
        }
        if variant.poll:
            self._commands["poll"] = self._set_poll
        if variant.method != "no":
            self._commands["load"] = self._load

    def answer(self, words: list[str]) -> str:
        """Do a command; return body lines and prompt."""
        unasked = self._unasked()
        lines: tuple[str, ...] = ()
        if words:
            try:
                line = self._command(words[0].lower())(words[1:])
                lines = () if line is None else tuple(line.split("\n"))
            except _Refused as refusal:
                first, *more = refusal.args
                lines = (first, *(f"   {text}" for text in more))
        if self._set == "22":  # an older model's form: no XON, CR LF
            name = str(self._address) if self._address else ""
            return "".join(f"\r\n{line}" for line in lines) + f"\r\n{name}{self._prompt()}"
        number = "" if self._variant.bare and not self._address else f"{self._address:02d}"
        name = f"{number}:" if number else ""
        body = "".join(f"\n{name}{line}\r" for line in lines)
        return unasked + body + f"\n{number}{self._prompt()}" + (_XON if self._poll else "")

    def _unasked(self) -> str:
        """Tell that the target was reached, which outside poll mode a pump does by itself."""
        reached = self._prompt() == "T*"
        news, self._told = reached and not self._told, reached
        if not news or self._poll or self._set == "22":
            return ""
        return f"\r\n{'' if self._variant.bare and not self._address else f'{self._address:02d}'}T*"

    def _command(self, name: str) -> Callable[[list[str]], str | None]:
        """Find a command by its name, which may be cut down to four letters."""
        if self._set == "22" and name != "cmd":
            raise _Refused("?")
        if self._method == "qs i" and name.startswith("w"):
            raise _Refused(f"Command error: {name}", "Not in this method")
        for full, do in self._commands.items():
            if name == full or (len(name) >= 4 and full.startswith(name)):
                return do
        raise _Refused(f"Command error: {name}", "Unknown command")

    def _prompt(self) -> str:
        state = self._world.pump(self._index)[0]
        if state == "moving":
            return ">" if self._direction == "i" else "<"
        if state == "limit":
            return ">*" if self._direction == "i" else "<*"
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

    def _set_commands(self, args: list[str]) -> str | None:
        if not args:
            return self._set
        if args[0].lower() not in ("ultra", "22"):
            raise _Refused(f"Argument error: {args[0]}")
        self._set = "22" if args[0] == "22" else "ultra"
        return None

    def _set_address(self, args: list[str]) -> str:
        if args:  # changing it would need another one who knows
            raise _Refused("Command error: addr", "Not emulated")
        return f"Pump address is {self._address}"

    def _set_nvram(self, args: list[str]) -> str | None:
        if not args:
            return "ON"
        if args[0].lower() not in ("on", self._variant.nvram) or args[0].lower() == "no":
            raise _Refused(f"Argument error: {args[0]}")
        return None

    def _load(self, args: list[str]) -> str | None:
        """Tell or change the method; only Quick Start is emulated."""
        if args:
            if " ".join(args).lower() not in ("qs iw", "qs i"):
                raise _Refused(f"Argument error: {' '.join(args)}")
            self._method = "qs i" if args[-1].lower() == "i" else "qs iw"
            return None
        words = "Infuse/Withdraw" if self._method == "qs iw" else "Infuse"
        return f"Quick Start - {words} ({self._method})"

    def _time(self, args: list[str]) -> str:
        """Tell how long it has run, or may: hours, minutes, seconds."""
        _, moved, _level = self._world.pump(self._index)
        rate = self._rates[self._direction][0]
        seconds = round(60 * moved / rate) if rate else 0
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"

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
            # inwards: what it tells, it takes
            return (
                f"{self._shown(low * 1e3, ceil)} nl/min to {self._shown(high / 1e3, floor)} ml/min"
            )
        value, unit, per = _quantity(args, timed=True)
        minutes, name = _TIMES[per]
        rate = value * _LITRES[unit] / minutes
        self._in_range(rate, " ".join(args))
        self._rates[direction] = (rate, f"{self._shown(value)} {unit}l/{name}")
        if direction == self._direction:
            self._change()
        return None

    def _limits(self) -> tuple[float, float]:
        """Lowest and highest rate with this syringe [uL/min]."""
        area = pi / 4 * self._diameter**2
        return _PUSHER[0] * area, _PUSHER[1] * area

    def _shown(self, value: float, rounding: Callable[[float], float] = round) -> str:
        """Write a number as the display does; some leave out the zero before the point."""
        text = _fixed(value, rounding)
        return text if self._variant.zero else re.sub(r"^0\.", ".", text)

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
            raise _Refused(f"Argument error: {' '.join(args)}", "Target volume out of range")
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


def _fixed(value: float, rounding: Callable[[float], float] = round) -> str:
    """Six significant digits, without exponent."""
    places = max(5 - floor(log10(value)), 0) if value > 0 else 0
    if rounding is not round:
        value = rounding(value * 10**places) / 10**places
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _volume(value: float) -> str:
    """Volume [uL] in the unit that the pump would choose."""
    for unit, size in _LITRES.items():
        if value >= size:
            return f"{_fixed(value / size)} {unit}l"
    return "0 ul"
