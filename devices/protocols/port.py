"""A serial or TCP port: bytes in, bytes out, opened again once it has been lost.

The only module that knows pyserial.
"""

import logging
import select
from functools import partial
from typing import Any

import serial

from .errors import PortLostError

_log = logging.getLogger(__name__)

_CHUNK = 4096  # bytes taken at once


class Port:
    """One port; not open yet.

    Parameters
    ----------
    url : str
        Device path or pyserial URL.
    flow_control : {"none", "rtscts", "dsrdtr"}
        See `Transport`.
    **settings
        Of the line, as in pyserial.

    Attributes
    ----------
    closed : bool
        Whether it was given back for good.
    """

    def __init__(self, url: str, *, flow_control: str, **settings: Any):
        self._url = url
        # Time-out 0: pyserial hands over what is there, and our select does the waiting.
        self._dial = partial(
            serial.serial_for_url,
            url,
            timeout=0,
            xonxoff=False,
            rtscts=flow_control == "rtscts",
            dsrdtr=flow_control == "dsrdtr",
            exclusive=True,
            **settings,
        )
        self.closed = False
        self._port: serial.SerialBase | None = None
        self._descriptor: int | None = None

    def open(self) -> None:
        """Open the port unless it is open: the first time, and once it has been lost."""
        if self._port is not None:
            return
        if self.closed:
            raise PortLostError(f"{self._url}: this transport was closed; open the rig again")
        try:
            port = self._dial()
        except (serial.SerialException, OSError, ValueError) as error:
            raise PortLostError(
                f"{self._url}: the port cannot be opened ({error}); check cable, power and name, "
                "and that no other program holds it"
            ) from error
        self._port = port
        try:
            self._descriptor = port.fileno()
        except (AttributeError, OSError):  # io.UnsupportedOperation is an OSError
            self._descriptor = None

    def close(self) -> None:
        """Give it back for good; idempotent, never raises for a port that is gone."""
        self.closed = True
        self._drop()

    def write(self, data: bytes) -> None:
        """Send (`PortLostError` if the port is gone)."""
        try:
            self._live().write(data)
        except (serial.SerialException, OSError) as error:
            raise self._lost(error) from error

    def receive(self, wait: float) -> bytes:
        """Return what has come, after `wait` seconds at the latest; empty if nothing has."""
        port = self._live()
        try:
            if self._descriptor is None:  # Windows, loop:// and rfc2217:// have none to select on
                port.timeout = max(0.0, wait)
                first = port.read(1)
                if not first:
                    return first
                # every port has in_waiting, only the stub of the base class lacks it
                return first + port.read(port.in_waiting)  # type: ignore[attr-defined]
            if not select.select([self._descriptor], [], [], max(0.0, wait))[0]:
                return b""
            return port.read(_CHUNK)
        except (serial.SerialException, OSError) as error:
            raise self._lost(error) from error

    def _live(self) -> serial.SerialBase:
        if self._port is None:
            raise PortLostError(f"{self._url}: the port is closed")
        return self._port

    def _lost(self, error: Exception) -> PortLostError:
        self._drop()
        return PortLostError(f"{self._url}: the port is gone ({error}); check cable and power")

    def _drop(self) -> None:
        port, self._port, self._descriptor = self._port, None, None
        if port is not None:
            try:
                port.close()
            except (serial.SerialException, OSError):
                _log.debug("%s: closing a port that is gone", self._url, exc_info=True)
