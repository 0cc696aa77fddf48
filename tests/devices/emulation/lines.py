"""Emulated instruments, and raw lines to them."""

import os
import select
import socket
from dataclasses import replace
from typing import Literal

from reactune.devices.emulation.eurotherm import EmulatedEurotherm
from reactune.devices.emulation.harvard11 import EmulatedHarvardChain
from reactune.devices.emulation.layout import FeedStream, layout_of
from reactune.devices.emulation.ports import Emulation
from reactune.devices.emulation.reactions.walker2017 import Walker2017
from reactune.devices.emulation.scpi import EmulatedVoltmeter
from reactune.devices.emulation.vici import EmulatedVici
from reactune.devices.emulation.world import World
from reactune.devices.rigfile import load

XON = b"\x11"
QUIET = 0.15  # wall time after which nobody answers any more [s]
SMALL = replace(
    layout_of(load("walker"), Walker2017()),
    streams=(FeedStream("c60", 2.775, 1000), FeedStream("sultine", 8.323, 1000)),
)


class Line:
    """A raw client: no driver, no pyserial."""

    def __init__(self, url: str):
        self._socket: socket.socket | None = None
        if url.startswith("socket://"):
            host, port = url.removeprefix("socket://").split(":")
            self._socket = socket.create_connection((host, int(port)))
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.fd = self._socket.fileno()
        else:
            self.fd = os.open(url, os.O_RDWR | os.O_NOCTTY)

    def write(self, data: bytes) -> None:
        os.write(self.fd, data)

    def read(self, wait: float = 2.0) -> bytes:
        """What comes next; b"" if nothing does."""
        return os.read(self.fd, 4096) if select.select([self.fd], [], [], wait)[0] else b""

    def ask(self, data: bytes, end: bytes | int) -> bytes:
        """Exchange; `end` is what the answer ends with, or its length."""
        self.write(data)
        answer = b""
        while len(answer) != end if isinstance(end, int) else not answer.endswith(end):
            piece = self.read()
            assert piece, f"{data!r} got only {answer!r}"
            answer += piece
        return answer

    def silent(self, data: bytes) -> bool:
        """Whether nothing comes back."""
        self.write(data)
        return self.read(QUIET) == b""

    def close(self) -> None:
        if self._socket:
            self._socket.close()
        else:
            os.close(self.fd)


class Lab:
    """Emulation, hand-driven clock, raw lines."""

    def __init__(self, transport: Literal["pty", "tcp"]):
        self.time = 0.0
        self.world = World(lambda: self.time, SMALL, Walker2017(), noise=None)
        instruments = {
            "pumps": EmulatedHarvardChain(self.world, {0: 0, 1: 1}),
            "heater": EmulatedEurotherm(self.world),
            "valve": EmulatedVici(self.world),
            "detector": EmulatedVoltmeter(self.world),
        }
        self.emulation = Emulation(self.world, instruments, transport)
        self.lines: list[Line] = []

    def line(self, name: str) -> Line:
        self.lines.append(Line(self.emulation.urls[name]))
        return self.lines[-1]

    def pumps(self) -> "Pumps":
        return Pumps(self.line("pumps"))

    def wait(self, minutes: float) -> None:
        self.time += 60 * minutes


class Pumps:
    """A line of pumps in poll mode."""

    def __init__(self, line: Line):
        self.line = line
        for address in (0, 1):
            self(f"{address}:poll on")

    def __call__(self, command: str) -> str:
        return self.line.ask(command.encode() + b"\r", XON).decode().removesuffix("\x11")
