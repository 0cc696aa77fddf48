"""Emulated valve actuators, byte by byte; facts: VICI EUT/EUD/EUH manual, p. 14-19."""

import re
from typing import Literal

from .instrument import EmulatedLine
from .variants import SelectorVariant, ViciVariant
from .world import World

_BAD = '"{}" = Bad command'
_SETTINGS = {  # command: what it may be set to, and the factory's choice
    "IFM": ("012", "1"),  # what actions answer: nothing, a position, more words
    "LG": ("01", "0"),  # long texts
    "AM": ("123", "1"),  # actuator mode: two positions with stops
    "SM": ("FRA", "A"),  # direction of turning
    "DEL": ("0123", "1"),  # line end of answers
}
_NUMBERS = {"DT": 99999, "NP": 99, "SB": 384}  # delay [ms], ports, baud / 100


class EmulatedVici(EmulatedLine):
    """It is there as soon as it is told to go; `load` is the position in which the loop fills."""

    END = b"\r"

    def __init__(
        self, world: World, load: Literal["A", "B"] = "A", variant: ViciVariant | None = None
    ):
        super().__init__()
        variant = variant or ViciVariant()
        self._world, self._load, self._echo = world, load, variant.echo
        self._settings = {name: default for name, (_, default) in _SETTINGS.items()}
        self._settings["LG"] = "1" if variant.long_texts else "0"
        self._numbers = {"DT": 0, "NP": 6, "SB": 96}
        self._id = variant.id
        self._moves = 0

    def answer(self, line: str) -> bytes:
        """Do one command if it is for this actuator."""
        told = line.strip().upper()
        for prefix in ("*", self._id.upper()):
            if prefix and told.startswith(prefix):
                command = told[len(prefix) :]
                break
        else:
            if self._id:
                return b""  # another one on the bus
            command = told
        moves = command in ("TO", "CW", "CC") or command.startswith("GO")
        given_back = f"{told}\r" if moves and self._echo else ""
        reply = self._do(command)
        said = f"{self._id}{reply}\r" if reply else ""
        return (given_back + said).encode("latin-1")

    def _do(self, command: str) -> str:
        """Do a command; return what it answers."""
        at = self._letter()
        goals = {"GOA": "A", "CW": "A", "GOB": "B", "CC": "B", "TO": "B" if at == "A" else "A"}
        fixed = {
            "CP": self._position(),
            "CNT": f"CNT{self._moves:05d}",
            "VR": "I-PD-AMHX88RD1",
            "LRN": "",
            "TT": "",
            "": "",
        }
        if command in goals:
            self._turn(goals[command])
            return self._position() if self._settings["IFM"] != "0" else ""
        if command in fixed:
            return fixed[command]
        if command == "/?":
            return ", ".join(("GO", "CP", "CW", "CC", "TO", "TT", "CNT", "VR", "ID", *_SETTINGS))
        match = re.fullmatch(r"(IFM|LG|ID|AM|SM|DEL|DT|NP|SB)(.*)", command)
        return self._set(match[1], match[2]) if match else _BAD.format(command)

    def _set(self, name: str, value: str) -> str:
        """Change a setting, or tell it."""
        if name == "ID":
            if value:
                self._id = "" if value == "*" else value[:1]
                return ""
            return f"ID{self._id}"
        if name in _NUMBERS:
            if not value:
                return f"{name}{self._numbers[name]:04d}"
            if not value.isdigit() or int(value) > _NUMBERS[name]:
                return _BAD.format(name + value)
            self._numbers[name] = int(value)
            return ""
        if not value:
            return f"{name}{self._settings[name]}"
        if value not in _SETTINGS[name][0]:
            return _BAD.format(name + value)
        self._settings[name] = value
        return ""

    def _letter(self) -> str:
        other = "B" if self._load == "A" else "A"
        return self._load if self._world.position == "load" else other

    def _turn(self, letter: str) -> None:
        self._moves += letter != self._letter()
        self._world.switch("load" if letter == self._load else "inject")

    def _position(self) -> str:
        letter = self._letter()
        return f'Position is = "{letter}"' if self._settings["LG"] == "1" else f"CP{letter}"


class EmulatedViciCollection(EmulatedVici):
    """The actuator behind the outlet; `collect` is the position that leads into the flask."""

    def __init__(
        self, world: World, collect: Literal["A", "B"] = "B", variant: ViciVariant | None = None
    ):
        super().__init__(world, "B" if collect == "A" else "A", variant)

    def _letter(self) -> str:
        other = "B" if self._load == "A" else "A"
        return self._load if self._world.outlet == "waste" else other

    def _turn(self, letter: str) -> None:
        self._moves += letter != self._letter()
        self._world.lead("waste" if letter == self._load else "collect")


class EmulatedViciSelector(EmulatedVici):
    """The actuator of many positions that makes a choice: there as soon as it is told to go."""

    def __init__(self, world: World, choice: str, variant: SelectorVariant | None = None):
        variant = variant or SelectorVariant()
        super().__init__(world, "A", variant)
        self._choice = choice
        self._settings["AM"] = variant.mode
        self._numbers["NP"] = variant.positions

    def _do(self, command: str) -> str:
        """Do a command; return what it answers."""
        if self._settings["AM"] != "3":
            return super()._do(command)
        if command == "NP":
            return f"NP{self._numbers['NP']:02d}"
        if command == "CP":
            return self._position()
        match = re.fullmatch(r"(GO|CW|CC|HM)(\d{0,2})", command)
        if match is None:
            return _BAD.format(command) if command in ("GOA", "GOB", "TO") else super()._do(command)
        there, most = self._world.selected[self._choice], self._numbers["NP"]
        step = there % most + 1 if match[1] in ("GO", "CW") else (there - 2) % most + 1
        goal = 1 if match[1] == "HM" else int(match[2]) if match[2] else step
        if not 1 <= goal <= most:
            return _BAD.format(command)
        self._moves += abs(goal - there)
        self._world.select(self._choice, goal)
        return self._position() if self._settings["IFM"] != "0" else ""

    def _turn(self, letter: str) -> None:
        """Of two positions it selects nothing."""

    def _position(self) -> str:
        if self._settings["AM"] != "3":
            return super()._position()
        place = self._world.selected[self._choice]
        return f"Position is = {place}" if self._settings["LG"] == "1" else f"CP{place:02d}"
