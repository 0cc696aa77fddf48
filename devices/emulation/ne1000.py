"""Emulated New Era NE-1000 syringe pumps on one line, in basic and safe mode, byte by byte.

Facts: New Era Pump Systems, NE-1000 user's manual (publication 1200-01), and public drivers. Where
these leave it open: packets are heard in basic mode, too, the answer to ``SAF`` comes in the mode
that it changes to (NESP-Lib), and the watchdog of safe mode counts wall time, as it guards against
a silent computer.
"""

import re
import time
from binascii import crc_hqx
from collections.abc import Callable, Mapping
from math import inf, pi

from .variants import NewEraVariant
from .world import World

_STX, _ETX = 2, 3
_PUSHER = (0.004205 / 60, 5.1005)  # slowest and fastest travel [cm/min]
_BORES = (0.1, 50.0)  # syringe diameters that fit [mm]
_LITRES = {"U": 1.0, "M": 1e3}  # [uL]
_PER_MINUTE = {"M": 1.0, "H": 1 / 60}
_COMMAND = re.compile(r"(\d{0,2})([A-Z]{0,3})(.*)")


class EmulatedNewEraNetwork:
    """The pumps on one line, each in the mode that it was put in.

    Parameters
    ----------
    world : World
        Where their plungers are.
    pumps : mapping of int to int
        The world's stream by the address of its pump.
    """

    def __init__(
        self, world: World, pumps: Mapping[int, int], variant: NewEraVariant | None = None
    ):
        found = variant or NewEraVariant()
        self._ahead = found.ahead
        self._pumps = {address: _Pump(world, i, found) for address, i in pumps.items()}
        self._rest = b""

    def receive(self, data: bytes) -> bytes:
        """Take what has arrived, whole commands or pieces; return the answers to whole ones."""
        buffer, answers = self._rest + data, b""
        while buffer:
            if buffer[0] == _STX:
                end = buffer[1] + 1 if len(buffer) > 1 else 256
                if len(buffer) < end:
                    break
                packet, buffer = buffer[:end], buffer[end:]
                answers += self._answer(packet, safe=True)
            else:
                line, ended, after = buffer.partition(b"\r")
                if not ended:
                    break
                buffer = after
                answers += self._answer(line, safe=False)
        self._rest = buffer
        return answers

    def _answer(self, raw: bytes, *, safe: bool) -> bytes:
        text = raw
        if safe:
            text, crc = raw[2:-3], raw[-3:-1]
            if raw[-1] != _ETX or crc_hqx(text, 0).to_bytes(2, "big") != crc:
                return b""
        plain = re.sub(r"[^!-~]", "", text.decode("latin-1")).upper()
        match = _COMMAND.fullmatch(plain)
        pump = self._pumps.get(int(match[1] or 0)) if match else None
        if match is None or pump is None or (pump.safe and not safe):
            return b""  # nobody of that address, or not listening in this mode
        before = pump.safe
        said = f"{int(match[1] or 0):02d}{pump.answer(match[2], match[3])}".encode("ascii")
        if pump.safe if self._ahead else before:  # the length counts itself, CRC and ETX
            said = bytes((len(said) + 4,)) + said + crc_hqx(said, 0).to_bytes(2, "big")
        return bytes((_STX,)) + said + bytes((_ETX,))


class _Refused(Exception):  # noqa: N818 - an answer to the driver, not an error of ours
    """What a pump says of a command that it does not take."""


