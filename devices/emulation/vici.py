"""An emulated injection valve, byte by byte; facts: VICI EUH/EUA (two-position actuators)."""

import re

from .instrument import EmulatedLine
from .world import World


class EmulatedVici(EmulatedLine):
    """Position A loads, B injects. It is there as soon as it is told to go."""

    END = b"\r"
    _MOVES = {"GOA": "load", "CW": "load", "GOB": "inject", "CC": "inject"}  # noqa: RUF012 - constant

    def __init__(self, world: World):
        super().__init__()
        self._world = world
        self._settings = {"IFM": "1", "LG": "0"}  # answer to moves; long texts
        self._id = ""
        self._moves = 0

    def answer(self, line: str) -> bytes:
        """Do one command if it is for this actuator."""
        command = line.strip().upper()
        for prefix in ("*", self._id):
            if prefix and command.startswith(prefix):
                command = command[len(prefix) :]
                break
        else:
            if self._id:
                return b""  # another one on the bus
        reply = self._do(command)
        return f"{self._id}{reply}\r".encode("latin-1") if reply else b""

    def _do(self, command: str) -> str:
        match = re.fullmatch(r"(IFM|LG|ID)(.*)", command)
        if command == "CP":
            return self._position()
        if command == "TO":
            command = "GOB" if self._world.position == "load" else "GOA"
        if command in self._MOVES:
            before = self._world.position
            self._world.switch("load" if self._MOVES[command] == "load" else "inject")
            self._moves += self._world.position != before
            return self._position() if self._settings["IFM"] != "0" else ""
        if command == "CNT":
            return f"CNT{self._moves}"
        if command == "VR":
            return "I-PD-AMHX88RD1"
        if match is None:
            return f'"{command}" = Bad command' if command else ""
        name, value = match.groups()
        if name == "ID":
            if value:
                self._id = "" if value == "*" else value[:1]
                return ""
            return f"ID{self._id}"
        if not value:
            return f"{name}{self._settings[name]}"
        if value not in ("0", "1", "2")[: 3 if name == "IFM" else 2]:
            return f'"{command}" = Bad command'
        self._settings[name] = value
        return ""

    def _position(self) -> str:
        letter = "A" if self._world.position == "load" else "B"
        return f'Position is = "{letter}"' if self._settings["LG"] == "1" else f"CP{letter}"
