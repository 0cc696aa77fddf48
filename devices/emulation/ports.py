"""The emulated instruments on ports: a pseudo-terminal or a TCP port of this machine each.

with Emulation(world, {"valve": EmulatedVici(world)}, "tcp") as emulation:
    print(emulation.urls["valve"])
"""

import os
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from ..token import EmulationToken
from .instrument import EmulatedInstrument
from .layout import LinkFaults
from .software import EmulatedSoftware
from .world import World

with suppress(ImportError):  # Windows, which has no pseudo-terminals
    import termios
    import tty

_CHUNK = 4096  # bytes read or written at a time
_NOISE = 256 * b"U"
_PATIENCE = 0.05  # wall time between attempts to end a thread [s]


class Emulation:
    """All instruments of one world, each on its port, served by threads of this process.

    Parameters
    ----------
    world : World
        The physics they share; its `links` get the faults of each line.
    instruments : mapping of str to EmulatedInstrument
        By name of the transport they are on.
    transport : {"pty", "tcp"}
        Pseudo-terminals are closest to serial lines; TCP splits and joins bytes as networks do.
    echo : collection of str
        The transports that give back what is sent.

    Attributes
    ----------
    world : World
        As given.
    urls : dict of str to str
        By name of the transport: a device path or ``socket://127.0.0.1:PORT``.
    token : EmulationToken
        Proof that behind these ports nothing real moves.
    software : EmulatedSoftware or None
        What analyses where no detector does.
    """

    def __init__(
        self,
        world: World,
        instruments: Mapping[str, EmulatedInstrument],
        transport: Literal["pty", "tcp"] = "pty",
        echo: Collection[str] = (),
    ):
        kind = {"pty": _Pty, "tcp": _Tcp}[transport]
        self.world = world
        world.links.update({name: LinkFaults(echo=name in echo) for name in instruments})
        self.software: EmulatedSoftware | None = None
        self._ports = [
            kind(name, each.receive, world.links[name]) for name, each in instruments.items()
        ]
        self.urls = {port.name: port.url for port in self._ports}
        self.token = EmulationToken(self.urls.values())

    @property
    def folder(self) -> Path | None:
        """Where the software writes its files; None if there is none."""
        return self.software.folder if self.software else None

    def close(self) -> None:
        """End all threads, close all ports, remove the files; idempotent."""
        for port in self._ports:
            port.close()
        if self.software:
            self.software.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Port(ABC):
    """A line, a thread that serves it, and the faults of the line."""

    url: str

    def __init__(self, name: str, receive: Callable[[bytes], bytes], faults: LinkFaults):
        self.name = name
        self._receive, self._faults = receive, faults
        self._guard = threading.Lock()
        faults.unplug, faults.plug = self.unplug, self.plug
        self.plug()

    def plug(self) -> None:
        """Open the port, again if it was unplugged."""
        self._open()
        self._closing = False
        self._thread = threading.Thread(
            target=self._serve, name=f"emulated-{self.name}", daemon=True
        )
        self._thread.start()

    @abstractmethod
    def _open(self) -> None:
        """Make the port ready for `_serve`."""

    @abstractmethod
    def _serve(self) -> None:
        """Answer until `_closing`."""

    @abstractmethod
    def _wake(self) -> None:
        """Make the blocked thread look at `_closing`."""

    @abstractmethod
    def _release(self) -> None:
        """Close what a driver could be talking to; the thread has ended."""

    def close(self) -> None:
        """End the thread and close the port; idempotent."""
        self.unplug()

    def unplug(self) -> None:
        """End the thread and take the port away; idempotent."""
        with self._guard:
            if self._closing:
                return
            self._closing = True
            while self._thread.is_alive():  # again, should it have been busy with a long answer
                self._wake()
                self._thread.join(_PATIENCE)
        self._release()

    def _exchange(self, data: bytes, write: Callable[[bytes], object]) -> None:
        """Let the instrument hear `data` and write what it answers, as far as the line allows."""
        faults = self._faults
        if faults.echo:
            write(data)
        while faults.flood and not self._closing:
            write(_NOISE)
            time.sleep(_PATIENCE / 10)
        if not faults.any():
            if reply := self._receive(data):
                write(reply)
            return
        if faults.silent:
            faults.silent -= 1
            return
        if faults.refused:
            faults.refused -= 1
            write(faults.refuse(data))
            return
        if reply := self._receive(data):
            self._spoil(reply, write)

    def _spoil(self, reply: bytes, write: Callable[[bytes], object]) -> None:
        """Write an answer as a bad line lets it through."""
        faults = self._faults
        if faults.lost:
            faults.lost -= 1
            return
        if faults.altered:
            faults.altered -= 1
            reply = faults.alter(reply)
        if faults.late:
            faults.late -= 1
            time.sleep(faults.delay)
        if faults.garble:
            faults.garble -= 1
            middle = len(reply) // 2  # a set high bit is no character of any of the protocols
            reply = reply[:middle] + bytes([reply[middle] ^ 0x80]) + reply[middle + 1 :]
        if faults.split:
            faults.split -= 1
            half = (len(reply) + 1) // 2
            write(reply[:half])
            time.sleep(faults.delay)
            reply = reply[half:]
        held, faults.held = faults.held, b""
        if faults.merged:
            faults.merged -= 1
            faults.held = reply
            reply = b""
        write(held + reply)


class _Pty(_Port):
    """A pseudo-terminal; the emulator holds its other end open, so drivers may come and go."""

    def _open(self) -> None:
        if hasattr(self, "url"):
            raise NotImplementedError(f"{self.url} cannot be had again; emulate on TCP for that")
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.url = os.ttyname(self._slave)

    def _serve(self) -> None:
        master = self._master

        def write(reply: bytes) -> None:
            while reply and not self._closing:
                reply = reply[os.write(master, reply[:_CHUNK]) :]

        while not self._closing:
            self._exchange(os.read(master, _CHUNK), write)

    def _wake(self) -> None:
        for end in (self._master, self._slave):
            termios.tcflush(end, termios.TCIOFLUSH)  # frees a write that nobody reads
        os.write(self._slave, b"\0")  # frees the read; completes no command

    def _release(self) -> None:
        os.close(self._master)

    def close(self) -> None:
        """End the thread, take the port away, and leave its name to others."""
        super().close()
        if self._slave >= 0:
            os.close(self._slave)
            self._slave = -1


class _Tcp(_Port):
    """A TCP port for one client at a time, as serial device servers are."""

    _number = 0

    def _open(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self._number))
        self._number = self._listener.getsockname()[1]
        self._client: socket.socket | None = None
        self.url = f"socket://127.0.0.1:{self._number}"

    def _serve(self) -> None:
        while True:
            client, _ = self._listener.accept()
            with client:
                if self._closing:
                    return
                self._client = client
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    while data := client.recv(_CHUNK):
                        self._exchange(data, client.sendall)
                except OSError:
                    pass  # the client has gone; the next one may come
                self._client = None

    def _wake(self) -> None:
        if (client := self._client) is not None:
            with suppress(OSError):  # it may have gone meanwhile
                client.shutdown(socket.SHUT_RDWR)
        socket.create_connection(self._listener.getsockname()).close()

    def _release(self) -> None:
        self._listener.close()
