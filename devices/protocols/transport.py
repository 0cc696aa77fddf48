"""Bytes to and from instruments: framing, time-outs, bounded retries.

One `Transport` is one port; several devices may share it
(daisy chain, RS-485), since an exchange - request, then its whole reply - holds the port's lock.
Everything here counts wall time: a serial line knows nothing of the lab clock.

Some lines (RS-485 adapters, modems) give back what is sent. That local echo is recognised, removed,
and never taken for an answer: the echo of a write looks like its confirmation.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from math import inf
from time import monotonic
from typing import Literal, TypeVar

from ..token import EmulationToken
from .errors import (
    BusyError,
    GarbledError,
    GaveWayError,
    InstrumentError,
    NoReplyError,
    PortLostError,
    TransportError,
)
from .framing import Framing, begins
from .port import Port

__all__ = [
    "BusyError",
    "GarbledError",
    "GaveWayError",
    "InstrumentError",
    "NoReplyError",
    "PortLostError",
    "Transport",
    "TransportError",
]

_log = logging.getLogger(__name__)

T = TypeVar("T")

_QUIET = 0.05  # s without a byte after which a line that lost step counts as quiet
_SILENCE = 0.1  # s without a byte that end a reply which has no terminator
_LATE = 0.3  # the same, at most, before the rig is made safe over it
_RESYNC = 1.0  # s at most to wait for a quiet line
_LONGEST = 65536  # bytes of a reply; no instrument here says a hundredth of that
_GLANCE = 0.05  # s after which a wait looks up whether somebody urgent wants the line
_ABSENCE = 3.0  # time-outs for which a port that is gone is waited for
_WRITING = 0.5  # s at least for a write: pyserial counts what another process took meanwhile, too
_LATER = 0.2  # s after which an instrument that was busy is asked again
_WARY = 2  # exchanges after a failed one that begin on a quiet line: the first may have taken the
# late answer for its own, which then comes itself


class Transport:
    """One port, opened at once.

    Parameters
    ----------
    url : str
        Device path (`/dev/ttyUSB0`, `COM3`) or a pyserial URL (`socket://host:port`).
    token : EmulationToken, optional
        Proof that an emulator sits behind `url`.
    timeout : float
        Wall time [s] the whole reply may take.
    retries : int
        How often an exchange that may be repeated is repeated.
    baudrate, bytesize, parity, stopbits
        Line settings, as in pyserial; a socket ignores them.
    flow_control : {"none", "rtscts", "dsrdtr"}
        Handshake lines, as in pyserial, which on Linux only drives DTR for the last. Not XON/XOFF:
        XON ends the replies of a Harvard pump.

    Attributes
    ----------
    baudrate : int
        As given.
    echo : bool or None
        Whether the line gives back what is sent; None while that is not known.
    exchanges, retried : int
        Requests sent, and how many of them were repetitions.
    record : list of (bytes, bytes), or None
        Give it a list to have every request and what came back, whole or not, put there.

    Raises
    ------
    PortLostError
        If the port cannot be opened.
    ValueError
        If `token` does not vouch for `url`.
    """

    def __init__(
        self,
        url: str,
        *,
        token: EmulationToken | None = None,
        timeout: float = 1.0,
        retries: int = 2,
        baudrate: int = 9600,
        bytesize: int = 8,
        parity: str = "N",
        stopbits: float = 1,
        flow_control: Literal["none", "rtscts", "dsrdtr"] = "none",
    ):
        if token is not None and url not in token.urls:
            raise ValueError(f"{url} was not opened by the emulator launcher that gave the token")
        self.url = url
        self.emulated = token is not None
        self.timeout = timeout
        self.retries = retries
        self.baudrate = baudrate
        self.exchanges = self.retried = 0
        self.record: list[tuple[bytes, bytes]] | None = None
        self.echo: bool | None = None
        self._unheard = b""  # sent without an answer; its echo, if any, has not come yet
        self._answered, self._heard = False, b""  # ever; and what came first, before that
        self._port = Port(
            url,
            write_timeout=max(timeout, _WRITING),
            baudrate=baudrate,
            bytesize=bytesize,
            parity=parity,
            stopbits=stopbits,
            flow_control=flow_control,
        )
        self._lock = threading.RLock()
        self._urgent = 0  # how many want the line at once
        self._hurry, self._counting = threading.local(), threading.Lock()
        self._hearers: list[Callable[[bytes], object]] = []
        self._gone = False  # the port, since somebody was told
        self._wary = 0  # exchanges to come that have to begin on a quiet line
        self._port.open()

    def exchange(
        self, request: bytes, framing: Framing, parse: Callable[[bytes], T], *, repeat: bool
    ) -> T:
        """Send `request` and return its parsed reply.

        Parameters
        ----------
        request : bytes
            Goes out as it is.
        framing : Framing
            How its end is known.
        parse : callable
            Turns the whole reply into the answer; raises `GarbledError` for nonsense.
        repeat : bool
            Whether the request may be sent again after no or a garbled reply: true of reads, and
            of writes that do the same when done twice.

        A port that is gone is waited for then, too, for a while.

        Raises
        ------
        NoReplyError, GarbledError, BusyError, PortLostError
            After the last try.
        """
        tries = 0
        lost: PortLostError | None = None
        patience = inf
        with self._lock:
            while True:
                self._give_way()
                try:
                    received, reply = self._once(request, framing)
                    answer = self._parsed(reply, framing, parse, 1 + tries)
                except PortLostError as error:
                    self._wary = _WARY
                    if lost is None:
                        lost, patience = error, monotonic() + _ABSENCE * self.timeout
                    if not repeat or self._port.closed or monotonic() + _LATER > patience:
                        raise lost from error
                    if not self._gone:
                        _log.warning("%s; trying to open it again", error)
                    self._gone = True
                    self._linger()
                except (NoReplyError, GarbledError, BusyError) as error:
                    self._wary = max(self._wary - 1, 0) if isinstance(error, BusyError) else _WARY
                    if tries == (self.retries if repeat else 0):
                        told = f"{self.url}: {error} (sent {request!r}){self._stranger()}"
                        raise type(error)(told) from error
                    _log.warning("%s: %s (sent %r), asking again", self.url, error, request)
                    tries += 1
                    self.retried += 1
                    if isinstance(error, BusyError):
                        self._linger()
                except InstrumentError:  # a whole answer, if not a welcome one
                    raise
                except BaseException:  # given way, or interrupted: the answer is still to come
                    self._wary = _WARY
                    raise
                else:
                    if self.echo is None:
                        self.echo = received != reply
                    self._wary, self._answered = max(self._wary - 1, 0), True
                    self._gone = False
                    return answer

    def _stranger(self) -> str:
        """Say that whoever listens at a TCP port may be another, as long as nobody has answered."""
        if self._answered or not self.url.startswith("socket://"):
            return ""
        said = f", and has said {begins(self._heard)}" if self._heard else ""
        return (
            f"; something accepts connections there{said}, but does not answer as this instrument "
            "would: check host and port, what else listens on it, and the protocol"
        )

    @staticmethod
    def _parsed(reply: bytes, framing: Framing, parse: Callable[[bytes], T], sent: int) -> T:
        """Parse a reply; of several that came together, as often as it was asked for, the last."""
        try:
            return parse(reply)
        except GarbledError:
            pieces = [b""]
            for byte in reply:
                pieces[-1] += bytes((byte,))
                if framing.complete(pieces[-1]):
                    pieces.append(b"")
            if pieces[-1] or not 2 < len(pieces) <= 1 + sent:
                raise
            return parse(pieces[-2])

    @contextmanager
    def urgent(self, patience: float) -> Iterator[None]:
        """Have the line next: whoever is in an exchange breaks it off (`GaveWayError`).

        Parameters
        ----------
        patience : float
            Wall time [s] to wait for the line.

        Raises
        ------
        TransportError
            If it is not to be had: the one who holds it hangs in the operating system.
        """
        with self._counting:
            self._urgent += 1
        try:
            if not self._lock.acquire(timeout=patience):
                raise TransportError(f"{self.url}: another thread hangs in it")
            self._hurry.on = True
            try:
                self._drain()
                yield
            finally:
                self._hurry.on = False
                self._lock.release()
        finally:
            with self._counting:
                self._urgent -= 1

    @contextmanager
    def together(self) -> Iterator[None]:
        """Hold the line over several exchanges, or over a question and what it permits."""
        with self._lock:
            yield

    def _give_way(self) -> None:
        if self._urgent and not getattr(self._hurry, "on", False):
            raise GaveWayError(f"{self.url}: broken off, the rig is being made safe")

    def send(self, request: bytes) -> None:
        """Send a request that is not answered.

        Raises
        ------
        PortLostError
            If the port is gone.
        """
        with self._lock:
            self._give_way()
            self._write(request)
            self._note(request, b"")
            if self.echo is not False:
                self._unheard += request

    def overhear(self, call: Callable[[bytes], object]) -> None:
        """Have `call` hear what comes unasked, such as the alarm that a pump sends by itself.

        Parameters
        ----------
        call : callable
            Gets the bytes that the next request finds waiting; must not raise.
        """
        self._hearers.append(call)

    def hear(self, unasked: bytes) -> None:
        """Tell all hearers, as a driver does with what it finds before its own reply."""
        for call in self._hearers:
            call(unasked)

    def close(self) -> None:
        """Give the port back; idempotent, never raises for a port that is gone."""
        with self._lock:
            self._port.close()

    # -- one try ----------------------------------------------------------------------------

    def _once(self, request: bytes, framing: Framing) -> tuple[bytes, bytes]:
        """Return what came, and what of it is the reply."""
        self._write(request)
        sent, self._unheard = self._unheard + request, b""
        deadline = monotonic() + self.timeout
        buffer = reply = b""
        try:
            while not framing.complete(reply):
                ending = framing.or_silence and reply
                chunk = self._wait(min(_SILENCE if ending else inf, deadline - monotonic()))
                if chunk:
                    buffer += chunk
                    reply = self._without_echo(buffer, sent)
                    late = monotonic() > deadline and not framing.complete(reply)
                    if late or len(buffer) > _LONGEST:
                        raise GarbledError(f"{begins(buffer)} does not end")
                elif ending:
                    break
                elif reply:
                    raise GarbledError(f"the reply {begins(reply)} broke off")
                elif buffer:
                    raise NoReplyError(
                        f"no reply within {self.timeout:g} s, only {buffer!r}, the line's own echo"
                    )
                else:
                    raise NoReplyError(f"no reply within {self.timeout:g} s")
        finally:
            if not sent.startswith(buffer):  # its echo
                self._heard = self._heard or buffer
            self._note(request, buffer)
        return buffer, reply

    def _wait(self, seconds: float) -> bytes:
        """Return what comes within some seconds, unless somebody urgent wants the line."""
        until = monotonic() + seconds
        while not (chunk := self._port.receive(min(_GLANCE, max(0.0, until - monotonic())))):
            self._give_way()
            if monotonic() >= until:
                break
        return chunk

    def _without_echo(self, buffer: bytes, sent: bytes) -> bytes:
        """Return what of `buffer` is no echo of `sent`, as far as can be told yet."""
        if self.echo is False:
            return buffer
        if buffer.startswith(sent):
            return buffer[len(sent) :]
        if sent.startswith(buffer):
            return b""
        if self.echo:
            raise GarbledError(f"{buffer!r} came where the line's echo should be")
        return buffer

    def _linger(self) -> None:
        """Let a moment pass, unless somebody urgent wants the line."""
        until = monotonic() + _LATER
        while monotonic() < until:
            self._give_way()
            threading.Event().wait(_GLANCE)

    def _note(self, request: bytes, reply: bytes) -> None:
        if self.record is not None:
            self.record.append((request, reply))

    def _write(self, request: bytes) -> None:
        self._port.open()
        stale = self._resync() if self._wary else self._port.receive(0.0)
        both = min(len(stale), len(self._unheard))
        if stale[:both] == self._unheard[:both]:
            stale, self._unheard = stale[both:], self._unheard[both:]
        if stale:
            self._unheard = b""
            _log.warning("%s: %r came, which nobody had asked for", self.url, stale)
            self._heard = self._heard or stale
            self.hear(stale)
        self.exchanges += 1
        self._port.write(request)

    def _drain(self) -> None:
        """Let late answers pass: none of them must confirm what is sent to make the rig safe."""
        if self._wary:
            with suppress(PortLostError):  # it is opened again when something is sent
                self.hear(self._resync(min(2 * self.timeout, _LATE)))

    def _resync(self, quiet: float = _QUIET) -> bytes:
        """Swallow what still dribbles in after a failed exchange, until the line is quiet."""
        stale, deadline = b"", monotonic() + _RESYNC
        while (chunk := self._port.receive(quiet)) and monotonic() < deadline:
            self._give_way()
            stale = (stale + chunk)[-_LONGEST:]
        return stale
