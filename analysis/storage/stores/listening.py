"""A port of this computer that a server answers at."""

import contextlib
import errno
import socket
from collections.abc import Iterator

from .server import ServerTrouble


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Take a port; it is given back at the end.

    Parameters
    ----------
    host : str
        The address it is at.
    port : int
        0 for any that is free.

    Raises
    ------
    ServerTrouble
        If it is not to be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise ServerTrouble(_refused(host, port, error)) from None
        yield listener


def _refused(host: str, port: int, error: OSError) -> str:
    """Say why a port is not to be had, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is in use: end what answers there, or give another --port."
    if error.errno == errno.EACCES:
        return f"Port {port} of {host} is not for everybody: give a --port above 1023."
    return (
        f"{host} is no address of this computer ({error.strerror}): give one as --host, or 0.0.0.0 "
        "for all that it has."
    )