class _Pump:
    """One pump: its settings and counters. The plunger itself is the world's."""

    def __init__(self, world: World, index: int, variant: NewEraVariant):
        self._world, self._index = world, index
        self.safe = variant.watchdog > 0
        self._watchdog, self._heard = float(variant.watchdog), 0.0  # wall time [s]
        self._alarm = "R" if variant.fresh else ""
        self._diameter, self._unit = 26.59, "M"
        self._rate, self._rate_text = 0.0, "0.000MH"  # [uL/min], as it shows it
        self._volume, self._done = 0.0, 0.0  # [uL] target of a run, done of it before a pause
        self._direction, self._paused, self._moving = "INF", False, False
        self._counted = {"INF": 0.0, "WDR": 0.0}  # [uL], without the present motion
        self._commands: dict[str, Callable[[str], str]] = {
            "": lambda _: "",
            "VER": lambda _: "NE1000V3.928" + (" EMULATED" if variant.marked else ""),
            "DIA": self._set_diameter,
            "RAT": self._set_rate,
            "VOL": self._set_volume,
            "DIR": self._set_direction,
            "RUN": self._run,
            "STP": self._stop,
            "DIS": lambda _: self._dispensed(),
            "CLD": self._clear,
            "SAF": self._set_safe,
        }

    def answer(self, name: str, argument: str) -> str:
        """Do a command; return status and data, or the alarm that has not been reported yet."""
        self._settle()
        self._heard = time.monotonic()
        if self._alarm:
            alarm, self._alarm = self._alarm, ""
            return f"A?{alarm}"
        try:
            if name not in self._commands:
                raise _Refused("?")
            data = self._commands[name](argument)
        except _Refused as refusal:
            data = str(refusal)
        return self._status() + data

    # -- motion: the world has the present one, `_counted` those before -----------------------

    def _settle(self) -> None:
        """Take note of what has ended by itself: the run, or the computer's talk."""
        silent = time.monotonic() - self._heard
        if self._moving and self.safe and self._watchdog and silent > self._watchdog:
            self._halt()
            self._alarm = "T"
        state = self._world.pump(self._index)[0]
        if self._moving and state != "moving":
            self._halt()
            self._done = 0.0
            if state in ("stalled", "limit"):
                self._alarm = "S"

    def _halt(self) -> None:
        moved = self._world.pump(self._index)[1]
        self._world.stop(self._index)
        self._counted[self._direction] += moved
        self._done += moved
        self._moving = False

    def _status(self) -> str:
        if self._moving:
            return "I" if self._direction == "INF" else "W"
        return "P" if self._paused else "S"

    def _run(self, _: str) -> str:
        if self._moving:
            raise _Refused("?NA")
        left = self._volume - self._done if self._volume else inf
        speed = self._rate if self._direction == "INF" else -self._rate
        self._in_range(self._rate)
        self._paused = False
        if left > 0:
            self._world.start(self._index, speed, left)
            self._moving = self._world.pump(self._index)[0] == "moving"
            if not self._moving:
                self._alarm = "S"
        return ""

    def _stop(self, _: str) -> str:
        if self._moving:
            self._halt()
            self._paused = True
        elif self._paused:
            self._paused, self._done = False, 0.0
        else:
            raise _Refused("?NA")
        return ""

    # -- settings -----------------------------------------------------------------------------

    def _at_rest(self) -> None:
        if self._moving:
            raise _Refused("?NA")

    def _set_diameter(self, text: str) -> str:
        if not text:
            return _shown(self._diameter)
        self._at_rest()
        value = _number(text)
        if not _BORES[0] <= value <= _BORES[1]:
            raise _Refused("?OOR")
        self._diameter = value
        self._unit = "U" if value <= 14.0 else "M"
        return ""

    def _set_rate(self, text: str) -> str:
        if not text:
            return self._rate_text
        match = re.fullmatch(r"C?(\d*\.?\d*)([UM])([MH])", text)
        if match is None:
            raise _Refused("?")
        value = _number(match[1])
        rate = value * _LITRES[match[2]] * _PER_MINUTE[match[3]]
        self._in_range(rate)
        self._rate, self._rate_text = rate, f"{_shown(value)}{match[2]}{match[3]}"
        return ""

    def _in_range(self, rate: float) -> None:
        area = pi / 4 * (self._diameter / 10) ** 2
        low, high = (1e3 * area * travel for travel in _PUSHER)
        if not low <= rate <= high:
            raise _Refused("?OOR")

    def _set_volume(self, text: str) -> str:
        if not text:
            return f"{_shown(self._volume / _LITRES[self._unit])}{self._unit}L"
        self._at_rest()
        if text in ("UL", "ML"):
            self._unit = text[0]
            return ""
        self._volume, self._done = _number(text) * _LITRES[self._unit], 0.0
        return ""

    def _set_direction(self, text: str) -> str:
        if not text:
            return self._direction
        self._at_rest()
        if text not in ("INF", "WDR"):
            raise _Refused("?")
        self._direction = text
        return ""

    def _dispensed(self) -> str:
        moved = self._world.pump(self._index)[1] if self._moving else 0.0
        count = {d: v + moved * (d == self._direction) for d, v in self._counted.items()}
        infused, withdrawn = (_shown(v / _LITRES[self._unit]) for v in count.values())
        return f"I{infused}W{withdrawn}{self._unit}L"

    def _clear(self, text: str) -> str:
        self._at_rest()
        if text not in self._counted:
            raise _Refused("?")
        self._counted[text] = 0.0
        return ""

    def _set_safe(self, text: str) -> str:
        if not text:
            return f"{self._watchdog:.0f}"
        seconds = _number(text)
        if seconds > 255:
            raise _Refused("?OOR")
        self._watchdog, self.safe = seconds, seconds > 0
        return ""


def _number(text: str) -> float:
    """Read a number: four digits at most, three of them decimals."""
    if not re.fullmatch(r"\d+\.?\d{0,3}|\.\d{1,3}", text) or len(text.replace(".", "")) > 4:
        raise _Refused("?OOR" if re.fullmatch(r"[\d.]+", text) else "?")
    return float(text)


def _shown(value: float) -> str:
    """Write a number as the display does: four digits, three of them decimals at most."""
    whole = len(str(int(value))) if value >= 1 else 1
    return f"{value:.{max(min(4 - whole, 3), 0)}f}"
